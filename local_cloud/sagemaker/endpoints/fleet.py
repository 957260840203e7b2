"""The instances of one variant, kept at the desired number."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

from local_cloud.home import MODEL_DATA
from local_cloud.sagemaker.instances import model_data
from local_cloud.sagemaker.instances.host import Host
from local_cloud.sagemaker.instances.instance import Instance
from local_cloud.sagemaker.instances.variant import Variant

MODEL_DATA_DOWNLOAD_SECONDS = 3600

_STEADY_SECONDS = 60
_MAX_BACK_OFF_SECONDS = 60


class _Seat:
    """A place in a fleet, with its instance unless that is being replaced."""

    def __init__(self, instance: Instance) -> None:
        self.instance: Instance | None = instance
        self.keeper: asyncio.Task[None] | None = None


class Fleet:
    """The instances of one variant of one deployment.

    The model data is downloaded once: an instance that joins later, or that replaces one that
    died, runs the same bytes as the others.
    """

    def __init__(self, host: Host, variant: Variant, weight: float, instance_count: int) -> None:
        self.variant = variant
        self.weight = weight
        self.desired_instance_count = instance_count
        self.active_share = Fraction(1)
        self.max_concurrency: int | None = None
        self._host = host
        self._model_data: dict[str, Path] = {}
        self._seats: list[_Seat] = []

    @property
    def instances(self) -> Sequence[Instance]:
        """The instances in service."""
        return [seat.instance for seat in self._seats if seat.instance and seat.instance.in_service]

    @property
    def answers(self) -> bool:
        """Whether the fleet can answer a request now."""
        return bool(self.instances)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Instance]:
        """Choose an instance for one request; at least one must be in service."""
        instance = self.choose()
        with instance.serving():
            yield instance

    def capacity(self) -> Mapping[str, Any]:
        """Tell the capacity, as DescribeEndpoint does."""
        return {
            "CurrentInstanceCount": len(self.instances),
            "DesiredInstanceCount": self.desired_instance_count,
        }

    @property
    def active_instances(self) -> Sequence[Instance]:
        """The instances in service that get traffic: others do not yet, or no longer."""
        return self.instances[: max(1, ceil(self.active_share * self.desired_instance_count))]

    def choose(self) -> Instance:
        """Choose one of the active instances; at least one must be in service."""
        active = self.active_instances
        routing = self.variant.settings.get("RoutingConfig", {})
        if routing.get("RoutingStrategy") == "LEAST_OUTSTANDING_REQUESTS":
            return min(active, key=lambda instance: instance.outstanding)
        return random.choice(active)  # noqa: S311

    @property
    def seat_count(self) -> int:
        """The number of instances, with those that are being replaced."""
        return len(self._seats)

    def observe(self, status: int, seconds: float) -> None:
        """Count an instance's answer in the metrics; status 0 means no answer."""
        self._host.metrics.observe(self.variant, status, seconds)

    async def start(self, instance_count: int | None = None) -> None:
        """Put every instance, or `instance_count` of them, into service.

        Raises StartFailure if one of them fails; then none is left.
        """
        await self._download()
        await self.grow(self.desired_instance_count if instance_count is None else instance_count)

    async def resize(self, instance_count: int) -> None:
        """Add the instances that are missing, or take out of service those that are too many."""
        await self.grow(max(0, instance_count - self.seat_count))
        await self.shrink(max(0, self.seat_count - instance_count))

    async def grow(self, count: int) -> None:
        """Add instances: all of them or (StartFailure) none."""
        for instance in await self._launch(count):
            seat = _Seat(instance)
            seat.keeper = self._host.begin(self._keep(seat))
            self._seats.append(seat)

    async def shrink(self, count: int, *, drain: bool = True) -> None:
        """Take instances out of service, the youngest first; they answer their requests first."""
        kept = len(self._seats) - count
        leaving, self._seats = self._seats[kept:], self._seats[:kept]
        # A caller that is cancelled leaves no instance behind.
        await asyncio.gather(
            *(asyncio.shield(self._host.begin(self._leave(seat, drain))) for seat in leaving)
        )

    async def retire(self, *, drain: bool = True) -> None:
        """Take every instance out of service, for good."""
        await self.shrink(len(self._seats), drain=drain)
        for path in self._model_data.values():
            await asyncio.to_thread(model_data.remove, path)

    async def _download(self) -> None:
        """Get the model data of each container, by its hostname; raises StartFailure."""
        seconds = self.variant.settings.get(
            "ModelDataDownloadTimeoutInSeconds", MODEL_DATA_DOWNLOAD_SECONDS
        )
        s3 = await asyncio.to_thread(self._host.clients, "s3", self.variant.region)
        for container in self.variant.containers:
            if source := container.source:
                path = self._host.home / MODEL_DATA / secrets.token_hex(8)
                self._model_data[container.hostname] = path
                await model_data.download(s3, source, path, seconds, container.hostname)

    async def _launch(self, count: int) -> list[Instance]:
        instances = [Instance(self._host, self.variant) for _ in range(count)]
        try:
            async with asyncio.TaskGroup() as group:
                for instance in instances:
                    group.create_task(instance.start(self._model_data))
        except BaseException as error:
            await asyncio.gather(*(instance.stop() for instance in instances))
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise
        return instances

    async def _keep(self, seat: _Seat) -> None:
        """Replace an instance whenever it dies, after a longer wait each time that it dies soon."""
        back_off = 0.0
        while seat.instance is not None:
            since = time.monotonic()
            await seat.instance.exited()
            dead, seat.instance = seat.instance, None
            await dead.stop()
            if time.monotonic() - since > _STEADY_SECONDS:
                back_off = 0.0
            while seat.instance is None:
                await asyncio.sleep(back_off)
                back_off = min(2 * back_off or 1.0, _MAX_BACK_OFF_SECONDS)
                try:
                    [seat.instance] = await self._launch(1)
                except Exception as failure:
                    logging.getLogger(__name__).warning(
                        "instance %s is not replaced: %s", dead.id, failure
                    )

    async def _leave(self, seat: _Seat, drain: bool) -> None:
        if seat.keeper:
            seat.keeper.cancel()
            await asyncio.wait({seat.keeper})
        if seat.instance:
            if drain:
                await seat.instance.drain()
            await seat.instance.stop()
