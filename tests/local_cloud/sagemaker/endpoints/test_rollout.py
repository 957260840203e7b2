"""The plans of SageMaker's deployment policies."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from local_cloud.sagemaker.endpoints.rollout import Plan, plan
from local_cloud.wire import AwsError


def size(value: int, kind: str = "CAPACITY_PERCENT") -> dict[str, Any]:
    return {"Type": kind, "Value": value}


def instances(value: int) -> dict[str, Any]:
    return size(value, "INSTANCE_COUNT")


def blue_green(kind: str, termination: int = 0, **more: Any) -> dict[str, Any]:
    limit = {key: more.pop(key) for key in ("MaximumExecutionTimeoutInSeconds",) if key in more}
    routing = {"Type": kind, "WaitIntervalInSeconds": 60, **more}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination}
    return {"BlueGreenUpdatePolicy": {**policy, **limit}}


def rolling(batch: dict[str, Any], **more: Any) -> dict[str, Any]:
    policy = {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 60, **more}
    return {"RollingUpdatePolicy": policy}


def steps(made: Plan) -> list[tuple[Fraction, int]]:
    return [(step.share, step.wait_seconds) for step in made.steps]


@pytest.mark.parametrize(
    ("config", "green", "expected"),
    [
        ({}, {"a": 1}, [("1", 0)]),
        (blue_green("ALL_AT_ONCE", 30), {"a": 1}, [("1", 30)]),
        (blue_green("CANARY", 30, CanarySize=size(30)), {"a": 1}, [("3/10", 60), ("1", 30)]),
        (blue_green("CANARY", 30, CanarySize=instances(1)), {"a": 4}, [("1/4", 60), ("1", 30)]),
        (blue_green("CANARY", CanarySize=instances(1)), {"a": 2, "b": 4}, [("1/3", 60), ("1", 0)]),
        (
            blue_green("LINEAR", 30, LinearStepSize=size(40)),
            {"a": 2},
            [("2/5", 60), ("4/5", 60), ("1", 30)],
        ),
        (blue_green("LINEAR", LinearStepSize=size(50)), {"a": 2}, [("1/2", 60), ("1", 0)]),
        (rolling(instances(1)), {"a": 3}, [("1/3", 60), ("2/3", 60), ("1", 60)]),
        (rolling(size(40)), {"a": 5}, [("2/5", 60), ("4/5", 60), ("1", 60)]),
        (rolling(size(5)), {"a": 2}, [("1/2", 60), ("1", 60)]),
    ],
)
def test_a_policy_is_a_sequence_of_shares_and_waits(
    config: dict[str, Any], green: dict[str, int], expected: list[tuple[str, int]]
) -> None:
    assert steps(plan(config, green)) == [(Fraction(share), wait) for share, wait in expected]


def test_a_rollback_of_batches_brings_everything_back_at_once_unless_a_size_is_given() -> None:
    assert plan(rolling(instances(1)), {"a": 4}).rollback_batch == 4
    given = rolling(instances(1), RollbackMaximumBatchSize=size(50))
    assert plan(given, {"a": 4}).rollback_batch == 2


@pytest.mark.parametrize(
    ("config", "green", "message"),
    [
        (blue_green("CANARY", CanarySize=size(51)), {"a": 9}, "CanarySize is 51 %"),
        (blue_green("CANARY", CanarySize=instances(1)), {"a": 1}, "is 1 of the 1 instances"),
        (blue_green("CANARY"), {"a": 2}, "CanarySize belongs to Type CANARY.*give CanarySize"),
        (
            blue_green("ALL_AT_ONCE", CanarySize=size(10)),
            {"a": 2},
            "CanarySize belongs to Type CANARY, and the Type is ALL_AT_ONCE: remove CanarySize",
        ),
        (blue_green("LINEAR", LinearStepSize=size(9)), {"a": 2}, "must be 10 to 50 %"),
        (blue_green("LINEAR", LinearStepSize=instances(1)), {"a": 11}, "1 of the 11 instances"),
        (rolling(size(4)), {"a": 2}, "must be 5 to 50 %"),
        (rolling(instances(2)), {"a": 3}, "2 of the 3 instances"),
        (rolling(size(50)), {"a": 2, "b": 2}, "one production variant; this one has a, b"),
        ({**rolling(size(50)), **blue_green("ALL_AT_ONCE")}, {"a": 2}, "only one update policy"),
        (
            blue_green("ALL_AT_ONCE", 600, MaximumExecutionTimeoutInSeconds=600),
            {"a": 2},
            "is 600, but the waits of the deployment take 600 seconds",
        ),
        (
            rolling(size(5), MaximumExecutionTimeoutInSeconds=600),
            {"a": 20},
            "is 600, but the waits of the deployment take 1200 seconds",
        ),
    ],
)
def test_what_aws_refuses_of_a_policy_is_refused(
    config: dict[str, Any], green: dict[str, int], message: str
) -> None:
    with pytest.raises(AwsError, match=message) as caught:
        plan(config, green)
    assert caught.value.code == "ValidationException"


def test_the_example_of_the_guide_is_accepted() -> None:
    example = blue_green("CANARY", 600, CanarySize=size(30), MaximumExecutionTimeoutInSeconds=1800)
    example["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"] = 600
    example["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": "one"}, {"AlarmName": "two"}]}
    made = plan(example, {"a": 3})
    assert (made.timeout_seconds, made.alarms) == (1800, ("one", "two"))


def test_variants_keep_their_names_when_traffic_moves_in_steps() -> None:
    canary = blue_green("CANARY", CanarySize=size(10))
    with pytest.raises(AwsError, match="same variant names"):
        plan(canary, {"new": 2}, ["old"])
    plan(canary, {"a": 2}, ["a"])
    plan({}, {"new": 2}, ["old"])


def test_waits_are_shortened_in_proportion_and_only_if_they_are_longer() -> None:
    made = plan(blue_green("CANARY", 40, CanarySize=size(10)), {"a": 2})
    shortened = made.shortened(1)
    assert [step.wait_seconds * shortened.pace for step in shortened.steps] == pytest.approx(
        [0.6, 0.4]
    )
    assert made.shortened(100) == made
