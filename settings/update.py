"""The [endpoint.update] table of a stage: how an update replaces instances, and when it rolls back.

If a stage says nothing, `choose` takes the safest way that its endpoint allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from settings.metrics import Statistic
from settings.table import Cfn, Problem, Settings, Several

WaitSeconds = Annotated[int, Field(ge=0, le=3600)]
Policy: TypeAlias = Literal["ALL_AT_ONCE", "CANARY", "LINEAR", "ROLLING"]

_DEPLOYMENT = "AWS::SageMaker::Endpoint/DeploymentConfig"
_ROLLING = (
    f"{_DEPLOYMENT}/RollingUpdatePolicy",
    "AWS::SageMaker::InferenceComponent/DeploymentConfig/RollingUpdatePolicy",
)

# The smallest and the largest share of a fleet that may be moved at a time, in percent (SageMaker
# API reference, TrafficRoutingConfig and RollingUpdatePolicy).
_SIZES: dict[Policy, tuple[int, int]] = {"CANARY": (1, 50), "LINEAR": (10, 50), "ROLLING": (5, 50)}


Threshold: TypeAlias = tuple[str, Statistic, float]
"""A metric, its statistic, and the limit within any minute in the metric's unit."""


class Rollback(Settings):
    """What rolls an update back, while it runs and while it bakes."""

    cloudformation: ClassVar[str] = f"{_DEPLOYMENT}/AutoRollbackConfiguration"

    max_5xx_percent: Annotated[float, Cfn("AWS::CloudWatch::Alarm/Threshold")] = Field(
        default=1, ge=0, lt=100, strict=False
    )
    """The largest share of 5XX errors among the model's answers, within any minute.

    Raise it where few requests come: one error in fifty is already 2 percent.
    """
    max_model_latency_seconds: Annotated[float, Cfn("AWS::CloudWatch::Alarm/Threshold")] = Field(
        default=30, gt=0, le=3600, strict=False
    )
    """The longest time that the model may take on average, within any minute.

    Lower it to what your callers accept. The default is half of what SageMaker allows.
    """
    alarms: Annotated[
        Several[str],
        Cfn(
            "Alarms",
            (
                "AWS::SageMaker::InferenceComponent/DeploymentConfig/AutoRollbackConfiguration/Alarms",
            ),
        ),
    ] = Field(default=(), max_length=7)
    """Names of your own alarms that roll an update back too.

    For the quality of the answers, such as the share of clicks: no HTTP status shows that.
    """

    @property
    def thresholds(self) -> list[Threshold]:
        """The limits for the metrics of the endpoint's variants."""
        return [
            # Each request counts 1 or 0, so that the average is the share of errors.
            ("Invocation5XXErrors", "Average", self.max_5xx_percent / 100),
            ("ModelLatency", "Average", self.max_model_latency_seconds * 1_000_000),
        ]


class AsyncRollback(Rollback):
    """What rolls an update of an asynchronous endpoint back."""

    max_model_latency_seconds: Annotated[float, Cfn("AWS::CloudWatch::Alarm/Threshold")] = Field(
        default=450, gt=0, le=3600, strict=False
    )
    """The longest time that the model may take on average, within any minute.

    Lower it to what your callers accept. The default is half of what SageMaker allows, unless the
    request says otherwise.
    """
    max_failures_per_minute: Annotated[int, Cfn("AWS::CloudWatch::Alarm/Threshold")] = Field(
        default=5, ge=0
    )
    """The largest number of requests that may fail, within any minute.

    Requests that cannot be answered, for example because their input is missing, count too.
    """

    @property
    def thresholds(self) -> list[Threshold]:
        """The limits for the metrics of the endpoint's variants."""
        return [*super().thresholds, ("InvocationFailures", "Sum", self.max_failures_per_minute)]


class Update(Settings):
    """How an update replaces the instances, step by step."""

    cloudformation: ClassVar[str] = f"{_DEPLOYMENT}/BlueGreenUpdatePolicy"

    policy: Annotated[Policy | None, Cfn("TrafficRoutingConfiguration/Type")] = None
    """How instances are replaced. If absent, Slipway chooses the safest way for the endpoint.

    ROLLING where AWS cannot give you twice the instances, for example with GPUs. The other three
    start all new instances beside the old ones.
    """
    capacity_percent: Annotated[int | None, Cfn("TrafficRoutingConfiguration/CanarySize/Value")] = (
        Field(default=None, ge=1, le=100)
    )
    """The share of the instances that a step moves; one instance if absent.

    Small for a risky model, larger for a faster update.
    """
    instance_count: Annotated[int | None, Cfn("TrafficRoutingConfiguration/CanarySize/Value")] = (
        Field(default=None, ge=1)
    )
    """The number of instances, or of a component's copies, that a step moves."""
    wait_interval_in_seconds: Annotated[
        WaitSeconds,
        Cfn(
            "TrafficRoutingConfiguration/WaitIntervalInSeconds",
            tuple(f"{rolling}/WaitIntervalInSeconds" for rolling in _ROLLING),
        ),
    ] = 300
    """How long each step bakes before the next.

    Long enough for the alarms to see enough requests; they look at whole minutes.
    """
    termination_wait_in_seconds: WaitSeconds = 300
    """How long the old instances are kept after the new ones have taken over.

    As long as an error may take to show. Until then a rollback needs no new instances.
    """
    maximum_execution_timeout_in_seconds: Annotated[
        int | None,
        Cfn(
            "MaximumExecutionTimeoutInSeconds",
            tuple(f"{rolling}/MaximumExecutionTimeoutInSeconds" for rolling in _ROLLING),
        ),
    ] = Field(default=None, ge=600, le=28800)
    """When SageMaker gives up an unfinished update; AWS's default if absent."""
    rollback: Annotated[Rollback, Cfn("../AutoRollbackConfiguration")] = Rollback()
    """What rolls an update back."""

    def problems(self) -> Iterator[Problem]:
        """Yield a size that is given twice or outside of what AWS allows."""
        if self.capacity_percent is not None and self.instance_count is not None:
            why = "capacity_percent already gives the size"
            yield self.wrong("instance_count", why, "keep one of the two")
        size = "capacity_percent" if self.instance_count is None else "instance_count"
        if self.at(size) is not None and self.policy in (None, "ALL_AT_ONCE"):
            why = (
                "a size needs a policy, and policy is not set"
                if self.policy is None
                else "ALL_AT_ONCE moves everything in one step"
            )
            yield self.wrong(size, why, 'remove it, or write policy = "CANARY"')
        if self.policy in _SIZES and self.capacity_percent is not None:
            low, high = _SIZES[self.policy]
            if not low <= self.capacity_percent <= high:
                why = f"a step of {self.policy} moves {low} to {high} percent"
                yield self.wrong("capacity_percent", why, f"write a number from {low} to {high}")

    def problems_with(self, movable: Movable) -> Iterator[Problem]:
        """Yield settings that AWS refuses or ignores for what can be moved."""
        against = {
            "ALL_AT_ONCE": movable.why if movable.default == "ROLLING" else "",
            "CANARY": movable.no_steps,
            "LINEAR": movable.no_steps,
            "ROLLING": movable.no_batches,
        }.get(self.policy or "")
        if against:
            fix = "remove policy, and Slipway chooses the safest one that works"
            yield self.wrong("policy", against, fix)
        elif self.policy in _SIZES and movable.fewest is not None:
            yield from self._size_problems(self.policy, movable.fewest, movable)
        chosen = choose(self, movable)
        key, why, fix = _UNUSED.get(chosen.policy, ("", "", ""))
        if key and not self.is_default(key):
            why = f"{chosen.policy} ({chosen.reason}) {why}"
            yield self.wrong(key, why, fix)
        waiting = chosen.waiting_seconds(movable.most)
        limit = self.maximum_execution_timeout_in_seconds
        if limit is not None and limit <= waiting:
            why = f"the waits alone take {waiting} seconds"
            fix = f"raise it above {waiting}, or shorten the waits"
            yield self.wrong("maximum_execution_timeout_in_seconds", why, fix)

    def _size_problems(self, policy: Policy, fewest: int, movable: Movable) -> Iterator[Problem]:
        low, high = _SIZES[policy]
        count, percent = self.instance_count, self.capacity_percent
        share = f"a step of {policy} moves {low} to {high} percent, and there may be"
        if fewest < 2 and movable.default != "ROLLING":
            yield self.wrong(
                "policy",
                f"{policy} moves at most half of the {movable.unit} at a time, and there may be "
                f"only {fewest}",
                "set initial_instance_count (and min_capacity, if scaled) to 2 or more, or remove "
                "policy",
            )
        elif count is not None and count * 100 > fewest * high:
            fix = "write capacity_percent, or a smaller number"
            yield self.wrong("instance_count", f"{share} only {fewest}", fix)
        elif count is not None and count * 100 < movable.most * low:
            fix = "write capacity_percent, or a larger number"
            yield self.wrong("instance_count", f"{share} {movable.most}", fix)
        elif percent is not None and fewest > 1 and percent * fewest < 100:
            why = f"there may be only {fewest} {movable.unit}, and this share is less than one"
            yield self.wrong("capacity_percent", why, f"raise it to {ceil(100 / fewest)}")


class AsyncUpdate(Update):
    """How an update replaces the instances of an asynchronous endpoint, step by step."""

    rollback: Annotated[AsyncRollback, Cfn("../AutoRollbackConfiguration")] = AsyncRollback()
    """What rolls an update back."""


@dataclass(frozen=True)
class Movable:
    """What an update of an endpoint can move, and in which ways.

    fewest and most are the smallest and the largest number of instances (or copies) of a variant
    during the update. fewest is None where instances are not counted. no_steps and no_batches say
    why the endpoint cannot be moved in steps, or by ROLLING; "" if it can.
    """

    fewest: int | None
    most: int
    no_steps: str = ""
    no_batches: str = ""
    default: Literal["STEPS", "ROLLING", "ALL_AT_ONCE"] = "STEPS"
    why: str = ""
    unit: str = "instances"

    def percent_of_one(self, policy: Policy) -> int:
        """Return one instance of the fewest as a percentage, rounded up, and at most 50."""
        if self.fewest is None or self.fewest < 2:
            return 50
        smallest, _ = _SIZES.get(policy, (1, 50))
        return max(smallest, ceil(100 / self.fewest))


@dataclass(frozen=True)
class Rollout:
    """How an endpoint is updated, with every choice made."""

    policy: Policy
    size_type: Literal["CAPACITY_PERCENT", "INSTANCE_COUNT"]
    size: int
    update: Update
    """The settings, with the chosen policy and its waits, and without a size."""
    reason: str

    def waiting_seconds(self, most: int) -> int:
        """Return the sum of all waits; with fewer instances it is not larger."""
        match self.policy:
            case "ALL_AT_ONCE":
                steps = 0
            case "CANARY":
                steps = 1
            case _:
                whole = 100 if self.size_type == "CAPACITY_PERCENT" else most
                steps = ceil(whole / self.size)
        waits = self.update
        return steps * waits.wait_interval_in_seconds + waits.termination_wait_in_seconds

    def __str__(self) -> str:
        unit = "%" if self.size_type == "CAPACITY_PERCENT" else "at a time"
        size = "" if self.policy == "ALL_AT_ONCE" else f" {self.size} {unit}"
        return f"{self.policy}{size}: {self.reason}"


# The wait that a policy does not have, why it has none, and what to do about it.
_UNUSED: dict[Policy, tuple[str, str, str]] = {
    "ALL_AT_ONCE": (
        "wait_interval_in_seconds",
        "has no second step to wait for",
        "write termination_wait_in_seconds, during which the alarms are watched",
    ),
    "ROLLING": (
        "termination_wait_in_seconds",
        "ends the old instances batch by batch, each after wait_interval_in_seconds",
        "remove it",
    ),
}


def choose(update: Update, movable: Movable) -> Rollout:
    """Return how an endpoint is updated: as the stage says, or in the safest way that works."""
    policy, reason = update.policy, "as the stage says"
    if policy is None:
        policy, reason = _safest(movable)
    size_type: Literal["CAPACITY_PERCENT", "INSTANCE_COUNT"] = "CAPACITY_PERCENT"
    size = update.capacity_percent
    if update.instance_count is not None:
        size_type, size = "INSTANCE_COUNT", update.instance_count
    elif size is None:
        size = movable.percent_of_one(policy)
    chosen = {"policy": policy, "capacity_percent": None, "instance_count": None}
    unused = {_UNUSED[policy][0]: 0} if policy in _UNUSED else {}
    return Rollout(policy, size_type, size, update.model_copy(update=chosen | unused), reason)


def _safest(movable: Movable) -> tuple[Policy, str]:
    if movable.default == "ROLLING":
        return "ROLLING", movable.why
    if movable.default == "ALL_AT_ONCE" or movable.no_steps:
        return "ALL_AT_ONCE", movable.why or movable.no_steps
    if movable.fewest is None or movable.fewest < 2:
        few = "no instance" if movable.fewest == 0 else "one instance"
        return "ALL_AT_ONCE", f"a variant may have {few}, which cannot be moved in steps"
    return "CANARY", f"every variant has {movable.fewest} {movable.unit} or more"
