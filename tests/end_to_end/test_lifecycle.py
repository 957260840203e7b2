"""An endpoint's life with the real CDK CLI: what is deployed is the synthesized template and the
packed archive, never this checkout's own modules.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import ROOT, Answers, Cloud

Cdk = Callable[..., str]
DEPLOY = ("deploy", "--require-approval", "never")
# What inspection would have told before it was uploaded.
UNSEEN = (*DEPLOY, "-c", "inspect=off")


@pytest.fixture
def named(project: Path, request: pytest.FixtureRequest) -> str:
    """An endpoint name of this test's own, so that tests share a cloud and nothing else."""
    name = f"iris-{abs(hash(request.node.name)) % 10**9}"
    stage = project / "stages" / "dev.toml"
    stage.write_text(stage.read_text().replace("iris-dev", name))
    return name


@pytest.fixture
def cdk(deploy: Cdk, named: str) -> Cdk:
    assert named
    return deploy


def retrain(project: Path, inverse_regularization: str) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "model_artifact.train"),
            *("--inverse-regularization", inverse_regularization),
            *("--output", str(project / "model_artifact" / "model")),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )


def break_model(project: Path) -> str:
    """Have model_fn raise; return the handler as it was."""
    handler = project / "inference" / "code" / "inference.py"
    good = handler.read_text()
    handler.write_text(good.replace("folder = Path(model_dir)", 'raise ValueError("no such luck")'))
    assert handler.read_text() != good
    return good


def left_over(cloud: Cloud, name: str) -> dict[str, list[Any]]:
    """Return what of the stack is still there, by each service's API."""
    sagemaker, scaling = cloud.client("sagemaker"), cloud.client("application-autoscaling")
    roles = cloud.client("iam").list_roles()["Roles"]
    return {
        "endpoints": sagemaker.list_endpoints(NameContains=name)["Endpoints"],
        "configs": [
            config
            for config in sagemaker.list_endpoint_configs()["EndpointConfigs"]
            if name in str(config).lower()
        ],
        "models": [m for m in sagemaker.list_models()["Models"] if name in str(m).lower()],
        "targets": [
            target
            for target in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")[
                "ScalableTargets"
            ]
            if f"/{name}/" in target["ResourceId"]
        ],
        "policies": [
            policy
            for policy in scaling.describe_scaling_policies(ServiceNamespace="sagemaker")[
                "ScalingPolicies"
            ]
            if f"/{name}/" in policy["ResourceId"]
        ],
        "roles": [role["RoleName"] for role in roles if role["RoleName"].startswith(name)],
    }


def test_a_retrained_model_takes_over_without_a_lost_request_and_destroy_leaves_nothing(
    cdk: Cdk, cloud: Cloud, project: Path, named: str
) -> None:
    cdk(*DEPLOY)
    sagemaker = cloud.client("sagemaker")
    before = sagemaker.describe_endpoint(EndpointName=named)
    with Answers(cloud, named) as loop:
        loop.wait_for_more()
        retrain(project, "0.01")
        cdk(*DEPLOY)
        loop.wait_for_more()
    assert loop.errors == []
    old, new = loop.answers[0], loop.answers[-1]
    assert old != new
    # One change, at one moment: the old model's answers, then the new one's.
    moment = loop.answers.index(new)
    assert set(loop.answers[:moment]) == {old}
    assert set(loop.answers[moment:]) == {new}
    after = sagemaker.describe_endpoint(EndpointName=named)
    assert after["CreationTime"] == before["CreationTime"]
    assert after["EndpointConfigName"] != before["EndpointConfigName"]
    # Neither times, permissions, the time zone nor the umask make another archive.
    for path in project.rglob("*"):
        os.utime(path, (1, 1))
    cloud.environment["TZ"] = "Pacific/Kiritimati"
    previous = os.umask(0o077)
    try:
        assert "There were no differences" in cdk("diff", "--fail")
        assert "no changes" in cdk(*DEPLOY)
    finally:
        os.umask(previous)
        del cloud.environment["TZ"]
    found = left_over(cloud, named)
    assert all(found.values()), found
    cdk("destroy", "--force", "--app", "cdk.out")
    assert not any(left_over(cloud, named).values())


def test_a_model_that_does_not_load_is_rolled_back_while_the_old_one_answers(
    cdk: Cdk, cloud: Cloud, project: Path, named: str
) -> None:
    cdk(*DEPLOY)
    good = break_model(project)
    with Answers(cloud, named) as loop:
        loop.wait_for_more()
        printed = cdk(*UNSEEN, fails=True)
        loop.wait_for_more()
    assert loop.errors == []
    assert len(set(loop.answers)) == 1
    assert "ValueError: no such luck" in printed
    (stack,) = cloud.client("cloudformation").describe_stacks(StackName=named)["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert len(left_over(cloud, named)["configs"]) == 1
    (project / "inference" / "code" / "inference.py").write_text(good + "\n# as it was\n")
    cdk(*DEPLOY)
    status = cloud.client("sagemaker").describe_endpoint(EndpointName=named)["EndpointStatus"]
    assert status == "InService"


def test_a_first_deployment_that_fails_leaves_nothing_behind(
    cdk: Cdk, cloud: Cloud, project: Path, named: str
) -> None:
    good = break_model(project)
    assert "the model does not load: ValueError: no such luck" in cdk(*DEPLOY, fails=True)
    assert not any(left_over(cloud, named).values())
    printed = cdk(*UNSEEN, fails=True)
    assert "ValueError: no such luck" in printed
    assert "did not pass the ping health check" in printed
    assert not any(left_over(cloud, named).values())
    logs = cloud.run(sys.executable, "-m", "local_cloud", "logs", named, cwd=ROOT).stdout
    assert "Traceback" in logs
    assert "ValueError: no such luck" in logs
    (project / "inference" / "code" / "inference.py").write_text(good)
    cdk(*DEPLOY)
