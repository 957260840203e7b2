"""The [….scaling] tables of a stage: how a count follows the load and the clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from settings.metrics import CloudWatchMetric, Metric, PolicyName, Seconds, name_of
from settings.schedule import ScheduledAction
from settings.steps import StepAdjustment, StepScaling
from settings.table import Cfn, Problem, Settings, Several, twice

_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
_POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"


class TargetTracking(Settings):
    """Keep a metric near a value, by adding and removing instances, concurrency or copies."""

    cloudformation: ClassVar[str] = f"{_POLICY}/TargetTrackingScalingPolicyConfiguration"

    metric: Annotated[Metric, Cfn("PredefinedMetricSpecification")]
    """The metric. It must fall when the count rises.

    InvocationsPerInstance suits most models: the average number of invocations per instance per
    minute. ConcurrentRequestsPerModel reacts within seconds, for slow models. CPUUtilization and
    GPUUtilization are sums over cores and GPUs: up to 400 with four.
    """
    value: Annotated[float, Cfn("TargetValue")] = Field(gt=0, strict=False)
    """The value to keep.

    For InvocationsPerInstance: the requests per second that one instance sustains, times a safety
    factor (0.5 is common), times 60. For ProvisionedConcurrencyUtilization: a share from 0 to 1.
    """
    name: Annotated[PolicyName | None, Cfn("../PolicyName")] = None
    """The policy's name; the metric's name if absent. Required if two policies track one metric."""

    @property
    def policy_name(self) -> str:
        """The policy's name."""
        return self.name or name_of(self.metric)

    def problems(self) -> Iterator[Problem]:
        """Yield a share above 1."""
        if self.metric == "ProvisionedConcurrencyUtilization" and self.value > 1:
            percent = self.value if self.value <= 100 else 70
            yield self.wrong(
                "value",
                "this metric is a share of the provisioned concurrency and never exceeds 1",
                f"write {percent / 100:g} for {percent:g} %",
            )


class Scaling(Settings):
    """The bounds of a count, and the metrics and times by which the count changes by itself."""

    cloudformation: ClassVar[str] = _TARGET

    min_capacity: int = Field(ge=0)
    """The smallest count. 0 is possible for asynchronous endpoints and inference components.

    2 where the endpoint must survive the loss of an availability zone.
    """
    max_capacity: int = Field(ge=1)
    """The largest count: it bounds the bill.

    Stay within the account's quota for the instance type: scaling stops at the quota.
    """
    targets: Annotated[Several[TargetTracking], Cfn("")] = ()
    """Metrics to keep near a value. Of several, the one that asks for the largest count wins."""
    steps: Annotated[Several[StepScaling], Cfn("")] = ()
    """Changes that an alarm starts, where a target is too slow or too coarse."""
    schedule: Annotated[Several[ScheduledAction], Cfn("ScheduledActions")] = Field(
        default=(), max_length=200
    )
    """Bounds that change at given times, for load that is known in advance."""
    scale_in_cooldown_seconds: Annotated[
        Seconds, Cfn(f"{TargetTracking.cloudformation}/ScaleInCooldown")
    ] = 300
    """After scaling in, targets wait this long before they remove more.

    Raise it if the count goes up and down.
    """
    scale_out_cooldown_seconds: Annotated[
        Seconds, Cfn(f"{TargetTracking.cloudformation}/ScaleOutCooldown")
    ] = 60
    """After scaling out, targets wait this long before they add more, unless the load asks for an
    even larger increase.

    As long as a new instance takes to start serving.
    """

    @property
    def _lows(self) -> list[int]:
        given = (action.min_capacity for action in self.schedule)
        return [self.min_capacity, *(low for low in given if low is not None)]

    @property
    def _highs(self) -> list[int]:
        given = (action.max_capacity for action in self.schedule)
        return [self.max_capacity, *(high for high in given if high is not None)]

    @property
    def lowest(self) -> int:
        """The smallest count at any time."""
        return min(self._lows)

    @property
    def highest(self) -> int:
        """The largest count at any time."""
        return max(self._highs)

    def problems(self) -> Iterator[Problem]:
        """Yield bounds that contradict each other, scaling without a reason, and repeated names."""
        yield from self.above_bound("min_capacity", "max_capacity")
        if not (self.targets or self.steps or self.schedule):
            yield self.wrong(
                "targets",
                "without targets, steps or a schedule the count would never change",
                'write targets = [{ metric = "…", value = … }], steps or a schedule, or remove '
                "scaling",
            )
        cooldowns = ("scale_in_cooldown_seconds", "scale_out_cooldown_seconds")
        for key in () if self.targets else cooldowns:
            if not self.is_default(key):
                why = "a cooldown here only applies to targets, and there are none"
                yield self.wrong(key, why, "remove it, or set cooldown on the step")
        yield from self._half_problems()
        policies = [
            *([("", _FROM_ZERO)] if not self.lowest else []),
            *((f"targets.{at}.name", each.policy_name) for at, each in enumerate(self.targets)),
            *((f"steps.{at}.name", each.policy_name) for at, each in enumerate(self.steps)),
        ]
        fix = "give each its own name"
        yield from twice(policies, "another policy has this name", fix, _folded)
        yield from self.repeated("schedule", "name", "another scheduled action has this name", fix)

    def _half_problems(self) -> Iterator[Problem]:
        """Yield actions with one bound that may contradict the other bound at that time."""
        most, fewest = max(self._lows), min(self._highs)
        for index, action in enumerate(self.schedule):
            low, high = action.min_capacity, action.max_capacity
            if high is None and low is not None and low > fewest:
                yield self._excluded(index, "min", "max", fewest)
            if low is None and high is not None and high < most:
                yield self._excluded(index, "max", "min", most)

    def _excluded(self, index: int, key: str, other: str, bound: int) -> Problem:
        why = f"{other}_capacity may be {bound} at that time, which contradicts this bound"
        fix = f"add {other}_capacity to this action"
        return self.wrong(f"schedule.{index}.{key}_capacity", why, fix)


def _folded(policy: str) -> str:
    """Return what two names have in common that would get the same construct id."""
    return re.sub(r"[.-]", "", policy).lower()


def from_zero_instances(endpoint_name: str) -> StepScaling:
    """Return the step policy that brings an asynchronous endpoint back from zero.

    No target does: without instances there is no backlog per instance, and only this metric is
    still published. The figures are those of the SageMaker Developer Guide, "Autoscale an
    asynchronous endpoint".
    """
    return StepScaling(
        name=_FROM_ZERO,
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
    """Return the step policy that brings an inference component back from zero.

    It starts a copy once a request was refused.

    SageMaker Developer Guide, "Scale an endpoint to zero instances", whose figures these are, but
    for one: its alarm waits for a second refused request within a minute, ours for none.
    """
    return StepScaling(
        name=_FROM_ZERO,
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


_FROM_ZERO = "FromZero"
_ONE_MORE = (StepAdjustment(metric_interval_lower_bound=0, scaling_adjustment=1),)
