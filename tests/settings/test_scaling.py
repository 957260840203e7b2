"""Which scaling tables and metrics are refused, and why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from settings.metrics import CloudWatchMetric, MathMetric, own_metrics
from settings.scaling import Scaling, TargetTracking

TARGETS = [{"metric": "InvocationsPerInstance", "value": 600}]
STEP = {
    "metric": "InvocationsPerInstance",
    "threshold": 5,
    "step_adjustments": [{"metric_interval_lower_bound": 0, "scaling_adjustment": 1}],
}


def scaling(**values: Any) -> Scaling:
    given = {"min_capacity": 1, "max_capacity": 8, "targets": TARGETS}
    return Scaling.model_validate(given | values)


def said(error: ValidationError) -> str:
    problems = [each for detail in error.errors() for each in detail["ctx"]["problems"]]
    return "\n".join(f"{each.key} is {each.got}: {each.why}; {each.fix}" for each in problems)


def refused(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        scaling(**values)
    return said(caught.value)


def action(name: str, low: int | None = None, high: int | None = None) -> dict[str, Any]:
    bounds = {"min_capacity": low, "max_capacity": high}
    return {"name": name, "schedule": "rate(1 day)"} | bounds


def test_bounds_that_contradict_each_other_and_scaling_without_a_reason_are_refused() -> None:
    assert "min_capacity is 9: it is above max_capacity, which is 8" in refused(min_capacity=9)
    nothing = (
        "targets is missing: without targets, steps or a schedule the count would never change"
    )
    assert nothing in refused(targets=[])


@given(st.integers(0, 5), st.integers(1, 5), st.integers(0, 5), st.integers(1, 5))
def test_the_fewest_and_the_most_are_those_of_all_bounds(
    low: int, high: int, other_low: int, other_high: int
) -> None:
    if low > high or other_low > other_high:
        return
    found = scaling(
        min_capacity=low, max_capacity=high, schedule=[action("Other", other_low, other_high)]
    )
    assert found.lowest == min(low, other_low)
    assert found.highest == max(high, other_high)


def test_an_action_of_one_bound_is_refused_if_the_other_may_exclude_it() -> None:
    assert "schedule.0.min_capacity is 9: max_capacity may be 8 at that time" in refused(
        schedule=[action("More", low=9)]
    )
    assert "schedule.0.max_capacity is 1: min_capacity may be 2 at that time" in refused(
        min_capacity=2, schedule=[action("Fewer", high=1)]
    )
    night, morning = action("Night", 1, 1), action("Morning", low=4)
    assert "schedule.1.min_capacity is 4: max_capacity may be 1 at that time" in refused(
        schedule=[night, morning]
    )
    assert scaling(schedule=[night, action("Morning", 4, 8)])


def test_two_policies_or_actions_of_one_name_are_refused() -> None:
    assert "targets.1.name is InvocationsPerInstance: another policy has this name" in refused(
        targets=TARGETS * 2
    )
    assert "steps.0.name is invocations-per-instance: another policy" in refused(
        steps=[STEP | {"name": "invocations-per-instance"}]
    )
    assert "schedule.1.name is Night: another scheduled action has this name" in refused(
        schedule=[action("Night", 1, 8), action("Night", 2, 8)]
    )
    assert scaling(steps=[STEP], targets=TARGETS)


def test_the_name_of_the_way_back_from_zero_is_taken_where_there_is_one() -> None:
    assert "targets.0.name is FromZero: another policy has this name" in refused(
        min_capacity=0, targets=[TARGETS[0] | {"name": "FromZero"}]
    )
    assert scaling(targets=[TARGETS[0] | {"name": "FromZero"}])


@pytest.mark.parametrize(
    ("value", "fix"), [(70, "write 0.7 for 70 %"), (500, "write 0.7 for 70 %")]
)
def test_a_share_of_the_concurrency_is_no_percentage(value: float, fix: str) -> None:
    target = {"metric": "ProvisionedConcurrencyUtilization", "value": value}
    with pytest.raises(ValidationError) as caught:
        TargetTracking.model_validate(target)
    assert fix in said(caught.value)
    assert TargetTracking.model_validate(target | {"value": 0.7}).value == 0.7


def math(expression: str, *names: str) -> MathMetric:
    each = {"namespace": "Shop", "metric_name": "Baskets"}
    return MathMetric.model_validate(
        {"expression": expression, "metrics": dict.fromkeys(names, each)}
    )


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("backlog / instances", ("backlog", "instances")),
        ("FILL(m1, 0) + 1e3 * m2", ("m1", "m2")),
        ("IF(m1 > 5, m1, 'no name here')", ("m1",)),
        ('SUM([a1, b_2]) / "c"', ("a1", "b_2")),
    ],
)
def test_an_expression_of_the_metrics_that_are_given_is_accepted(
    expression: str, names: tuple[str, ...]
) -> None:
    assert math(expression, *names).expression == expression


@pytest.mark.parametrize(
    ("expression", "names", "problem"),
    [
        ("a / b", ("a",), "expression is a / b: the metric b does not exist; add b to metrics"),
        ("a", ("a", "b"), "metrics.b is b: the expression 'a' does not use it"),
        ("A / 2", ("A",), "metrics.A is A: a name in an expression begins with"),
        ("'b' + a", ("a", "b"), "metrics.b is b: the expression"),
    ],
)
def test_an_expression_and_metrics_that_do_not_fit_are_refused(
    expression: str, names: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        math(expression, *names)
    assert problem in said(caught.value)


@given(st.sets(st.sampled_from(["target", "target_", "target__", "watched", "m1"]), min_size=1))
def test_what_an_expression_yields_has_a_name_that_no_metric_has(names: set[str]) -> None:
    metric = math(" + ".join(sorted(names)), *names)
    assert metric.id_of_result("target") not in names
    assert metric.id_of_result("target").startswith("target")


def test_sagemakers_metrics_are_found_however_they_are_written() -> None:
    table = {"namespace": "AWS/SageMaker", "metric_name": "InvocationsPerInstance"}
    metric = CloudWatchMetric.model_validate(table)
    elsewhere = CloudWatchMetric.model_validate(table | {"dimensions": {"EndpointName": "other"}})
    assert list(own_metrics("InvocationsPerCopy")) == [("", "InvocationsPerCopy")]
    assert list(own_metrics(metric)) == [(".metric_name", "InvocationsPerInstance")]
    assert list(own_metrics(elsewhere)) == []
    assert list(own_metrics(MathMetric(expression="a", metrics={"a": metric}))) == [
        (".metrics.a.metric_name", "InvocationsPerInstance")
    ]
