"""Each of stages/examples that the local cloud runs: deployed, asked, updated, asked, destroyed.

The stages of a group are one app's stacks, so that the CDK CLI deploys them side by side.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from settings.stage import Stage
from tests.end_to_end.conftest import ROOT, Answers, Cloud

APP = Path(__file__).with_name("apps") / "several.py"
BODY = '{"instances": [[1.2, 2.3, 3.4, 4.5]]}'

GROUPS: dict[str, Sequence[str]] = {
    "shapes": ("ab", "shadow", "pipeline", "instance_pools"),
    "modes": ("serverless", "async", "multi_model", "scaling"),
}
TRAINING = {
    "shapes": ("examples.pipeline.train",),
    "modes": (
        *("examples.multi_model.train", "--upload", "s3://my-bucket/models/"),
        "--create-bucket",
    ),
}
UPDATES = {
    "ab": ("initial_variant_weight = 9", "initial_variant_weight = 1"),
    "shadow": ("[models.candidate]", '[models.candidate]\nenvironment = { TRIED = "2" }'),
    "pipeline": ("[models.classify]", '[models.classify]\nenvironment = { TRIED = "2" }'),
    "instance_pools": ("initial_instance_count = 2", "initial_instance_count = 3"),
    "serverless": ("max_concurrency = 20", "max_concurrency = 10"),
    "async": ("max_concurrent_invocations_per_instance = 4",
              "max_concurrent_invocations_per_instance = 2"),
    "multi_model": ("volume_size_in_gb = 50", "volume_size_in_gb = 60"),
    "scaling": ("value = 600", "value = 500"),
}  # fmt: skip


# Where the number of instances says nothing about the shape, there are fewer: each is a process.
FEWER = {"shadow": (2, 1), "pipeline": (2, 1), "multi_model": (2, 1), "instance_pools": (4, 2)}


@pytest.fixture
def examples(project: Path) -> Path:
    """The project with what the stages of stages/examples deploy."""
    for name, (many, few) in FEWER.items():
        path = project / "stages" / "examples" / f"{name}.toml"
        text = path.read_text()
        assert f"initial_instance_count = {many}\n" in text
        count = "initial_instance_count = {}\n".format
        path.write_text(text.replace(count(many), count(few)))
    for name in ("pipeline", "multi_model"):
        ignore = shutil.ignore_patterns("__pycache__", "model", "archives")
        shutil.copytree(ROOT / "examples" / name, project / "examples" / name, ignore=ignore)
    return project


@pytest.fixture
def cdk(cloud: Cloud, examples: Path) -> Callable[..., str]:
    """Run the CDK CLI for all stacks of several stages; return what it printed."""

    def run(command: str, stages: Sequence[str], *arguments: str) -> str:
        cloud.environment["STAGES"] = " ".join(f"examples/{name}" for name in stages)
        # What is destroyed was synthesized when it was deployed.
        app = "cdk.out" if command == "destroy" else f"{sys.executable} {APP}"
        done = cloud.run(
            *("cdk", command, "--all", "--app", app, "--concurrency", "4", *arguments),
            *("--progress", "events", "--no-color"),
            cwd=examples,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


def answer(cloud: Cloud, endpoint: str, **more: str) -> dict[str, Any]:
    runtime = cloud.client("sagemaker-runtime")
    said = runtime.invoke_endpoint(EndpointName=endpoint, Body=BODY, **more)
    found: dict[str, Any] = json.loads(said["Body"].read())
    return found | {"variant": said["InvokedProductionVariant"]}


def ask_async(cloud: Cloud, endpoint: str) -> dict[str, Any]:
    """Put a request where the stack says, and wait for what is answered there."""
    s3, cloudformation = cloud.client("s3"), cloud.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=endpoint)["Stacks"]
    (path,) = (each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "InputPath")
    bucket, _, folder = path.removeprefix("s3://").partition("/")
    s3.put_object(Bucket=bucket, Key=f"{folder}one.json", Body=BODY)
    accepted = cloud.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=endpoint, InputLocation=f"{path}one.json", ContentType="application/json"
    )
    key = accepted["OutputLocation"].removeprefix(f"s3://{bucket}/")
    assert key.startswith("answers/")
    deadline = time.monotonic() + 60
    while "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=key):
        assert time.monotonic() < deadline, accepted
        time.sleep(0.05)
    found: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return found


def ask(cloud: Cloud, name: str, endpoint: str) -> None:
    """Ask an endpoint as its callers do."""
    match name:
        case "ab":
            for variant in ("Current", "Candidate"):
                assert answer(cloud, endpoint, TargetVariant=variant)["variant"] == variant
        case "async":
            assert ask_async(cloud, endpoint)["predictions"] == ["virginica"]
            return
        case "multi_model":
            answers = [
                answer(cloud, endpoint, TargetModel=f"{species}.tar.gz")["predictions"]
                for species in ("setosa", "virginica")
            ]
            assert answers[0] != answers[1]
            return
    assert answer(cloud, endpoint)["predictions"] == ["virginica"]


@pytest.mark.parametrize("group", GROUPS)
def test_each_example_stage_is_deployed_asked_updated_and_destroyed(
    cdk: Callable[..., str], cloud: Cloud, examples: Path, group: str
) -> None:
    names = GROUPS[group]
    endpoints = {name: Stage.load(f"examples/{name}").endpoint.name for name in names}
    trained = cloud.run(sys.executable, "-m", *TRAINING[group], cwd=examples)
    assert trained.returncode == 0, trained.stdout
    cdk("deploy", names, "--require-approval", "never")
    for name, endpoint in endpoints.items():
        ask(cloud, name, endpoint)
    for name in names:
        path = examples / "stages" / "examples" / f"{name}.toml"
        text = path.read_text()
        assert UPDATES[name][0] in text
        path.write_text(text.replace(*UPDATES[name]))
    watched = endpoints["ab" if group == "shapes" else "serverless"]
    with Answers(cloud, watched) as loop:
        loop.wait_for_more()
        cdk("deploy", names, "--require-approval", "never")
        loop.wait_for_more()
    assert loop.errors == []
    assert len(set(loop.answers)) == 1
    for name, endpoint in endpoints.items():
        ask(cloud, name, endpoint)
    cdk("destroy", names, "--force")
    left = cloud.client("sagemaker").list_endpoints()["Endpoints"]
    assert not {each["EndpointName"] for each in left} & set(endpoints.values())


def test_what_the_local_cloud_does_not_run_is_refused_by_name(
    cloud: Cloud, deploy: Callable[..., str], examples: Path
) -> None:
    shutil.copytree(examples / "model_artifact" / "model", examples / "examples/xgboost/model")
    (examples / "examples" / "xgboost" / "code").mkdir()
    shutil.copy(examples / "inference/code/inference.py", examples / "examples/xgboost/code")
    stage = ("-c", "stage=examples/components", "-c", "inspect=off")
    printed = deploy("deploy", "--require-approval", "never", *stage, fails=True)
    assert "AWS::SageMaker::InferenceComponent" in printed
    assert not cloud.client("sagemaker").list_endpoints(NameContains="components")["Endpoints"]
