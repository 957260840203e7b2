"""Models that are not simply a folder to pack: with wheels, and in S3 already."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, Cloud
from tests.model_artifact.wheels.conftest import make_wheel

Cdk = Callable[..., str]
DEPLOY = ("deploy", "--require-approval", "never")
BODY = '{"instances": [[1.2, 2.3, 3.4, 4.5]]}'
FOLDERS = 'artifact = "model_artifact/model"\ncode = "inference/code"'


def deploys(project: Path, name: str, model: str) -> None:
    """Have dev deploy another model, to an endpoint of this test's own."""
    path = project / "stages" / "dev.toml"
    text = path.read_text().replace("iris-dev", name)
    assert FOLDERS in text
    path.write_text(text.replace(FOLDERS, model))


def answer(cloud: Cloud, endpoint: str) -> dict[str, object]:
    runtime = cloud.client("sagemaker-runtime")
    said = runtime.invoke_endpoint(EndpointName=endpoint, Body=BODY)["Body"].read()
    found: dict[str, object] = json.loads(said)
    return found


def is_isolated(cloud: Cloud, endpoint: str) -> bool:
    sagemaker = cloud.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    (variant,) = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    isolated: bool = sagemaker.describe_model(ModelName=variant["ModelName"])[
        "EnableNetworkIsolation"
    ]
    return isolated


def test_vendored_packages_are_installed_where_there_is_no_network(
    deploy: Cdk, cloud: Cloud, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = project / "inference" / "code"
    (code / "requirements.txt").write_text("greeting==1.0\n")
    handler = code / "inference.py"
    handler.write_text(
        handler.read_text().replace("import joblib", "import joblib\nimport greeting").replace(
            "problem = {", 'problem = {"greeting": greeting.VERSION, '
        )
    )  # fmt: skip
    assert 'greeting.VERSION, "error"' in handler.read_text()
    index = tmp_path / "index"
    make_wheel(index, "greeting", "1.0", "numpy")
    for name, value in {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": index.as_uri(),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "PIP_CACHE_DIR": str(tmp_path / "pip"),
    }.items():
        monkeypatch.setitem(cloud.environment, name, value)
    unreachable = 'environment = { PIP_INDEX_URL = "http://127.0.0.1:9/" }'
    model = f"{FOLDERS}\n{unreachable}\nnetwork_isolation = true\nvendor_requirements = true"
    deploys(project, "iris-vendored", model)
    deploy(*DEPLOY)
    assert (code / "requirements.lock").is_file()
    assert is_isolated(cloud, "iris-vendored")
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="iris-vendored", Body="[]")
    assert '"greeting": "1.0"' in caught.value.response["OriginalMessage"]
    assert answer(cloud, "iris-vendored")["predictions"] == ["virginica"]
    # The same again asks for no packages: the index may be gone.
    for wheel in index.iterdir():
        wheel.unlink()
    assert "no changes" in deploy(*DEPLOY)


def test_a_model_that_lies_in_s3_is_deployed_from_there(
    deploy: Cdk, cloud: Cloud, project: Path, model_folder: Path
) -> None:
    # Uncompressed: an archive there is read as one that was uploaded is.
    bucket, name = "models-of-others", "iris-in-s3"
    s3 = cloud.client("s3")
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    code = ROOT / "inference" / "code"
    for folder, below in ((model_folder, ""), (code, "code/")):
        for file in folder.glob("*.*"):
            s3.upload_file(str(file), bucket, f"iris/1/{below}{file.name}")
    deploys(project, name, f'artifact = "s3://{bucket}/iris/1/"')
    assert f"s3://{bucket}/iris/1/ is not inspected" in deploy(*DEPLOY)
    assert answer(cloud, name)["predictions"] == ["virginica"]
