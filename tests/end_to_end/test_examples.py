"""Each example as its README has it: trained, deployed with the real CDK CLI, and asked in each of
its formats. What comes after that is the same for every model, and tested with the first one.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from botocore.exceptions import ClientError

from inference.payloads import CSV, JSON, JSON_LINES, NPY, decode, encode
from tests.end_to_end.conftest import ROOT, Cloud

EXAMPLES = {
    "xgboost": ("cancer-xgboost", [JSON, JSON_LINES, CSV, NPY], ["malignant", "benign"]),
    "onnx": ("digits-onnx", [JSON, NPY], ["0", "1"]),
}
DEPLOY = ("deploy", "--require-approval", "never")


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest, project: Path) -> str:
    """An example in the project, its model not trained yet."""
    name: str = request.param
    ignore = shutil.ignore_patterns("__pycache__", "model")
    shutil.copytree(ROOT / "examples" / name, project / "examples" / name, ignore=ignore)
    return name


@pytest.fixture
def no_index(cloud: Cloud, project: Path, example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have wheels packed without a network: an empty one stands for onnxruntime's.

    An instance has no use for it: it finds the package itself installed beside it.
    """
    monkeypatch.setitem(cloud.environment, "PIP_NO_INDEX", "1")
    code = project / "examples" / example / "code"
    if (code / "requirements.txt").exists():
        number, tag = version("onnxruntime"), "cp312-cp312-manylinux_2_28_x86_64"
        (code / "wheels").mkdir()
        with ZipFile(code / "wheels" / f"onnxruntime-{number}-{tag}.whl", "w") as wheel:
            for name, text in {
                "METADATA": f"Metadata-Version: 2.1\nName: onnxruntime\nVersion: {number}\n",
                "WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
                "RECORD": "",
            }.items():
                wheel.writestr(f"onnxruntime-{number}.dist-info/{name}", text)


@pytest.mark.usefixtures("no_index")
def test_an_example_is_trained_deployed_and_asked(
    deploy: Callable[..., str], cloud: Cloud, project: Path, example: str
) -> None:
    endpoint, content_types, predictions = EXAMPLES[example]
    folder = f"examples/{example}"

    def ask(body: bytes, content_type: str = JSON, accept: str = JSON) -> Any:
        answer = cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, Body=body, ContentType=content_type, Accept=accept
        )
        return decode(answer["Body"].read(), answer["ContentType"])

    trained = cloud.run(sys.executable, "-m", f"examples.{example}.train", cwd=project)
    assert trained.returncode == 0, trained.stdout
    assert str(project / folder / "model") in trained.stdout
    deploy(*DEPLOY, "-c", f"stage={folder}/stage.toml")
    sample = (project / folder / "code" / "sample.json").read_bytes()
    first = ask(sample)
    assert first["predictions"] == predictions
    row = json.loads(sample)["instances"][0]
    probabilities = list(first["probabilities"][0].values())
    for content_type in content_types:
        body = encode([row], content_type)
        assert list(ask(body, content_type)["probabilities"][0].values()) == probabilities
    assert ask(sample, accept=NPY)[0].tolist() == probabilities
    with pytest.raises(ClientError) as caught:
        ask(b"[[]]")
    assert caught.value.response["OriginalStatusCode"] == 400
