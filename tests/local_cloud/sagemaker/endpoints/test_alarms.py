"""Alarms, evaluated on the observations of an update."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.sagemaker.endpoints.alarms import Evaluation, describe, evaluate, tripped
from local_cloud.sagemaker.instances.metrics import METRICS, Observation
from tests.local_cloud.sagemaker.cloud import REGION

DIMENSIONS = {"EndpointName": "e", "VariantName": "v"}


def seen(*values: float, metric: str = "Invocation5XXErrors", config: str = "c", variant: str = "v"
) -> list[Observation]:  # fmt: skip
    """Observations that have these values of one metric, and 1 of all others."""
    return [
        Observation(config, variant, {**dict.fromkeys(METRICS, 1.0), metric: value})
        for value in values
    ]


def metric(name: str = "Invocation5XXErrors", **dimensions: str) -> dict[str, Any]:
    return {
        "Namespace": "AWS/SageMaker",
        "MetricName": name,
        "Dimensions": [
            {"Name": key, "Value": value} for key, value in {**DIMENSIONS, **dimensions}.items()
        ],
    }


def alarm(threshold: float = 0.1, statistic: str = "Average", /, **more: Any) -> dict[str, Any]:
    return {
        **metric(),
        "Statistic": statistic,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": threshold,
        **more,
    }


def state(found: Evaluation | None) -> str | None:
    return found.state if found else None


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("Average", 2.5), ("Sum", 10), ("Minimum", 1), ("Maximum", 4), ("SampleCount", 4)],
)
def test_a_statistic_is_compared_with_the_threshold(statistic: str, value: float) -> None:
    observed = seen(1, 2, 3, 4)
    assert state(evaluate(alarm(value - 0.1, statistic), "e", observed)) == "ALARM"
    assert state(evaluate(alarm(value, statistic), "e", observed)) == "OK"
    at_least = {"ComparisonOperator": "GreaterThanOrEqualToThreshold"}
    assert state(evaluate(alarm(value, statistic, **at_least), "e", observed)) == "ALARM"


@pytest.mark.parametrize(("percentile", "value"), [("p50", 50), ("p99", 99), ("p99.9", 100)])
def test_a_percentile_is_one_of_the_values(percentile: str, value: float) -> None:
    observed = seen(*range(100, 0, -1))
    extended: dict[str, Any] = {"Statistic": None, "ExtendedStatistic": percentile}
    assert state(evaluate(alarm(value - 0.5, **extended), "e", observed)) == "ALARM"
    assert state(evaluate(alarm(value, **extended), "e", observed)) == "OK"


def test_an_alarm_is_about_one_variant_and_about_one_config_if_it_says_so() -> None:
    observed = seen(0, 0, 0, config="old") + seen(1, config="new") + seen(1, 1, variant="other")
    assert state(evaluate(alarm(0.3), "e", observed)) == "OK"
    assert state(evaluate(alarm(0.2), "e", observed)) == "ALARM"
    of_new = metric(EndpointConfigName="new")
    assert state(evaluate(alarm(0.9, **of_new), "e", observed)) == "ALARM"
    of_old = metric(EndpointConfigName="old")
    assert state(evaluate(alarm(0, **of_old), "e", observed)) == "OK"


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [
        ("breaching", "ALARM"),
        ("notBreaching", "OK"),
        ("missing", "INSUFFICIENT_DATA"),
        (None, "INSUFFICIENT_DATA"),
        ("ignore", None),
    ],
)
def test_without_requests_treat_missing_data_decides(
    treatment: str | None, expected: str | None
) -> None:
    assert state(evaluate(alarm(TreatMissingData=treatment), "e", [])) == expected


@pytest.mark.parametrize(
    "other",
    [
        {"Namespace": "AWS/Lambda"},
        {"MetricName": "OverheadLatency"},
        metric(EndpointName="another"),
        {"Dimensions": [{"Name": "EndpointName", "Value": "e"}]},
        {"Statistic": None, "ExtendedStatistic": "tm90"},
        {"ComparisonOperator": "LessThanLowerThreshold"},
        {"ComparisonOperator": "LessThanThreshold", "Statistic": "Sum"},
        {"Metrics": [{"Id": "a", "Expression": "ANOMALY_DETECTION_BAND(m1)"}]},
        {"Metrics": [{"Id": "a", "Expression": "a + 1"}]},
        {"Metrics": [{"Id": "a", "Expression": "__import__('os')"}]},
        {"Metrics": [{"Id": "a", "Expression": "1 +"}]},
    ],
)
def test_what_is_not_observed_here_is_not_evaluated(other: dict[str, Any]) -> None:
    assert evaluate(alarm(**other), "e", seen(1)) is None


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("m1 / m2", 0.25),
        ("100 * (m1 - 1) + -2", -2),
        ("MAX([m1, m2])", 4),
        ("MIN([m1, m2])", 1),
        ("SUM([m1, m2, 2])", 7),
        ("AVG([m1, 2])", 1.5),
        ("FILL(m1, 0) + FILL(none, 7)", 8),
        ("MAX([none, m1])", 1),
        ("none + 1", None),
        ("m1 / 0", None),
    ],
)
def test_metric_math_is_evaluated_on_one_datapoint_of_each_metric(
    expression: str, value: float | None
) -> None:
    def query(identifier: str, stat: str, **about: Any) -> dict[str, Any]:
        metric_stat = {"Metric": metric(**about), "Stat": stat, "Period": 60}
        return {"Id": identifier, "MetricStat": metric_stat, "ReturnData": False}

    queries = [
        {"Id": "out", "Expression": expression, "ReturnData": True},
        query("m1", "Sum"),
        query("m2", "SampleCount", name="Invocations"),
        query("none", "Sum", VariantName="nobody"),
    ]
    observed = seen(0, 1, 0, 0)
    if value is None:
        assert state(evaluate(alarm(0, Metrics=queries), "e", observed)) == "INSUFFICIENT_DATA"
    else:
        assert state(evaluate(alarm(value - 0.01, Metrics=queries), "e", observed)) == "ALARM"
        assert state(evaluate(alarm(value, Metrics=queries), "e", observed)) == "OK"


@pytest.fixture
def cloudwatch(aws: Callable[[str, str], Any]) -> Any:
    return aws("cloudwatch", REGION)


def put(cloudwatch: Any, **more: Any) -> str:
    name = f"alarm-{uuid.uuid4()}"
    cloudwatch.put_metric_alarm(AlarmName=name, EvaluationPeriods=1, Period=60, **alarm(**more))
    return name


def test_states_go_to_cloudwatch_and_back_to_ok_for_the_next_update(cloudwatch: Any) -> None:
    name = put(cloudwatch)
    assert tripped(cloudwatch, [name], "e", seen(1)) == {
        name: "Threshold Crossed: 1 datapoint [1] was greater than the threshold (0.1)."
    }
    assert describe(cloudwatch, [name])[name]["StateValue"] == "ALARM"
    assert tripped(cloudwatch, [name], "e", seen(0)) == {}
    assert describe(cloudwatch, [name])[name]["StateValue"] == "OK"


def test_an_alarm_that_was_set_by_hand_stays_in_alarm(cloudwatch: Any) -> None:
    name = put(cloudwatch)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="drill")
    assert tripped(cloudwatch, [name], "e", seen(0)) == {name: "drill"}


def test_an_alarm_that_cannot_be_evaluated_keeps_its_state(cloudwatch: Any) -> None:
    name = put(cloudwatch, Namespace="Mine")
    assert tripped(cloudwatch, [name], "e", seen(1)) == {}
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="mine")
    assert tripped(cloudwatch, [name], "e", seen(0)) == {name: "mine"}


def test_metric_math_survives_its_way_through_cloudwatch(cloudwatch: Any) -> None:
    name = f"alarm-{uuid.uuid4()}"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0.1,
        Metrics=[
            {"Id": "out", "Expression": "errors / 1", "ReturnData": True},
            {
                "Id": "errors",
                "MetricStat": {"Metric": metric(), "Stat": "Average", "Period": 60},
                "ReturnData": False,
            },
        ],
    )
    assert name in tripped(cloudwatch, [name], "e", seen(0, 1))
    assert not tripped(cloudwatch, [name], "e", seen(0, 0))
