"""The [endpoint.update] table of a stage: how instances are replaced, and when they are put back.

If a stage says nothing, `choose` takes the safest way that its endpoint allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from settings.errors import Problem
from settings.table import Cfn, Settings, Several

WaitSeconds = Annotated[int, Field(ge=0, le=3600)]
Policy: TypeAlias = Literal["ALL_AT_ONCE", "CANARY", "LINEAR", "ROLLING"]

_DEPLOYMENT = "AWS::SageMaker::Endpoint/DeploymentConfig"

# The smallest and the largest share of a fleet that may be moved at a time, in percent (SageMaker
# API reference, TrafficRoutingConfig and RollingUpdatePolicy).
_SIZES: dict[Policy, tuple[int, int]] = {"CANARY": (1, 50), "LINEAR": (10, 50), "ROLLING": (5, 50)}


class Rollback(Settings):
    """What during an update, and while it bakes, puts the old instances back."""

    cloudformation: ClassVar[str] = f"{_DEPLOYMENT}/AutoRollbackConfiguration"

    max_5xx_percent: Annotated[float, Cfn("AWS::CloudWatch::Alarm/Threshold")] = Field(
        default=1, ge=0, lt=100, strict=False
    )
    """The share of requests that the model may answer with a 5XX error, within any minute.

    Raise it where few requests come: one error in fifty is 2 percent already.
    """
    max_model_latency_seconds: Annotated[float | None, Cfn("AWS::CloudWatch::Alarm/Threshold")] = (
        Field(default=None, gt=0, le=3600, strict=False)
    )
    """The time that the model may take on average, within any minute: 30 seconds if absent, or 450
    of an asynchronous endpoint.

    Lower it to what your callers bear: the defaults are half of what SageMaker allows an answer, if
    an asynchronous request says nothing else.
    """
    max_failures_per_minute: Annotated[int, Cfn("AWS::CloudWatch::Alarm/Threshold")] = Field(
        default=5, ge=0
    )
    """Of an asynchronous endpoint: how many requests may fail, within any minute.

    Requests that cannot be answered, such as those whose input is missing, count as well.
    """
    alarms: Annotated[Several[str], Cfn("Alarms")] = Field(default=(), max_length=7)
    """Names of alarms of your own that put them back as well.

    On what the model's answers are worth, such as a share of clicks, which no status tells.
    """


class Update(Settings):
    """How an update replaces the instances, step by step."""

    cloudformation: ClassVar[str] = f"{_DEPLOYMENT}/BlueGreenUpdatePolicy"

    policy: Annotated[Policy | None, Cfn("TrafficRoutingConfiguration/Type")] = None
    """ALL_AT_ONCE, CANARY, LINEAR, or ROLLING; the safest that the endpoint allows if absent.

    ROLLING where twice the instances cannot be had, such as of GPUs: the other three start all new
    ones beside the old.
    """
    capacity_percent: Annotated[int | None, Cfn("TrafficRoutingConfiguration/CanarySize/Value")] = (
        Field(default=None, ge=1, le=100)
    )
    """How many percent of the instances the first step, or each, moves; one instance if absent.

    Small for a risky model, larger for an update that should be done sooner.
    """
    instance_count: Annotated[int | None, Cfn("TrafficRoutingConfiguration/CanarySize/Value")] = (
        Field(default=None, ge=1)
    )
    """How many instances it moves; of inference components, how many copies."""
    wait_interval_in_seconds: Annotated[
        WaitSeconds | None, Cfn("TrafficRoutingConfiguration/WaitIntervalInSeconds")
    ] = None
    """How long each step bakes before the next: 300 if absent.

    So long that the alarms see enough requests; they look at whole minutes.
    """
    termination_wait_in_seconds: WaitSeconds | None = None
    """How long the old instances are kept once the new ones have all requests: 300 if absent.

    As long as an error may take to show: until then going back takes no new instances.
    """
    maximum_execution_timeout_in_seconds: int | None = Field(default=None, ge=600, le=28800)
    """When an update that is not done is given up; AWS's default if absent."""
    rollback: Annotated[Rollback, Cfn("../AutoRollbackConfiguration")] = Rollback()
    """What puts the old instances back."""

    def problems(self) -> Iterator[Problem]:
        """Yield a size given twice, or outside what AWS allows, and waits that mean nothing."""
        if self.capacity_percent is not None and self.instance_count is not None:
            yield Problem(
                "instance_count",
                self.instance_count,
                "the size is already given by capacity_percent",
                "keep one of the two",
            )
        given = self.capacity_percent if self.instance_count is None else self.instance_count
        if given is not None and self.policy in (None, "ALL_AT_ONCE"):
            key = "capacity_percent" if self.instance_count is None else "instance_count"
            why = (
                "the size belongs to a policy, and none is given"
                if self.policy is None
                else "everything is moved in one step"
            )
            yield Problem(key, given, why, 'remove it, or write policy = "CANARY"')
        if self.policy == "ALL_AT_ONCE" and self.wait_interval_in_seconds is not None:
            yield Problem(
                "wait_interval_in_seconds",
                self.wait_interval_in_seconds,
                "there is no second step to wait for",
                "write termination_wait_in_seconds, during which the alarms are watched",
            )
        if self.policy == "ROLLING" and self.termination_wait_in_seconds is not None:
            yield Problem(
                "termination_wait_in_seconds",
                self.termination_wait_in_seconds,
                "the old instances end batch by batch, each after wait_interval_in_seconds",
                "remove it",
            )
        if self.policy in _SIZES and self.capacity_percent is not None:
            low, high = _SIZES[self.policy]
            if not low <= self.capacity_percent <= high:
                yield Problem(
                    "capacity_percent",
                    self.capacity_percent,
                    f"a step of {self.policy} moves {low} to {high} percent",
                    f"write a number from {low} to {high}",
                )


@dataclass(frozen=True)
class Fleet:
    """What an endpoint's nature allows an update to do.

    fewest and most are the smallest and the largest number of instances (or copies) that a variant
    may have meanwhile, or None where none are counted. no_steps and no_batches say why it cannot be
    moved in steps, or rolled; "" if it can.
    """

    fewest: int | None
    most: int | None = None
    no_steps: str = ""
    no_batches: str = ""
    default: Literal["STEPS", "ROLLING", "ALL_AT_ONCE"] = "STEPS"
    why: str = ""
    unit: str = "instances"


@dataclass(frozen=True)
class Rollout:
    """How an endpoint is updated: what was asked for, or chosen, with nothing left open."""

    policy: Policy
    size_type: Literal["CAPACITY_PERCENT", "INSTANCE_COUNT"]
    size: int
    wait_interval_in_seconds: int
    termination_wait_in_seconds: int
    maximum_execution_timeout_in_seconds: int | None
    reason: str

    def waiting_seconds(self, most: int) -> int:
        """How long it waits in all, with so many instances: with fewer of them not more."""
        match self.policy:
            case "ALL_AT_ONCE":
                steps = 0
            case "CANARY":
                steps = 1
            case _:
                whole = 100 if self.size_type == "CAPACITY_PERCENT" else most
                steps = ceil(whole / self.size)
        return steps * self.wait_interval_in_seconds + self.termination_wait_in_seconds

    def __str__(self) -> str:
        unit = "%" if self.size_type == "CAPACITY_PERCENT" else "at a time"
        size = "" if self.policy == "ALL_AT_ONCE" else f" {self.size} {unit}"
        return f"{self.policy}{size}: {self.reason}"


def choose(update: Update, fleet: Fleet) -> Rollout:
    """Return how an endpoint is updated: as asked, or in the safest way that it allows."""
    policy, reason = update.policy, "as the stage says"
    if policy is None:
        policy, reason = _safest(fleet)
    percent, count = update.capacity_percent, update.instance_count
    if percent is None and count is None:
        # One instance of the smallest fleet, rounded up.
        percent = min(50, max(_SIZES.get(policy, (1, 50))[0], ceil(100 / (fleet.fewest or 2))))
    wait = update.wait_interval_in_seconds
    termination = update.termination_wait_in_seconds
    return Rollout(
        policy,
        "CAPACITY_PERCENT" if count is None else "INSTANCE_COUNT",
        count or percent or 0,
        0 if policy == "ALL_AT_ONCE" else 300 if wait is None else wait,
        0 if policy == "ROLLING" else 300 if termination is None else termination,
        update.maximum_execution_timeout_in_seconds,
        reason,
    )


def _safest(fleet: Fleet) -> tuple[Policy, str]:
    if fleet.default == "ROLLING":
        return "ROLLING", fleet.why
    if fleet.default == "ALL_AT_ONCE" or fleet.no_steps:
        return "ALL_AT_ONCE", fleet.why or fleet.no_steps
    if fleet.fewest is None or fleet.fewest < 2:
        few = "no instance" if fleet.fewest == 0 else "one instance"
        return "ALL_AT_ONCE", f"a variant may have {few}, which cannot be moved in steps"
    return "CANARY", f"every variant has {fleet.fewest} {fleet.unit} or more"


def problems(update: Update, fleet: Fleet) -> Iterator[Problem]:
    """Yield what AWS refuses, or does not do, with instances such as these."""
    against = {
        "ALL_AT_ONCE": fleet.why if fleet.default == "ROLLING" else "",
        "CANARY": fleet.no_steps,
        "LINEAR": fleet.no_steps,
        "ROLLING": fleet.no_batches,
    }.get(update.policy or "")
    if against:
        yield Problem(
            "policy", update.policy, against, "remove it, and the safest that works is chosen"
        )
    elif update.policy in _SIZES and fleet.fewest is not None:
        yield from _size_problems(update, update.policy, fleet.fewest, fleet)
    chosen = choose(update, fleet)
    if update.policy is None:
        yield from _unused(update, chosen)
    waiting = chosen.waiting_seconds(fleet.most or 1)
    limit = update.maximum_execution_timeout_in_seconds
    if limit is not None and limit <= waiting:
        yield Problem(
            "maximum_execution_timeout_in_seconds",
            limit,
            f"the waits alone take {waiting} seconds",
            "raise it, or wait less",
        )


def _unused(update: Update, chosen: Rollout) -> Iterator[Problem]:
    """Yield a wait that the chosen policy does not have."""
    key = {"ALL_AT_ONCE": "wait_interval_in_seconds", "ROLLING": "termination_wait_in_seconds"}.get(
        chosen.policy
    )
    if key and getattr(update, key) is not None:
        yield Problem(
            key,
            getattr(update, key),
            f"what is chosen is {chosen.policy}, which has no such wait: {chosen.reason}",
            "remove it",
        )


def _size_problems(update: Update, policy: Policy, fewest: int, fleet: Fleet) -> Iterator[Problem]:
    low, high = _SIZES[policy]
    count, percent = update.instance_count, update.capacity_percent
    most = fewest if fleet.most is None else fleet.most
    if fewest < 2 and fleet.default != "ROLLING":
        yield Problem(
            "policy",
            policy,
            f"it moves half of the {fleet.unit} at the most, and there may be only {fewest}",
            f"keep 2 {fleet.unit} or more, or remove it",
        )
    elif count is not None and count * 100 > fewest * high:
        yield Problem(
            "instance_count",
            count,
            f"a step of {policy} moves {low} to {high} percent, and there may be only {fewest}",
            "write capacity_percent, or a smaller number",
        )
    elif count is not None and count * 100 < most * low:
        yield Problem(
            "instance_count",
            count,
            f"a step of {policy} moves {low} to {high} percent, and there may be {most}",
            "write capacity_percent, or a larger number",
        )
    elif percent is not None and fewest > 1 and percent * fewest < 100:
        yield Problem(
            "capacity_percent",
            percent,
            f"of {fewest} {fleet.unit}, which there may be, it is less than one",
            f"raise it to {ceil(100 / fewest)}",
        )
