"""One endpoint: its states, its blue/green updates, and which instance answers next."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from local_cloud.sagemaker.control.records import Record
from local_cloud.sagemaker.endpoints.deployment import Deployment, Fleets
from local_cloud.sagemaker.endpoints.fleet import Fleet
from local_cloud.sagemaker.endpoints.rollout import Plan
from local_cloud.sagemaker.endpoints.shadow import Send
from local_cloud.sagemaker.endpoints.update import RollbackFailed, RolledBack, Traffic, Update
from local_cloud.sagemaker.instances.host import Host
from local_cloud.sagemaker.instances.model_data import StartFailure
from local_cloud.wire import AwsError, validation_error

_MAX_FAILURE_REASON = 1024


@dataclass(frozen=True)
class Resize:
    """The weight and the instance count that a variant should have."""

    fleet: Fleet
    weight: float
    instance_count: int
    max_concurrency: int | None = None


class Endpoint:
    """A name behind which a deployment answers, and during an update a second one too.

    Long operations run in one task at a time. Meanwhile requests are answered by `traffic`, which
    each step of an update changes in a single assignment.
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
        self.traffic: Traffic = ()
        self._live: Deployment | None = None
        self._update: Update | None = None

    @property
    def fleets(self) -> Fleets:
        """The fleets that are live, the shadow variant's too."""
        return self._live.fleets if self._live else {}

    @property
    def variant_names(self) -> Collection[str]:
        """The names of the production variants that are live."""
        return self._live.production.keys() if self._live else ()

    def create(self, deployment: Deployment, deployment_config: Mapping[str, Any]) -> None:
        """Begin to put a first deployment into service."""
        self.deployment_config = deployment_config
        self._begin("Creating", self._start(deployment), otherwise="Failed")

    def update(
        self, deployment: Deployment, plan: Plan, deployment_config: Mapping[str, Any]
    ) -> None:
        """Begin to replace the deployment by another; the old one answers until the new one can."""
        self._check_in_service()
        self.deployment_config = deployment_config
        self.pending_config = deployment.config
        [(live, _)] = self.traffic
        self._update = Update(
            self._host,
            plan,
            live,
            deployment,
            shift=self._shift,
            roll_back=lambda: self._set("RollingBack"),
        )
        work = self._replace(live, self._update, deployment)
        self._begin("Updating", work, otherwise="InService")

    def resize(self, changes: Sequence[Resize]) -> None:
        """Begin to change weights and instance counts of the deployment."""
        self._check_in_service()
        self._begin("Updating", self._resize(changes), otherwise="InService")

    def delete(self, gone: Callable[[], None]) -> None:
        """Begin to take the endpoint out of service; `gone` is called when it is."""
        if self.status not in ("InService", "Failed", "UpdateRollbackFailed"):
            raise validation_error(f'Cannot update in-progress endpoint "{self.arn}".')
        live, self._live, self.traffic = self._live, None, ()
        self._begin("Deleting", self._retire(live, gone), otherwise="Failed")

    def describe(self) -> dict[str, Any]:
        """Make the answer to DescribeEndpoint."""
        optional = {
            "FailureReason": self.failure_reason,
            **(self._live.describe() if self._live else {}),
            "LastDeploymentConfig": self.deployment_config,
            "PendingDeploymentSummary": self.pending_config and self._pending(),
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
        """Find a live variant; raises ValidationException if it does not exist."""
        self._check_in_service()
        if variant_name not in self.fleets:
            raise validation_error(
                f'Could not find variant "{variant_name}" of endpoint "{self.arn}"; it has '
                f"{', '.join(self.fleets)}."
            )
        return self.fleets[variant_name]

    def choose(self, target_variant: str | None) -> Fleet:
        """Choose the fleet that answers, from a deployment drawn by its share, else from the other.

        Raises AwsError if the variant does not exist (ValidationError), and while no instance is
        healthy (ServiceUnavailable).
        """
        names = dict.fromkeys(name for each, _ in self.traffic for name in each.production)
        if target_variant is not None and target_variant not in names:
            raise AwsError(
                "ValidationError",
                f"Variant {target_variant} of endpoint {self.name} not found; it has "
                f"{', '.join(names)}",
            )
        for deployment in self.drawn():
            if chosen := deployment.choose(target_variant):
                return chosen
        raise AwsError("ServiceUnavailable", f"No instance of endpoint {self.name} is healthy", 503)

    def copy(self, size: int, send: Send) -> None:
        """Begin to send a copy of a request of so many bytes to the shadow variant, if any."""
        for deployment in self.drawn()[:1]:
            if deployment.shadow:
                deployment.shadow.copy(size, send)

    def drawn(self) -> Sequence[Deployment]:
        """The deployments, a random one first: each comes first as often as its share says."""
        order = [deployment for deployment, _ in self.traffic]
        if len(order) > 1 and random.random() >= self.traffic[0][1]:  # noqa: S311
            order.reverse()
        return order

    def _pending(self) -> dict[str, Any]:
        config = self.pending_config
        return {
            "EndpointConfigName": config.name if config else "",
            "StartTime": self.last_modified_time,
            **(self._update.describe() if self._update else {}),
        }

    def _check_in_service(self) -> None:
        if self.status == "Failed":
            raise validation_error(
                f'Cannot update failed endpoint "{self.arn}": it can only be deleted.'
            )
        if self.status not in ("InService", "UpdateRollbackFailed"):
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
        except (StartFailure, RolledBack) as failure:
            self.failure_reason, status = str(failure)[:_MAX_FAILURE_REASON], otherwise
        except RollbackFailed as failure:
            self.failure_reason = str(failure)[:_MAX_FAILURE_REASON]
            status = "UpdateRollbackFailed"
        except Exception as error:
            logging.getLogger(__name__).exception("endpoint %s", self.name)
            self.failure_reason, status = (
                f"Internal error: {error!r}"[:_MAX_FAILURE_REASON],
                otherwise,
            )
        self.pending_config = self._update = None
        self._set(status)

    def _shift(self, traffic: Traffic) -> None:
        for deployment, share in traffic:
            deployment.activate(share)
        self.traffic = traffic

    async def _start(self, deployment: Deployment) -> None:
        await deployment.start()
        self._live, self.traffic = deployment, [(deployment, Fraction(1))]

    async def _replace(self, old: Deployment, update: Update, new: Deployment) -> None:
        await update.run()
        self._live, self.config = new, new.config
        await old.retire()

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

    async def _retire(self, live: Deployment | None, gone: Callable[[], None]) -> None:
        if live:
            await live.retire()
        gone()
