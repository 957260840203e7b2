"""Step policies of a stage: the farther a metric is from a threshold, the more a count changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from settings.metrics import (
    HighResolutionMetric,
    Metric,
    PolicyName,
    Seconds,
    name_of,
)
from settings.table import Cfn, Problem, Settings, Several

_POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
_DAY, _WEEK = 86_400, 604_800


class StepAdjustment(Settings):
    """By how much the count changes while the metric is within bounds, relative to a threshold."""

    cloudformation: ClassVar[str] = f"{_POLICY}/StepScalingPolicyConfiguration/StepAdjustments"

    metric_interval_lower_bound: float | None = Field(default=None, strict=False)
    """Where the step begins (included), relative to the threshold; no lower end if absent."""
    metric_interval_upper_bound: float | None = Field(default=None, strict=False)
    """Where the step ends (excluded), relative to the threshold; no upper end if absent."""
    scaling_adjustment: int
    """How much is added, or removed if negative. With ExactCapacity: the new count.

    More for steps farther from the threshold, where one instance would not be enough.
    """


class StepScaling(Settings):
    """Change the count when an alarm goes off, by how far the metric is beyond its threshold."""

    cloudformation: ClassVar[str] = f"{_POLICY}/StepScalingPolicyConfiguration"

    metric: Annotated[Metric, Cfn("AWS::CloudWatch::Alarm/MetricName")]
    """What the alarm watches."""
    threshold: Annotated[float, Cfn("AWS::CloudWatch::Alarm/Threshold")] = Field(strict=False)
    """The value at which the alarm goes off."""
    comparison_operator: Annotated[
        Literal[
            "GreaterThanOrEqualToThreshold",
            "GreaterThanThreshold",
            "LessThanThreshold",
            "LessThanOrEqualToThreshold",
        ],
        Cfn("AWS::CloudWatch::Alarm/ComparisonOperator"),
    ] = "GreaterThanOrEqualToThreshold"
    """On which side of the threshold the alarm goes off; LessThan… to scale in."""
    step_adjustments: Several[StepAdjustment] = Field(min_length=1, max_length=20)
    """What happens, by how far the metric is from the threshold."""
    adjustment_type: Literal["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"] = (
        "ChangeInCapacity"
    )
    """What an adjustment is: a difference, a difference in percent, or the new count.

    PercentChangeInCapacity for counts that vary widely.
    """
    min_adjustment_magnitude: int | None = Field(default=None, ge=1)
    """With PercentChangeInCapacity: the smallest change at a time.

    Raise it where a percentage of few instances would be too little.
    """
    cooldown: Seconds = 300
    """How many seconds after one change the next may follow.

    As long as a new instance takes to start serving; otherwise more are added than the load needs.
    """
    period: Annotated[int, Cfn("AWS::CloudWatch::Alarm/Period")] = Field(default=60, ge=10)
    """Over how many seconds each data point of the metric is taken: 10, 20, 30, or whole minutes.

    Less than 60 for ConcurrentRequestsPerModel, ConcurrentRequestsPerCopy and high-resolution
    metrics of your own. All other metrics have one data point a minute.
    """
    evaluation_periods: Annotated[int, Cfn("AWS::CloudWatch::Alarm/EvaluationPeriods")] = Field(
        default=1, ge=1
    )
    """How many periods in a row must be beyond the threshold.

    Raise it if a single peak is not worth an instance.
    """
    name: Annotated[PolicyName | None, Cfn("../PolicyName")] = None
    """The policy's name; made from the metric's name if absent."""

    @property
    def policy_name(self) -> str:
        """The policy's name."""
        return self.name or f"{name_of(self.metric)}{self.comparison_operator.partition('Than')[0]}"

    def problems(self) -> Iterator[Problem]:
        """Yield steps that leave a gap or do nothing, and periods that an alarm cannot have."""
        yield from _bound_problems(self.step_adjustments)
        yield from self._idle_problems()
        for index, step in enumerate(self.step_adjustments):
            if self.adjustment_type == "ExactCapacity" and step.scaling_adjustment < 0:
                key = f"step_adjustments.{index}.scaling_adjustment"
                why = "with ExactCapacity the adjustment is the new count, so it cannot be negative"
                fix = 'write 0 or more, or adjustment_type = "ChangeInCapacity"'
                yield self.wrong(key, why, fix)
        if self.min_adjustment_magnitude and self.adjustment_type != "PercentChangeInCapacity":
            why = (
                "only PercentChangeInCapacity has a smallest change, and adjustment_type is "
                f"{self.adjustment_type}"
            )
            yield self.wrong("min_adjustment_magnitude", why, "remove it")
        yield from self._period_problems()

    def _idle_problems(self) -> Iterator[Problem]:
        """Yield steps that change nothing: all are 0, or none is where the alarm goes off."""
        if self.adjustment_type != "ExactCapacity" and not any(
            step.scaling_adjustment for step in self.step_adjustments
        ):
            why = "all step adjustments are 0, so this policy would never change the count"
            fix = "set at least one of them to a number above or below 0"
            yield self.wrong("step_adjustments.0.scaling_adjustment", why, fix)
        above = self.comparison_operator.startswith("Greater")
        ends = [
            step.metric_interval_upper_bound if above else step.metric_interval_lower_bound
            for step in self.step_adjustments
        ]
        if None not in ends:
            side, bound = ("above", "lower") if above else ("below", "upper")
            why = (
                f"the alarm goes off {side} the threshold ({self.comparison_operator}), so this "
                "policy would never change the count"
            )
            fix = f"give one step metric_interval_{bound}_bound = 0 and no other bound"
            yield Problem("step_adjustments", f"none {side} the threshold", why, fix)

    def _period_problems(self) -> Iterator[Problem]:
        """Yield periods that CloudWatch refuses or has no data for (PutMetricAlarm)."""
        if self.period not in (10, 20, 30) and self.period % 60:
            why = "CloudWatch has periods of 10, 20 and 30 seconds, and of whole minutes"
            yield self.wrong("period", why, "write 10, 20, 30, 60 or a multiple of 60")
        elif (
            self.period < 60
            and isinstance(self.metric, str)
            and self.metric not in get_args(HighResolutionMetric)
        ):
            why = f"{self.metric} has one data point a minute"
            yield self.wrong("period", why, "write 60 or a multiple of 60")
        most = (_DAY if self.period < 3600 else _WEEK) // self.period
        if self.evaluation_periods > most:
            why = (
                f"with a period of {self.period} seconds an alarm looks back at most {most} periods"
            )
            yield self.wrong("evaluation_periods", why, f"lower it to {most}, or change period")


def _bound_problems(steps: Sequence[StepAdjustment]) -> Iterator[Problem]:
    """Yield empty steps, gaps between steps, overlaps, and missing ends.

    Application Auto Scaling API reference, StepAdjustment: the ranges neither overlap nor leave a
    gap, one without a lower bound is needed below zero, one without an upper bound above it, and
    no step is without both.
    """
    for index, step in enumerate(steps):
        low, high = step.metric_interval_lower_bound, step.metric_interval_upper_bound
        if low is not None and high is not None and low >= high:
            key = f"step_adjustments.{index}.metric_interval_upper_bound"
            why = f"it is not above metric_interval_lower_bound, which is {low:g}"
            fix = f"raise it above {low:g}, or lower metric_interval_lower_bound"
            yield Problem(key, high, why, fix)
            return
        if low is None and high is None:
            why = "Application Auto Scaling needs at least one of the two bounds"
            fix = "write metric_interval_lower_bound = 0 for everything above the threshold"
            yield Problem(f"step_adjustments.{index}", "without a bound", why, fix)
            return
    ordered = sorted(steps, key=_begin)
    for one, two in pairwise(ordered):
        end, begin = one.metric_interval_upper_bound, two.metric_interval_lower_bound
        if end != begin or end is None:
            got = f"one up to {_bound(end)}, the next from {_bound(begin)}"
            why = "steps may neither overlap nor leave a gap"
            fix = "let each step begin where the one before it ends"
            yield Problem("step_adjustments", got, why, fix)
            return
    lowest, highest = _begin(ordered[0]), ordered[-1].metric_interval_upper_bound
    if -inf < lowest < 0:
        yield _no_end("lower", lowest, "below")
    if highest is not None and highest > 0:
        yield _no_end("upper", highest, "above")


def _begin(step: StepAdjustment) -> float:
    low = step.metric_interval_lower_bound
    return -inf if low is None else low


def _no_end(bound: str, last: float, side: str) -> Problem:
    why = f"the steps end {abs(last):g} {side} the threshold, and beyond that nothing would change"
    fix = f"leave out metric_interval_{bound}_bound of the last step {side} the threshold"
    return Problem("step_adjustments", f"none without metric_interval_{bound}_bound", why, fix)


def _bound(value: float | None) -> str:
    return "no bound" if value is None else f"{value:g}"
