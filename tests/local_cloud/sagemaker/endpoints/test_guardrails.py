"""Deployment guardrails: traffic that moves in steps, and back when an alarm goes off."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.sagemaker.cloud import (
    ANSWERS,
    REGION,
    Cloud,
    answers_meanwhile,
    until,
)

HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}
WHO = """
import os
def model_fn(d):
    return "NAME " + str(os.getpid())
def transform_fn(m, body, ct, accept):
    return m
"""
FAILS = """
import flask
def model_fn(d):
    return None
def transform_fn(m, body, ct, accept):
    return flask.Response("new", 500)
"""


def blue_green(kind: str, termination: int = 300, **more: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": 300, **more}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination}
    return {"BlueGreenUpdatePolicy": policy}


def rolling(**more: Any) -> dict[str, Any]:
    batch = {"Type": "INSTANCE_COUNT", "Value": 1}
    policy = {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 300, **more}
    return {"RollingUpdatePolicy": policy}


CANARY = blue_green("CANARY", CanarySize=HALF)


def with_alarms(config: dict[str, Any], *names: str) -> dict[str, Any]:
    alarms = [{"AlarmName": name} for name in names]
    return {**config, "AutoRollbackConfiguration": {"Alarms": alarms}}


def put_alarm(cloud: Cloud, endpoint: str, **more: Any) -> str:
    name = f"errors-{uuid.uuid4()}"
    dimensions = {"EndpointName": endpoint, "VariantName": "AllTraffic"}
    settings = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0.05,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        **more,
    }
    cloud.clients("cloudwatch", REGION).put_metric_alarm(AlarmName=name, **settings)
    return name


def alarm_state(cloud: Cloud, name: str) -> str:
    found = cloud.clients("cloudwatch", REGION).describe_alarms(AlarmNames=[name])
    return str(found["MetricAlarms"][0]["StateValue"])


def set_by_hand(cloud: Cloud, name: str, state: str) -> None:
    cloud.clients("cloudwatch", REGION).set_alarm_state(
        AlarmName=name, StateValue=state, StateReason="drill"
    )


def update(cloud: Cloud, name: str, code: str, deployment: dict[str, Any], **variant: Any) -> None:
    """Begin to update an endpoint that `deploy` has made."""
    new = f"{name}-new"
    cloud.config(new, {"ModelName": cloud.model(new, code), **variant})
    cloud.api.update_endpoint(
        EndpointName=name, EndpointConfigName=new, DeploymentConfig=deployment
    )


def baking(cloud: Cloud, name: str, setting: str, share: str = "") -> str:
    """Wait until an update bakes because of a setting, and give the message that says so."""

    def message() -> str | None:
        pending = cloud.api.describe_endpoint(EndpointName=name).get("PendingDeploymentSummary")
        assert pending, "it is over"
        [status] = pending["ProductionVariants"][0]["VariantStatus"]
        found = f"({setting})" in status["StatusMessage"] and share in status["StatusMessage"]
        return status["StatusMessage"] if found and status["Status"] == "Baking" else None

    return until(message)


@pytest.mark.parametrize(
    "deployment",
    [
        blue_green("ALL_AT_ONCE"),
        CANARY,
        blue_green("LINEAR", LinearStepSize={"Type": "CAPACITY_PERCENT", "Value": 30}),
        rolling(),
    ],
    ids=["all-at-once", "canary", "linear", "rolling"],
)
def test_an_update_by_any_policy_loses_no_request(cloud: Cloud, deployment: dict[str, Any]) -> None:
    cloud.deploy("move", ANSWERS.format("old"), InitialInstanceCount=2)
    before = cloud.pids()
    with answers_meanwhile(cloud, "move") as answers:
        update(cloud, "move", ANSWERS.format("new"), deployment, InitialInstanceCount=2)
        description = cloud.settled("move")
        until(lambda: answers[-1] == "new")
    assert set(answers) == {"old", "new"}
    assert description["EndpointConfigName"] == "move-new"
    assert description["LastDeploymentConfig"] == deployment
    assert "FailureReason" not in description
    assert len(cloud.pids() - before) == len(cloud.pids()) == 2
    assert len(list(cloud.home.glob("model-data/*"))) == 1


def test_a_canary_has_its_share_of_the_traffic_until_an_alarm_set_by_hand_takes_it_back(
    make_cloud: Callable[..., Cloud],
) -> None:
    cloud = make_cloud(longest_wait_seconds=600)
    cloud.deploy("bird", WHO.replace("NAME", "old"), InitialInstanceCount=2)
    before = cloud.pids()
    alarm = put_alarm(cloud, "bird")
    canary = blue_green("CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": 20})
    update(
        cloud,
        "bird",
        WHO.replace("NAME", "new"),
        with_alarms(canary, alarm),
        InitialInstanceCount=4,
    )
    assert baking(cloud, "bird", "WaitIntervalInSeconds") == (
        "Baking for 300 seconds (WaitIntervalInSeconds) with traffic enabled on capacity of 1 "
        "instance(s)."
    )
    assert len(cloud.pids()) == 6  # the green fleet runs in full
    asked = [cloud.ask("bird").split() for _ in range(500)]
    shares = Counter(name for name, _ in asked)
    assert abs(shares["new"] - 100) < 5 * sqrt(500 * 0.2 * 0.8)
    assert len({pid for name, pid in asked if name == "new"}) == 1
    set_by_hand(cloud, alarm, "ALARM")
    description = cloud.settled("bird")
    assert description["EndpointStatus"] == "InService"
    assert description["EndpointConfigName"] == "bird"
    assert f"are in ALARM: {alarm} (drill)" in description["FailureReason"]
    assert {cloud.ask("bird").split()[0] for _ in range(20)} == {"old"}
    assert cloud.pids() == before


def test_errors_of_a_canary_trip_the_alarm_and_old_answers_go_on(
    make_cloud: Callable[..., Cloud],
) -> None:
    cloud = make_cloud(longest_wait_seconds=3)
    cloud.deploy("sick", ANSWERS.format("old"))
    before = cloud.pids()
    alarm = put_alarm(cloud, "sick")
    with answers_meanwhile(cloud, "sick") as answers:
        update(cloud, "sick", FAILS, with_alarms(CANARY, alarm))
        description = cloud.settled("sick")
        rolled_back = len(answers)
        until(lambda: len(answers) > rolled_back + 20)
    assert description["EndpointConfigName"] == "sick"
    assert "Threshold Crossed: 1 datapoint" in description["FailureReason"]
    assert set(answers[rolled_back + 1 :]) == {"old"}
    failed = [answer for answer in answers if answer != "old"]
    assert failed
    assert all("Received server error (500)" in answer for answer in failed)
    assert alarm_state(cloud, alarm) == "ALARM"
    assert cloud.pids() == before
    # The alarm that was set by the update does not stop the next one.
    cloud.config("sick-3", {"ModelName": cloud.model("sick-3", ANSWERS.format("better"))})
    cloud.api.update_endpoint(
        EndpointName="sick", EndpointConfigName="sick-3", RetainDeploymentConfig=True
    )
    assert "FailureReason" not in cloud.settled("sick")
    assert alarm_state(cloud, alarm) == "OK"
    assert cloud.ask("sick") == "better"


def test_a_rolling_update_replaces_batches_and_brings_them_back_when_an_alarm_goes_off(
    make_cloud: Callable[..., Cloud],
) -> None:
    cloud = make_cloud(longest_wait_seconds=6)
    cloud.deploy("roll", ANSWERS.format("old"), InitialInstanceCount=3)
    alarm = put_alarm(cloud, "roll")
    one = {"Type": "INSTANCE_COUNT", "Value": 1}
    with answers_meanwhile(cloud, "roll") as answers:
        update(
            cloud,
            "roll",
            ANSWERS.format("new"),
            with_alarms(rolling(RollbackMaximumBatchSize=one), alarm),
            InitialInstanceCount=3,
        )
        baking(cloud, "roll", "WaitIntervalInSeconds", "of 2 instance(s)")
        counted = cloud.api.describe_endpoint(EndpointName="roll")
        assert counted["ProductionVariants"][0]["CurrentInstanceCount"] == 2
        assert len(cloud.pids()) == 4
        set_by_hand(cloud, alarm, "ALARM")
        description = cloud.settled("roll")
        until(lambda: answers[-1] == "old")
    assert set(answers) == {"old", "new"}
    assert description["EndpointConfigName"] == "roll"
    assert alarm in description["FailureReason"]
    assert description["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    assert len(cloud.pids()) == 3
    assert len(list(cloud.home.glob("model-data/*"))) == 1


def test_a_rollback_that_cannot_bring_all_back_says_so_until_the_next_update(
    make_cloud: Callable[..., Cloud], tmp_path: Any
) -> None:
    cloud = make_cloud(longest_wait_seconds=4)
    gate = tmp_path / "gate"
    once = f"import os\nif os.path.exists({str(gate)!r}): raise ValueError('no more')\n"
    cloud.deploy("stuck", once + ANSWERS.format("old"), InitialInstanceCount=2)
    alarm = put_alarm(cloud, "stuck")
    update(
        cloud,
        "stuck",
        ANSWERS.format("new"),
        with_alarms(rolling(), alarm),
        InitialInstanceCount=2,
    )
    baking(cloud, "stuck", "WaitIntervalInSeconds", "of 2 instance(s)")
    gate.touch()
    set_by_hand(cloud, alarm, "ALARM")

    def failed() -> str | None:
        described = cloud.api.describe_endpoint(EndpointName="stuck")
        gone = described["EndpointStatus"] == "UpdateRollbackFailed"
        return str(described["FailureReason"]) if gone else None

    assert "no more" in until(failed)
    assert cloud.ask("stuck") == "old"
    cloud.api.update_endpoint(EndpointName="stuck", EndpointConfigName="stuck-new")
    assert "FailureReason" not in cloud.settled("stuck")
    assert cloud.ask("stuck") == "new"


def test_unknown_alarms_and_sizes_that_aws_refuses_change_nothing(cloud: Cloud) -> None:
    cloud.deploy("stay", ANSWERS.format("old"))
    alarm = put_alarm(cloud, "stay")
    eleven = with_alarms(CANARY, *(f"alarm-{number}" for number in range(11)))
    rolls = {**rolling(), **CANARY}
    for deployment, message in (
        (with_alarms(CANARY, alarm, "nowhere"), f"alarms that do not exist in {REGION}: nowhere;"),
        (eleven, "length less than or equal to 10"),
        (rolls, "only one update policy"),
        (rolling(), "MaximumBatchSize is 1 of the 1 instances of variant AllTraffic"),
        (blue_green("LINEAR"), "LinearStepSize belongs to Type LINEAR"),
    ):
        for call in (cloud.api.update_endpoint, cloud.api.create_endpoint):
            name = "stay" if call == cloud.api.update_endpoint else "none"
            with pytest.raises(ClientError) as caught:
                call(EndpointName=name, EndpointConfigName="stay", DeploymentConfig=deployment)
            assert caught.value.response["Error"]["Code"] == "ValidationException"
            assert message in caught.value.response["Error"]["Message"]
    [endpoint] = cloud.api.list_endpoints()["Endpoints"]
    assert endpoint["EndpointStatus"] == "InService"


def test_answers_are_metrics_of_their_variant(cloud: Cloud) -> None:
    code = """
import flask
def model_fn(d):
    return None
def transform_fn(m, body, ct, accept):
    return flask.Response("", int(body))
"""
    name = f"told-{uuid.uuid4()}"
    cloud.deploy(name, code)
    for status in (200, 200, 200, 400, 500, 503):
        if status == 200:
            cloud.ask(name, Body=b"200", ContentType="text/plain")
        else:
            with pytest.raises(ClientError):
                cloud.ask(name, Body=str(status).encode(), ContentType="text/plain")
    cloudwatch, now = cloud.clients("cloudwatch", REGION), datetime.now(UTC)
    dimensions = {"EndpointName": name, "VariantName": "AllTraffic"}

    def statistic(metric: str, kind: str) -> float:
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=3600,
            Statistics=[kind],
        )["Datapoints"]
        return float(points[0][kind]) if points else 0

    until(lambda: statistic("Invocations", "Sum") == 6)
    assert statistic("Invocation4XXErrors", "Sum") == 1
    assert statistic("Invocation5XXErrors", "Sum") == 2
    assert statistic("Invocation5XXErrors", "Average") == pytest.approx(1 / 3)
    assert statistic("InvocationModelErrors", "Sum") == 3
    assert 100 < statistic("ModelLatency", "Minimum") < statistic("ModelLatency", "Maximum") < 1e7


def test_traffic_of_two_variants_is_split_by_their_weights(cloud: Cloud) -> None:
    model = cloud.model("ab", WHO.replace("NAME", "x"))
    cloud.config(
        "ab",
        {"VariantName": "A", "ModelName": model, "InitialVariantWeight": 9},
        {"VariantName": "B", "ModelName": model, "InitialVariantWeight": 1},
        {"VariantName": "Off", "ModelName": model, "InitialVariantWeight": 0},
    )
    cloud.api.create_endpoint(EndpointName="ab", EndpointConfigName="ab")
    cloud.settled("ab")

    def ask(**arguments: Any) -> str:
        response = cloud.runtime.invoke_endpoint(
            EndpointName="ab", Body=b"{}", ContentType="application/json", **arguments
        )
        return str(response["InvokedProductionVariant"])

    counts = Counter(ask() for _ in range(2000))
    # Binomial with n = 2000, p = 0.1: five standard deviations, 13.4 each, around 200.
    assert abs(counts["B"] - 200) < 5 * sqrt(2000 * 0.1 * 0.9)
    assert counts["A"] + counts["B"] == 2000
    assert ask(TargetVariant="Off") == "Off"


def test_a_serverless_endpoint_is_updated_by_a_canary_but_does_not_roll(cloud: Cloud) -> None:
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 5}}
    cloud.deploy("less", ANSWERS.format("old"), **serverless)
    half = {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 0}}
    with pytest.raises(ClientError, match="use a BlueGreenUpdatePolicy"):
        update(cloud, "less", ANSWERS.format("new"), half, **serverless)
    with answers_meanwhile(cloud, "less") as answers:
        cloud.api.update_endpoint(
            EndpointName="less", EndpointConfigName="less-new", DeploymentConfig=CANARY
        )
        assert "FailureReason" not in cloud.settled("less")
        until(lambda: answers[-1] == "new")
    assert set(answers) == {"old", "new"}


def test_an_asynchronous_request_is_answered_by_the_fleet_that_has_the_traffic(
    make_cloud: Callable[..., Cloud],
) -> None:
    cloud = make_cloud(longest_wait_seconds=600)
    s3 = cloud.clients("s3", REGION)
    output = {"OutputConfig": {"S3OutputPath": "s3://models/out"}}
    for name in ("old", "new"):
        model = cloud.model(name, ANSWERS.format(name))
        cloud.config(name, {"ModelName": model}, AsyncInferenceConfig=output)
    cloud.api.create_endpoint(EndpointName="later", EndpointConfigName="old")
    cloud.settled("later")
    alarm = put_alarm(cloud, "later")
    cloud.api.update_endpoint(
        EndpointName="later",
        EndpointConfigName="new",
        DeploymentConfig=with_alarms(blue_green("ALL_AT_ONCE"), alarm),
    )
    baking(cloud, "later", "TerminationWaitInSeconds")
    location = cloud.upload("input", b"{}")

    def ask() -> str:
        told = cloud.runtime.invoke_endpoint_async(EndpointName="later", InputLocation=location)
        key = told["OutputLocation"].removeprefix("s3://models/")

        def answered() -> str | None:
            if not s3.list_objects_v2(Bucket="models", Prefix=key)["KeyCount"]:
                return None
            return str(s3.get_object(Bucket="models", Key=key)["Body"].read().decode())

        return until(answered)

    assert ask() == "new"
    set_by_hand(cloud, alarm, "ALARM")
    assert alarm in cloud.settled("later")["FailureReason"]
    assert ask() == "old"
