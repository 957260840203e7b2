"""How an update moves an endpoint's traffic: each of SageMaker's policies as a sequence of steps.

Source: "Deployment guardrails" in the Developer Guide, and the service model's own bounds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count, takewhile
from typing import Any

from local_cloud.wire import validation_error

LONGEST_WAIT_SECONDS = 1.0
"""How long all waits of one update take together here, at most; SageMaker bakes for minutes.

Each wait is shortened in proportion; alarms are evaluated over what was seen meanwhile.
"""

_WHOLE = Fraction(1)


@dataclass(frozen=True)
class Step:
    """One shift of traffic to the green fleet, and the wait in which it bakes."""

    share: Fraction
    """Green's share of the traffic, and the share of green's capacity that gets traffic."""
    wait_seconds: int
    wait_name: str
    """The setting that the wait comes from."""


@dataclass(frozen=True)
class Plan:
    """All of an update: the green fleet starts, in full or by steps, and takes over by steps."""

    steps: tuple[Step, ...]
    rolls: bool = False
    """Whether each step also starts its share of green, and ends as much of blue after it."""
    rollback_batch: int = 0
    """How many instances of blue a rollback brings back at a time, if the plan rolls."""
    timeout_seconds: int | None = None
    alarms: tuple[str, ...] = ()
    pace: float = 1.0
    """What each wait is multiplied by."""

    @property
    def wait_seconds(self) -> int:
        """The sum of the waits."""
        return sum(step.wait_seconds for step in self.steps)

    def shortened(self, longest_seconds: float) -> Plan:
        """Make the same plan, with waits that take at most so many seconds in all."""
        if self.wait_seconds <= longest_seconds:
            return self
        return replace(self, pace=longest_seconds / self.wait_seconds)


def alarm_names(deployment_config: Mapping[str, Any]) -> tuple[str, ...]:
    """The alarms that roll an update back."""
    alarms = deployment_config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return tuple(dict.fromkeys(alarm["AlarmName"] for alarm in alarms))


def plan(
    deployment_config: Mapping[str, Any],
    green: Mapping[str, int],
    blue: Collection[str] | None = None,
) -> Plan:
    """Make the plan of a DeploymentConfig for green's instance counts by variant.

    Raises ValidationException for what AWS refuses. With `blue`, the names of the old variants,
    they are compared too.
    """
    blue_green = deployment_config.get("BlueGreenUpdatePolicy")
    rolling = deployment_config.get("RollingUpdatePolicy")
    if blue_green is not None and rolling is not None:
        raise validation_error(
            "DeploymentConfig has a BlueGreenUpdatePolicy and a RollingUpdatePolicy: only one "
            "update policy should be used; remove one"
        )
    policy = rolling or blue_green or {}
    made = _rolling(policy, green) if rolling else _blue_green(policy, green)
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    if limit is not None and limit <= made.wait_seconds:
        raise validation_error(
            f"MaximumExecutionTimeoutInSeconds is {limit}, but the waits of the deployment take "
            f"{made.wait_seconds} seconds: raise it above {made.wait_seconds}"
        )
    in_steps = rolling or len(made.steps) > 1
    if blue is not None and in_steps and set(blue) != set(green):
        raise validation_error(
            "The new endpoint configuration must have the same variant names as the old one to "
            f"shift traffic in steps: the new one has {', '.join(green)}, the endpoint runs "
            f"{', '.join(blue)}"
        )
    return replace(made, timeout_seconds=limit, alarms=alarm_names(deployment_config))


_SIZES = {"CANARY": ("CanarySize", 1), "LINEAR": ("LinearStepSize", 10)}
"""For each type of routing: the setting with its step, and the least percentage of that."""


def _blue_green(policy: Mapping[str, Any], green: Mapping[str, int]) -> Plan:
    routing = policy.get("TrafficRoutingConfiguration", {})
    kind = routing.get("Type", "ALL_AT_ONCE")
    for other, (name, _) in _SIZES.items():
        if (name in routing) != (kind == other):
            raise validation_error(
                f"TrafficRoutingConfiguration.{name} belongs to Type {other}, and the Type is "
                f"{kind}: {'remove' if name in routing else 'give'} {name}"
            )
    shares = [_WHOLE]
    if kind != "ALL_AT_ONCE":
        name, least = _SIZES[kind]
        size = _share(name, routing[name], green, least)
        shares = [size, _WHOLE] if kind == "CANARY" else _shares(size)
    interval = routing.get("WaitIntervalInSeconds", 0)
    between = tuple(Step(share, interval, "WaitIntervalInSeconds") for share in shares[:-1])
    wait = policy.get("TerminationWaitInSeconds", 0)
    return Plan((*between, Step(_WHOLE, wait, "TerminationWaitInSeconds")))


def _rolling(policy: Mapping[str, Any], green: Mapping[str, int]) -> Plan:
    if len(green) > 1:
        raise validation_error(
            "A RollingUpdatePolicy needs an endpoint with one production variant; this one has "
            f"{', '.join(green)}: use a BlueGreenUpdatePolicy"
        )
    total = max(1, *green.values())
    size, back = policy["MaximumBatchSize"], policy.get("RollbackMaximumBatchSize")
    _share("MaximumBatchSize", size, green, 5)
    batch = Fraction(_instances(size, total), total)
    interval = policy["WaitIntervalInSeconds"]
    return Plan(
        tuple(Step(share, interval, "WaitIntervalInSeconds") for share in _shares(batch)),
        rolls=True,
        rollback_batch=_instances(back, total) if back else total,
    )


def _shares(size: Fraction) -> list[Fraction]:
    """Steps of one size, up to the whole."""
    return [*takewhile(lambda share: share < 1, (size * step for step in count(1))), _WHOLE]


def _instances(size: Mapping[str, Any], total: int) -> int:
    """How many of `total` instances a CapacitySize is: at least one."""
    value = int(size["Value"])
    return value if size["Type"] == "INSTANCE_COUNT" else max(1, total * value // 100)


def _share(name: str, size: Mapping[str, Any], green: Mapping[str, int], least: int) -> Fraction:
    """Turn a CapacitySize into a share of the capacity; it must be `least` to 50 percent."""
    value = int(size["Value"])
    bounds = f"{least} to 50 %" if least > 1 else "at most 50 %"
    if size["Type"] == "CAPACITY_PERCENT":
        if not least <= value <= 50:
            raise validation_error(f"{name} is {value} % of the capacity: it must be {bounds}")
        return Fraction(value, 100)
    for variant, total in green.items():
        if not least * total <= 100 * value <= 50 * total:
            raise validation_error(
                f"{name} is {value} of the {total} instances of variant {variant}: it must be "
                f"{bounds} of them"
            )
    return Fraction(value * len(green), sum(green.values()))
