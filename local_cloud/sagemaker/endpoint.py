"""One endpoint: its states, its blue/green updates, and which instance answers next."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from local_cloud.sagemaker.fleet import Fleet
from local_cloud.sagemaker.host import Host
from local_cloud.sagemaker.model_data import StartFailure
from local_cloud.sagemaker.records import Record
from local_cloud.wire import AwsError, validation_error

Fleets: TypeAlias = Mapping[str, Fleet]
"""The fleets of one deployment, by variant name."""

_MAX_FAILURE_REASON = 1024


@dataclass(frozen=True)
class Resize:
    """The weight and the instance count that a variant should have."""

    fleet: Fleet
    weight: float
    instance_count: int
    max_concurrency: int | None = None


class Endpoint:
    """A name behind which a deployment answers, and at times a second one gets ready.

    What takes long runs in one task at a time; requests are answered meanwhile by `fleets`, which
    changes from one deployment to the next in a single assignment.
    """

    def __init__(self, host: Host, name: str, arn: str, config: Record) -> None:
        self._host = host
        self.name, self.arn = name, arn
        self.config = config
        self.pending_config: Record | None = None
        self.deployment_config: Mapping[str, Any] = {}
        self.creation_time = self.last_modified_time = datetime.now(UTC)
        self.status = "Creating"
        self.failure_reason: str | None = None
        self.fleets: Fleets = {}

    def create(self, fleets: Fleets, deployment_config: Mapping[str, Any]) -> None:
        """Begin to put a first deployment into service."""
        self.deployment_config = deployment_config
        self._begin("Creating", self._roll_out(self.config, fleets), otherwise="Failed")

    def update(self, config: Record, fleets: Fleets, deployment_config: Mapping[str, Any]) -> None:
        """Begin to replace the deployment by another; the old one answers until that one can."""
        self._check_in_service()
        self.deployment_config = deployment_config
        self.pending_config = config
        self._begin("Updating", self._roll_out(config, fleets), otherwise="InService")

    def resize(self, changes: Sequence[Resize]) -> None:
        """Begin to change weights and instance counts of the deployment."""
        self._check_in_service()
        self._begin("Updating", self._resize(changes), otherwise="InService")

    def delete(self, gone: Callable[[], None]) -> None:
        """Begin to take the endpoint out of service; `gone` is called when it is."""
        if self.status not in ("InService", "Failed"):
            raise validation_error(f'Cannot update in-progress endpoint "{self.arn}".')
        fleets, self.fleets = self.fleets, {}
        self._begin("Deleting", self._retire(fleets, gone), otherwise="Failed")

    def describe(self) -> dict[str, Any]:
        """Make the answer to DescribeEndpoint."""
        optional = {
            "FailureReason": self.failure_reason,
            "ProductionVariants": [_summary(fleet) for fleet in self.fleets.values()],
            "LastDeploymentConfig": self.deployment_config,
            "PendingDeploymentSummary": self.pending_config
            and {
                "EndpointConfigName": self.pending_config.name,
                "StartTime": self.last_modified_time,
            },
        }
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self.config.name,
            "EndpointStatus": self.status,
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
            **{key: value for key, value in optional.items() if value},
        }

    def fleet(self, variant_name: str) -> Fleet:
        """Find a live variant; raises ValidationException for one that there is not."""
        self._check_in_service()
        if variant_name not in self.fleets:
            raise validation_error(
                f'Could not find variant "{variant_name}" of endpoint "{self.arn}"; it has '
                f"{', '.join(self.fleets)}."
            )
        return self.fleets[variant_name]

    def choose(self, target_variant: str | None) -> Fleet:
        """Choose who answers a request: a variant by its weight.

        Raises AwsError for a variant that there is not (ValidationError), and while no instance is
        healthy (ServiceUnavailable).
        """
        if target_variant is None:
            ready = [fleet for fleet in self.fleets.values() if fleet.weight and fleet.answers]
            weights = [fleet.weight for fleet in ready]
        elif fleet := self.fleets.get(target_variant):
            ready, weights = [fleet] if fleet.answers else [], [1.0]
        else:
            raise AwsError(
                "ValidationError",
                f"Variant {target_variant} of endpoint {self.name} not found; it has "
                f"{', '.join(self.fleets)}",
            )
        if not ready:
            raise AwsError(
                "ServiceUnavailable", f"No instance of endpoint {self.name} is healthy", 503
            )
        return ready[0] if len(ready) == 1 else random.choices(ready, weights)[0]  # noqa: S311

    def _check_in_service(self) -> None:
        if self.status == "Failed":
            raise validation_error(
                f'Cannot update failed endpoint "{self.arn}": it can only be deleted.'
            )
        if self.status != "InService":
            raise validation_error(f'Cannot update in-progress endpoint "{self.arn}".')

    def _set(self, status: str) -> None:
        self.status, self.last_modified_time = status, datetime.now(UTC)

    def _begin(self, status: str, work: Coroutine[Any, Any, None], otherwise: str) -> None:
        self._set(status)
        self.failure_reason = None
        self._host.begin(self._settle(work, otherwise))

    async def _settle(self, work: Coroutine[Any, Any, None], otherwise: str) -> None:
        try:
            await work
            status = "InService"
        except StartFailure as failure:
            self.failure_reason, status = str(failure)[:_MAX_FAILURE_REASON], otherwise
        except Exception as error:
            logging.getLogger(__name__).exception("endpoint %s", self.name)
            self.failure_reason, status = (
                f"Internal error: {error!r}"[:_MAX_FAILURE_REASON],
                otherwise,
            )
        self.pending_config = None
        self._set(status)

    async def _roll_out(self, config: Record, fleets: Fleets) -> None:
        policy = self.deployment_config.get("BlueGreenUpdatePolicy", {})
        limit = policy.get("MaximumExecutionTimeoutInSeconds")
        try:
            async with asyncio.timeout(limit):
                await self._start(fleets)
        except TimeoutError:
            raise StartFailure(
                f"The update took longer than its MaximumExecutionTimeoutInSeconds, {limit}."
            ) from None
        old, self.fleets, self.config = self.fleets, fleets, config
        if old:
            await asyncio.sleep(policy.get("TerminationWaitInSeconds", 0))
        await asyncio.gather(*(fleet.retire() for fleet in old.values()))

    async def _start(self, fleets: Fleets) -> None:
        """Put all fleets into service, or leave none."""
        try:
            async with asyncio.TaskGroup() as group:
                for fleet in fleets.values():
                    group.create_task(fleet.start())
        except BaseException as error:
            if self.status == "Updating":
                self._set("RollingBack")
            await asyncio.gather(*(fleet.retire() for fleet in fleets.values()))
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise

    async def _resize(self, changes: Sequence[Resize]) -> None:
        before = {change.fleet: change.fleet.desired_instance_count for change in changes}
        grown: list[Resize] = []
        for change in changes:
            change.fleet.desired_instance_count = change.instance_count
        try:
            for change in changes:
                await change.fleet.grow(max(0, change.instance_count - before[change.fleet]))
                grown.append(change)
        except StartFailure:
            self._set("RollingBack")
            for change in grown:
                await change.fleet.shrink(max(0, change.instance_count - before[change.fleet]))
            for fleet, count in before.items():
                fleet.desired_instance_count = count
            raise
        for change in changes:
            change.fleet.weight = change.weight
            change.fleet.max_concurrency = change.max_concurrency
        await asyncio.gather(
            *(
                change.fleet.shrink(max(0, before[change.fleet] - change.instance_count))
                for change in changes
            )
        )

    async def _retire(self, fleets: Fleets, gone: Callable[[], None]) -> None:
        await asyncio.gather(*(fleet.retire() for fleet in fleets.values()))
        gone()


def _summary(fleet: Fleet) -> dict[str, Any]:
    settings = fleet.variant.settings
    return {
        "VariantName": fleet.variant.name,
        "DeployedImages": [{"SpecifiedImage": each.image} for each in fleet.variant.containers],
        "CurrentWeight": fleet.weight,
        "DesiredWeight": fleet.weight,
        **fleet.capacity(),
        **({"RoutingConfig": settings["RoutingConfig"]} if "RoutingConfig" in settings else {}),
    }
