"""The local cloud is for any CDK app that uses what it runs, and says what it does not run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from model_artifact.archive import build_archive
from tests.end_to_end.conftest import Answers, Cloud

APPS = Path(__file__).with_name("apps")


def cdk(cloud: Cloud, app: str, folder: Path, *arguments: str, fails: bool = False) -> str:
    run = f"{sys.executable} {APPS / app}"
    done = cloud.run("cdk", *arguments, "--app", run, "--no-color", cwd=folder)
    assert (done.returncode != 0) is fails, done.stdout
    return done.stdout


def test_an_app_with_other_names_an_alarm_and_a_dashboard_deploys(
    cloud: Cloud, project: Path, tmp_path: Path
) -> None:
    archive = build_archive(
        project / "model_artifact" / "model",
        project / "inference" / "code",
        tmp_path / "weights.tar.gz",
    )
    cloud.environment["MODEL_ARCHIVE"] = str(archive.path)
    try:
        cdk(cloud, "supported.py", tmp_path, "deploy", "--require-approval", "never")
        (stack,) = cloud.client("cloudformation").describe_stacks(StackName="Fraud")["Stacks"]
        (output,) = stack["Outputs"]
        with Answers(cloud, output["OutputValue"]) as loop:
            loop.wait_for_more()
        assert loop.errors == []
        cloudwatch = cloud.client("cloudwatch")
        (alarm,) = cloudwatch.describe_alarms(AlarmNamePrefix="Fraud-")["MetricAlarms"]
        assert alarm["MetricName"] == "Invocation5XXErrors"
        assert {"Name": "EndpointName", "Value": output["OutputValue"]} in alarm["Dimensions"]
        (board,) = cloudwatch.list_dashboards()["DashboardEntries"]
        assert "Invocation5XXErrors" in str(
            cloudwatch.get_dashboard(DashboardName=board["DashboardName"])["DashboardBody"]
        )
        cdk(cloud, "supported.py", tmp_path, "destroy", "--force")
        assert cloudwatch.list_dashboards()["DashboardEntries"] == []
    finally:
        del cloud.environment["MODEL_ARCHIVE"]


def test_a_type_that_is_not_run_fails_by_name_before_anything_is_made(
    cloud: Cloud, tmp_path: Path
) -> None:
    printed = cdk(
        cloud, "unsupported.py", tmp_path, "deploy", "--require-approval", "never", fails=True
    )
    assert "AWS::SQS::Queue" in printed
    assert "Requests" in printed
    assert cloud.client("sns").list_topics()["Topics"] == []


def test_bootstrap_by_the_cdk_cli_itself(cloud: Cloud, tmp_path: Path) -> None:
    bootstrap = (
        *("cdk", "bootstrap", "aws://123456789012/eu-west-3"),
        *("--qualifier", "slipway", "--toolkit-stack-name", "Toolkit", "--no-color"),
    )
    done = cloud.run(*bootstrap, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "bootstrapped" in done.stdout
    again = cloud.run(*bootstrap, cwd=tmp_path)
    assert again.returncode == 0, again.stdout
    assert "no changes" in again.stdout
    with pytest.raises(ClientError):
        cloud.client("cloudformation").describe_stacks(StackName="Toolkit")  # another region
