"""Which step policies are refused, and why."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from settings.steps import StepScaling

BOUNDS = ("metric_interval_lower_bound", "metric_interval_upper_bound")


def steps(*bounds: tuple[float | None, float | None], **values: Any) -> StepScaling:
    """Return a policy with steps of these lower and upper bounds."""
    adjustments = [
        dict(zip(BOUNDS, each, strict=True)) | {"scaling_adjustment": 1} for each in bounds
    ]
    given = {"metric": "CPUUtilization", "threshold": 50, "step_adjustments": adjustments}
    return StepScaling.model_validate(given | values)


def refused(*bounds: tuple[float | None, float | None], **values: Any) -> str:
    """Return what is said of a policy: the key, the value, why and how to fix it, of each."""
    with pytest.raises(ValidationError) as caught:
        steps(*bounds, **values)
    (error,) = caught.value.errors()
    problems = error["ctx"]["problems"]
    return "\n".join(f"{each.key} is {each.got}: {each.why}; {each.fix}" for each in problems)


def test_one_step_without_end_is_a_policy() -> None:
    assert steps((0, None)).step_adjustments[0].scaling_adjustment == 1
    assert steps((None, 0), comparison_operator="LessThanThreshold").period == 60


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ([(None, None)], "step_adjustments.0 is without a bound"),
        ([(5, 5)], "step_adjustments.0.metric_interval_upper_bound is 5.0: it is not above"),
        ([(0, 5), (6, None)], "one up to 5, the next from 6: steps may neither"),
        ([(0, 5), (4, None)], "one up to 5, the next from 4: steps may neither"),
        ([(0, None), (5, None)], "one up to no bound, the next from 5"),
        ([(None, 0), (None, 5), (5, None)], "one up to 0, the next from no bound"),
        ([(0, 5), (5, 10)], "none without metric_interval_upper_bound: the steps end 10 above"),
        ([(-5, 0), (0, None)], "none without metric_interval_lower_bound: the steps end 5 below"),
    ],
)
def test_steps_that_application_auto_scaling_refuses_are_refused(
    bounds: list[tuple[float | None, float | None]], said: str
) -> None:
    assert said in refused(*bounds)


@pytest.mark.parametrize(
    ("operator", "bounds", "fine"),
    [
        ("GreaterThanThreshold", (0, None), True),
        ("GreaterThanOrEqualToThreshold", (0, None), True),
        ("LessThanThreshold", (None, 0), True),
        ("LessThanOrEqualToThreshold", (None, 0), True),
        ("GreaterThanThreshold", (None, 0), False),
        ("LessThanThreshold", (0, None), False),
    ],
)
def test_a_policy_whose_steps_are_where_its_alarm_never_goes_off_is_refused(
    operator: str, bounds: tuple[float | None, float | None], fine: bool
) -> None:
    if fine:
        assert steps(bounds, comparison_operator=operator).comparison_operator == operator
    else:
        side = "above" if operator.startswith("Greater") else "below"
        assert f"step_adjustments is none {side} the threshold" in refused(
            bounds, comparison_operator=operator
        )


EDGES = st.lists(st.integers(-20, 20), min_size=1, max_size=6, unique=True).map(sorted)


@given(EDGES, st.data())
def test_steps_that_tile_the_line_are_accepted_in_any_order(
    edges: list[int], data: st.DataObject
) -> None:
    ends = [None, *edges, None]
    tiles = list(pairwise(ends))
    shuffled = data.draw(st.permutations(tiles))
    assert len(steps(*shuffled).step_adjustments) == len(tiles)


@given(EDGES, st.data())
def test_steps_of_which_one_is_missing_doubled_or_longer_are_accepted_only_at_an_end(
    edges: list[int], data: st.DataObject
) -> None:
    ends = [None, *edges, None]
    tiles = list(pairwise(ends))
    at = data.draw(st.integers(0, len(tiles) - 1))
    broken = data.draw(st.sampled_from(["missing", "doubled", "longer"]))
    low, high = tiles[at]
    if broken == "missing":
        left = tiles[:at] + tiles[at + 1 :]
        # What is left tiles the line from or to its end, on the side of the alarm.
        fine = at == 0 and edges[0] >= 0
    elif broken == "doubled":
        left, fine = [*tiles, tiles[at]], False
    else:
        left = [*tiles[:at], (low, None if high is None else high + 1), *tiles[at + 1 :]]
        fine = high is None
    if fine:
        assert steps(*left)
    else:
        assert refused(*left) if left else True


@pytest.mark.parametrize("period", [10, 20, 30, 60, 120, 3600])
def test_periods_that_cloudwatch_has_are_accepted(period: int) -> None:
    assert steps((0, None), metric="ConcurrentRequestsPerModel", period=period).period == period


@pytest.mark.parametrize("period", [15, 40, 50, 70, 90, 100])
def test_periods_that_cloudwatch_does_not_have_are_refused(period: int) -> None:
    said = refused((0, None), metric="ConcurrentRequestsPerModel", period=period)
    assert f"period is {period}: CloudWatch has periods of 10, 20 and 30 seconds" in said


def test_a_short_period_is_refused_for_a_metric_of_one_data_point_a_minute() -> None:
    assert "period is 30: CPUUtilization has one data point a minute" in refused(
        (0, None), period=30
    )
    own = {"namespace": "Shop", "metric_name": "Baskets"}
    assert steps((0, None), metric=own, period=30).period == 30


@pytest.mark.parametrize(("period", "most"), [(60, 1440), (1800, 48), (3600, 168), (86400, 7)])
def test_an_alarm_looks_back_a_day_or_with_long_periods_a_week(period: int, most: int) -> None:
    assert steps((0, None), period=period, evaluation_periods=most)
    assert f"evaluation_periods is {most + 1}: with a period of {period} seconds" in refused(
        (0, None), period=period, evaluation_periods=most + 1
    )


def test_an_exact_capacity_below_zero_is_refused() -> None:
    adjustment = [{"metric_interval_lower_bound": 0, "scaling_adjustment": -1}]
    exact = {"adjustment_type": "ExactCapacity", "step_adjustments": adjustment}
    assert "step_adjustments.0.scaling_adjustment is -1: with ExactCapacity" in refused(**exact)


def test_only_a_change_in_percent_has_a_smallest_change() -> None:
    percent = "PercentChangeInCapacity"
    assert steps((0, None), adjustment_type=percent, min_adjustment_magnitude=2)
    assert "min_adjustment_magnitude is 2: only PercentChangeInCapacity" in refused(
        (0, None), min_adjustment_magnitude=2
    )
