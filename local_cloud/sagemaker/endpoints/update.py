"""One update of an endpoint under way: green takes over from blue by a plan, or blue returns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil
from typing import Any, TypeAlias

from local_cloud.sagemaker.endpoints import alarms
from local_cloud.sagemaker.endpoints.deployment import Deployment
from local_cloud.sagemaker.endpoints.rollout import Plan, Step
from local_cloud.sagemaker.instances.host import Host
from local_cloud.sagemaker.instances.metrics import Observation
from local_cloud.sagemaker.instances.model_data import StartFailure

ALARM_SECONDS = 0.2
"""How often the alarms are evaluated while green bakes."""

_WHOLE, _NONE = Fraction(1), Fraction(0)

Traffic: TypeAlias = Sequence[tuple[Deployment, Fraction]]
"""Which deployments answer requests, and the share of each."""


class RolledBack(Exception):  # noqa: N818  (the reason is the whole message)
    """The old deployment serves all traffic again, for this reason."""


class RollbackFailed(Exception):  # noqa: N818  (the reason is the whole message)
    """The old deployment serves all traffic again, with fewer instances than it should have."""


class Update:
    """The replacement of `blue` by `green`.

    `shift` sets new shares of the traffic; `roll_back` is called before all traffic returns to
    blue.
    """

    def __init__(
        self,
        host: Host,
        plan: Plan,
        blue: Deployment,
        green: Deployment,
        *,
        shift: Callable[[Traffic], None],
        roll_back: Callable[[], None],
    ) -> None:
        self._host, self._plan = host, plan
        self._blue, self._green = blue, green
        self._shift, self._roll_back = shift, roll_back
        variant = next(iter(green.production.values())).variant
        self._region, self._endpoint_name = variant.region, variant.endpoint_name
        self._say("Creating", "Launching {} instance(s).", _WHOLE)

    def describe(self) -> dict[str, Any]:
        """Describe green's variants and the status of each, as DescribeEndpoint does."""
        return self._green.describe(self._statuses)

    async def run(self) -> None:
        """Return when green serves all traffic, and blue may end.

        Raises StartFailure or RolledBack if blue serves all traffic again, and RollbackFailed if
        blue does so with fewer instances than before.
        """
        limit = self._plan.timeout_seconds
        try:
            async with asyncio.timeout(limit):
                await self._proceed()
        except TimeoutError:
            await self._return()
            raise RolledBack(
                f"The update took longer than its MaximumExecutionTimeoutInSeconds, {limit}."
            ) from None
        except Exception:
            await self._return()
            raise
        self._shift([(self._green, _WHOLE)])

    async def _proceed(self) -> None:
        plan, done = self._plan, _NONE
        await self._green.start(plan.steps[0].share if plan.rolls else _WHOLE)
        with self._host.metrics.watching(self._region, self._endpoint_name) as seen:
            for step in plan.steps:
                if plan.rolls and done:
                    self._say("Updating", "Scaling out desired instance count to {}.", step.share)
                    await self._blue.resize(_WHOLE - done)
                    await self._green.resize(step.share)
                self._say("ActivatingTraffic", "Activating traffic on capacity of {} instance(s).",
                          step.share)  # fmt: skip
                self._shift([(self._green, step.share), (self._blue, _WHOLE - step.share)])
                await self._bake(step, seen)
                done = step.share

    async def _bake(self, step: Step, seen: Sequence[Observation]) -> None:
        """Wait, and raise RolledBack as soon as an alarm goes off."""
        seconds = step.wait_seconds * self._plan.pace
        shortened = f", shortened to {seconds:.2g} here," if self._plan.pace < 1 else ""
        self._say(
            "Baking",
            f"Baking for {step.wait_seconds} seconds ({step.wait_name}){shortened} with traffic "
            "enabled on capacity of {} instance(s).",
            step.share,
        )
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            now = loop.time()
            await self._check_alarms(seen)
            if now >= end:
                return
            await asyncio.sleep(min(ALARM_SECONDS, end - now) if self._plan.alarms else end - now)

    async def _check_alarms(self, seen: Sequence[Observation]) -> None:
        names = self._plan.alarms
        if not names:
            return
        cloudwatch = await asyncio.to_thread(self._host.clients, "cloudwatch", self._region)
        reasons = await asyncio.to_thread(
            alarms.tripped, cloudwatch, names, self._endpoint_name, tuple(seen)
        )
        if reasons:
            raise RolledBack(
                "The update was rolled back because alarms of its AutoRollbackConfiguration are in "
                "ALARM: " + "; ".join(f"{name} ({why})" for name, why in reasons.items())
            )

    async def _return(self) -> None:
        """Bring blue back to its full size, send all traffic to blue, and end green."""
        self._roll_back()
        self._say("Deleting", "Terminating {} instance(s).", _WHOLE)
        try:
            if self._plan.rolls:
                await self._restore()
        except StartFailure as failure:
            raise RollbackFailed(
                f"The rollback could not bring back all instances: {failure}"
            ) from None
        finally:
            self._shift([(self._blue, _WHOLE)])
            await self._green.retire()

    async def _restore(self) -> None:
        [fleet] = self._blue.production.values()
        desired = fleet.desired_instance_count
        while (count := fleet.seat_count) < desired:
            await fleet.resize(min(desired, count + self._plan.rollback_batch))
            back = Fraction(fleet.seat_count, desired)
            self._shift([(self._green, _WHOLE - back), (self._blue, back)])
            await self._green.resize(_WHOLE - back)

    def _say(self, status: str, message: str, share: Fraction) -> None:
        since = datetime.now(UTC)
        self._statuses = {
            name: {
                "Status": status,
                "StatusMessage": message.format(ceil(share * count)),
                "StartTime": since,
            }
            for name, count in self._green.instance_counts.items()
        }
