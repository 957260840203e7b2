"""The [….scaling] tables of a stage: how a count follows the load, and the clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, ClassVar, Literal
from zoneinfo import available_timezones

from pydantic import Field

from stacks.settings import Cfn, Settings, Several
from stacks.stage_errors import Problem
from stacks.stage_metrics import CloudWatchMetric, Metric, name_of

Seconds = Annotated[int, Field(ge=0)]
PolicyName = Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=256)]

_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
_POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
_SCHEDULE = re.compile(
    r"cron\(\S+( \S+){5}\)|rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)"
    r"|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)"
)


class TargetTracking(Settings):
    """Keep a metric near a value, by adding and removing."""

    cloudformation: ClassVar[str] = f"{_POLICY}/TargetTrackingScalingPolicyConfiguration"

    metric: Annotated[Metric, Cfn("PredefinedMetricSpecification")]
    """What is measured, which has to fall when the count rises.

    InvocationsPerInstance suits most models: the average number of invocations per instance per
    minute. ConcurrentRequestsPerModel reacts within seconds, for models that take long.
    CPUUtilization and GPUUtilization are the sum over cores and GPUs: up to 400 with four.
    """
    value: Annotated[float, Cfn("TargetValue")] = Field(gt=0, strict=False)
    """The value to keep.

    Of InvocationsPerInstance: what one instance sustains per second, times a safety factor (0.5 is
    common), times 60. Of ProvisionedConcurrencyUtilization: a share from 0 to 1.
    """
    name: Annotated[PolicyName | None, Cfn("../PolicyName")] = None
    """The policy's name: the metric's if absent; needed if two policies track one metric."""

    @property
    def policy_name(self) -> str:
        """The policy's name."""
        return self.name or name_of(self.metric)

    def problems(self) -> Iterator[Problem]:
        """Yield a share that is no share."""
        if self.metric == "ProvisionedConcurrencyUtilization" and self.value > 1:
            yield Problem(
                "value",
                self.value,
                "this metric is a share of the provisioned concurrency, 1 at most, and would "
                "never reach it",
                f"write {self.value / 100:g} for {self.value:g} %"
                if self.value <= 100
                else "write 0.7 for 70 %",
            )


class StepAdjustment(Settings):
    """By how much the count changes while the metric is within bounds, relative to a threshold."""

    cloudformation: ClassVar[str] = f"{_POLICY}/StepScalingPolicyConfiguration/StepAdjustments"

    metric_interval_lower_bound: float | None = Field(default=None, strict=False)
    """From how far above the threshold (included), or below it if negative; unbounded if absent."""
    metric_interval_upper_bound: float | None = Field(default=None, strict=False)
    """To how far above the threshold (excluded), or below it if negative; unbounded if absent."""
    scaling_adjustment: int
    """How much is added, or removed if negative; of ExactCapacity the count itself."""


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
    """On which side of the threshold it does; LessThan… for a policy that removes."""
    step_adjustments: Several[StepAdjustment] = Field(min_length=1, max_length=20)
    """What happens, by how far the metric is from the threshold."""
    adjustment_type: Literal["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"] = (
        "ChangeInCapacity"
    )
    """What an adjustment is: a difference, a difference in percent, or the count itself."""
    cooldown: Seconds = 300
    """How many seconds after one change the next may follow."""
    period: Annotated[int, Cfn("AWS::CloudWatch::Alarm/Period")] = Field(
        default=60, ge=10, multiple_of=10
    )
    """Over how many seconds each data point of the metric is taken."""
    evaluation_periods: Annotated[int, Cfn("AWS::CloudWatch::Alarm/EvaluationPeriods")] = Field(
        default=1, ge=1
    )
    """How many periods in a row have to be beyond the threshold.

    Raise it if single peaks are not worth an instance.
    """
    name: Annotated[PolicyName | None, Cfn("../PolicyName")] = None
    """The policy's name: made of the metric's if absent."""

    @property
    def policy_name(self) -> str:
        """The policy's name."""
        return self.name or f"{name_of(self.metric)}{self.comparison_operator.partition('Than')[0]}"

    def problems(self) -> Iterator[Problem]:
        """Yield steps with a gap, or of nothing."""
        yield from _step_problems(self.step_adjustments)


def _step_problems(steps: Sequence[StepAdjustment]) -> Iterator[Problem]:
    """Yield bounds between which nothing lies, and gaps and overlaps of two steps.

    Application Auto Scaling User Guide, "Step adjustments": ranges neither overlap nor leave a gap.
    """
    for index, step in enumerate(steps):
        low, high = step.metric_interval_lower_bound, step.metric_interval_upper_bound
        if low is not None and high is not None and low >= high:
            yield Problem(
                f"step_adjustments.{index}.metric_interval_upper_bound",
                high,
                f"it is not above metric_interval_lower_bound, {low:g}",
                "raise it",
            )
            return
        if low is None and high is None and len(steps) > 1:
            yield Problem(
                f"step_adjustments.{index}",
                "without a bound",
                "it leaves nothing to the other steps",
                "give each of several steps its bounds",
            )
            return
    ordered = sorted(
        steps,
        key=lambda step: (
            float("-inf")
            if step.metric_interval_lower_bound is None
            else step.metric_interval_lower_bound
        ),
    )
    for one, two in pairwise(ordered):
        end, begin = one.metric_interval_upper_bound, two.metric_interval_lower_bound
        if end != begin or end is None:
            yield Problem(
                "step_adjustments",
                f"one up to {_bound(end)}, the next from {_bound(begin)}",
                "steps may neither overlap nor leave a gap",
                "let each begin where another ends",
            )


def _bound(value: float | None) -> str:
    return "no bound" if value is None else f"{value:g}"


class ScheduledAction(Settings):
    """Set other bounds at a time, once or again and again."""

    cloudformation: ClassVar[str] = f"{_TARGET}/ScheduledActions"

    name: Annotated[str, Cfn("ScheduledActionName")] = Field(
        pattern=r"^[^:/|\s]([^:/|]*[^:/|\s])?$", max_length=256
    )
    """The action's name."""
    schedule: str
    """When: "cron(0 8 ? * MON-FRI *)", "rate(12 hours)" or, once, "at(2027-01-31T08:00:00)"."""
    timezone: str = "UTC"
    """Whose time the schedule means, such as "Europe/Berlin", with its summer time."""
    start_time: datetime | None = None
    """From when on a repeated schedule counts."""
    end_time: datetime | None = None
    """Until when it does."""
    min_capacity: Annotated[int | None, Cfn("ScalableTargetAction/MinCapacity")] = Field(
        default=None, ge=0
    )
    """The fewest from then on."""
    max_capacity: Annotated[int | None, Cfn("ScalableTargetAction/MaxCapacity")] = Field(
        default=None, ge=0
    )
    """The most from then on."""

    def problems(self) -> Iterator[Problem]:
        """Yield a time that nobody understands, and bounds that exclude each other."""
        if not _SCHEDULE.fullmatch(self.schedule):
            yield Problem(
                "schedule",
                self.schedule,
                "Application Auto Scaling knows cron expressions of six fields, rates and times",
                'write like "cron(0 8 ? * MON-FRI *)", "rate(12 hours)", "at(2027-01-31T08:00:00)"',
            )
        zones = available_timezones()
        if zones and self.timezone not in zones:
            yield Problem(
                "timezone",
                self.timezone,
                "there is no such time zone",
                'write like "Europe/Berlin"',
            )
        low, high = self.min_capacity, self.max_capacity
        if low is None and high is None:
            yield Problem(
                "min_capacity", "missing", "the action would change nothing", "add a bound"
            )
        elif low is not None and high is not None and low > high:
            yield Problem(
                "min_capacity",
                low,
                f"it is above max_capacity, {high}",
                f"lower it to {high} or raise max_capacity",
            )
        if self.start_time and self.end_time and not _before(self.start_time, self.end_time):
            yield Problem("end_time", self.end_time, "it is not after start_time", "raise it")


def _before(one: datetime, two: datetime) -> bool:
    return one.timestamp() < two.timestamp()


class Scaling(Settings):
    """Between which bounds, by which measures and at which times a count changes by itself."""

    cloudformation: ClassVar[str] = _TARGET

    min_capacity: int = Field(ge=0)
    """The fewest; 0 on asynchronous endpoints and of inference components.

    2 for what must survive the loss of an availability zone.
    """
    max_capacity: int = Field(ge=1)
    """The most: the bound of the bill."""
    targets: Annotated[Several[TargetTracking], Cfn("")] = ()
    """Measures to keep near a value; of several, the one that asks for most counts."""
    steps: Annotated[Several[StepScaling], Cfn("")] = ()
    """Changes that an alarm brings about, where a target is too slow or too coarse."""
    schedule: Annotated[Several[ScheduledAction], Cfn("ScheduledActions")] = Field(
        default=(), max_length=200
    )
    """Bounds that change with the clock, for load that is known beforehand."""
    scale_in_cooldown_seconds: Annotated[
        Seconds, Cfn(f"{TargetTracking.cloudformation}/ScaleInCooldown")
    ] = 300
    """How long after removing no more is removed, by the targets.

    Raise it if the count goes up and down.
    """
    scale_out_cooldown_seconds: Annotated[
        Seconds, Cfn(f"{TargetTracking.cloudformation}/ScaleOutCooldown")
    ] = 60
    """How long after adding no more is added, by the targets, unless the load calls for still more.

    As long as a new instance takes until it serves.
    """

    @property
    def lowest(self) -> int:
        """The fewest that there ever are."""
        return min(
            self.min_capacity,
            *(action.min_capacity for action in self.schedule if action.min_capacity is not None),
            self.min_capacity,
        )

    def problems(self) -> Iterator[Problem]:
        """Yield bounds that exclude each other, no reason to scale, and names given twice."""
        if self.min_capacity > self.max_capacity:
            yield Problem(
                "min_capacity",
                self.min_capacity,
                f"it is above max_capacity, {self.max_capacity}",
                f"lower it to {self.max_capacity} or raise max_capacity",
            )
        if not (self.targets or self.steps or self.schedule):
            yield Problem(
                "targets",
                "missing",
                "nothing would ever change the count",
                'write targets = [{ metric = "InvocationsPerInstance", value = 600 }], or remove '
                "scaling",
            )
        policies = [
            *((f"targets.{index}", each.policy_name) for index, each in enumerate(self.targets)),
            *((f"steps.{index}", each.policy_name) for index, each in enumerate(self.steps)),
        ]
        yield from _twice(policies, "policy")
        yield from _twice(
            [(f"schedule.{index}", each.name) for index, each in enumerate(self.schedule)],
            "scheduled action",
        )


def _twice(named: Sequence[tuple[str, str]], kind: str) -> Iterator[Problem]:
    names = [name for _, name in named]
    for index, (key, name) in enumerate(named):
        if name in names[:index]:
            yield Problem(
                f"{key}.name", name, f"another {kind} has this name", "give each a name of its own"
            )


def from_zero_instances(endpoint_name: str) -> StepScaling:
    """Return what brings an asynchronous endpoint back from zero, which no target does.

    Without instances there is no backlog per instance: only this metric is still published
    (SageMaker Developer Guide, "Autoscale an asynchronous endpoint", whose figures these are).
    """
    return StepScaling(
        name="FromZero",
        metric=CloudWatchMetric(
            namespace="AWS/SageMaker",
            metric_name="HasBacklogWithoutCapacity",
            dimensions={"EndpointName": endpoint_name},
        ),
        threshold=1,
        step_adjustments=_ONE_MORE,
        evaluation_periods=2,
    )


def from_zero_copies(component_name: str) -> StepScaling:
    """Return what brings an inference component back from zero, once a request was refused.

    SageMaker Developer Guide, "Scale an endpoint to zero instances", whose figures these are.
    """
    return StepScaling(
        name="FromZero",
        metric=CloudWatchMetric(
            namespace="AWS/SageMaker",
            metric_name="NoCapacityInvocationFailures",
            dimensions={"InferenceComponentName": component_name},
            statistic="Sum",
        ),
        threshold=1,
        step_adjustments=_ONE_MORE,
        cooldown=60,
    )


_ONE_MORE = (StepAdjustment(metric_interval_lower_bound=0, scaling_adjustment=1),)
