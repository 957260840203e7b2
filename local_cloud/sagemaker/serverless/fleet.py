"""Serverless variants: instances that are started when requests ask for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from local_cloud.sagemaker.endpoints.fleet import Fleet
from local_cloud.sagemaker.instances.host import Host
from local_cloud.sagemaker.instances.instance import Instance
from local_cloud.sagemaker.instances.model_data import StartFailure
from local_cloud.sagemaker.instances.variant import Variant
from local_cloud.wire import AwsError

MAX_PAYLOAD_BYTES = 4 * 1024**2
"""A payload's limit by the Developer Guide: "Invoke a serverless endpoint"."""

STARTUP_SECONDS = 3 * 60
"""The Developer Guide's limit for the model's download, and again for the first healthy ping."""

IDLE_SECONDS = 60
"""How long an instance waits for a request before it ends. SageMaker does not document its own
time, which is some minutes; a shorter one frees the memory of this machine."""

_STEADY_SECONDS = 60
_MAX_BACK_OFF_SECONDS = 60


class ServerlessFleet(Fleet):
    """The instances of a serverless variant: each has one request at a time.

    A request that finds no idle instance starts one, up to MaxConcurrency. An instance that stays
    idle for a while ends, but never so many that ProvisionedConcurrency (here the desired instance
    count) falls short. A deployment always starts one, to fail if the model does not load.
    """

    def __init__(
        self,
        host: Host,
        variant: Variant,
        weight: float,
        *,
        max_instances: int,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        config = variant.settings["ServerlessConfig"]
        limits = {
            "ModelDataDownloadTimeoutInSeconds": STARTUP_SECONDS,
            "ContainerStartupHealthCheckTimeoutInSeconds": STARTUP_SECONDS,
        }
        variant = replace(variant, settings={**variant.settings, **limits})
        super().__init__(host, variant, weight, config.get("ProvisionedConcurrency", 0))
        self.max_concurrency = config["MaxConcurrency"]
        self._max_instances, self._idle_seconds = max_instances, idle_seconds
        self._members: set[Instance] = set()
        self._busy: set[Instance] = set()
        self._idle: dict[Instance, asyncio.TimerHandle] = {}
        self._requests = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._warming = asyncio.Lock()
        self._retired = False

    @property
    def instances(self) -> Sequence[Instance]:
        """The instances in service."""
        return [each for each in (*self._busy, *self._idle) if each.in_service]

    @property
    def answers(self) -> bool:
        """Always true: a request starts the instance that it needs."""
        return True

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Instance]:
        """Take or start an instance for one request.

        Raises AwsError for a request too many (ThrottlingException), and if no instance starts
        (ServiceUnavailable).
        """
        self._check_concurrency()
        self._requests += 1
        self._quiet.clear()
        try:
            instance = self._take_idle() or await self._start_cold()
            self._busy.add(instance)
            try:
                with instance.serving():
                    yield instance
            finally:
                self._busy.discard(instance)
                self._rest(instance)
        finally:
            self._requests -= 1
            if not self._requests:
                self._quiet.set()

    def capacity(self) -> Mapping[str, Any]:
        """Tell the capacity, as DescribeEndpoint does."""
        provisioned = self.desired_instance_count
        config = {
            "MemorySizeInMB": self.variant.settings["ServerlessConfig"]["MemorySizeInMB"],
            "MaxConcurrency": self.max_concurrency,
            **({"ProvisionedConcurrency": provisioned} if provisioned else {}),
        }
        return {"CurrentServerlessConfig": config, "DesiredServerlessConfig": config}

    async def start(self, instance_count: int | None = None) -> None:
        """Download the model data and warm up; raises StartFailure, with no instance left."""
        await super().start(instance_count)
        await self._warm(1)

    async def grow(self, count: int) -> None:
        """Warm up what is provisioned; raises StartFailure."""
        if count:
            await self._warm(self.desired_instance_count)

    async def shrink(self, count: int, *, drain: bool = True) -> None:
        """Let instances that are no longer provisioned end after they were idle for a while."""
        del drain  # an idle instance has no requests
        if count:
            for instance in list(self._idle):
                self._idle.pop(instance).cancel()
                self._rest(instance)

    async def retire(self, *, drain: bool = True) -> None:
        """End every instance, for good, when it has answered its requests."""
        del drain  # it is for shadow variants, which are not serverless
        self._retired = True
        await asyncio.gather(*(self._end(instance) for instance in list(self._idle)))
        await self._quiet.wait()
        async with self._warming:
            await asyncio.gather(*(self._end(instance) for instance in list(self._members)))
        await super().retire()

    def _check_concurrency(self) -> None:
        most = self.max_concurrency or 1
        if self._requests < min(most, self._max_instances):
            return
        if self._requests < most:
            raise AwsError(
                "ThrottlingException",
                f"The local cloud runs at most {self._max_instances} instances of an endpoint, "
                f"because each is a process on this machine; MaxConcurrency is {most}",
            )
        # Without a message, as SageMaker's users report it; botocore's model lacks the error.
        raise AwsError("ThrottlingException", "")

    def _take_idle(self) -> Instance | None:
        """Take the instance that was idle for the shortest time, so that the others may end."""
        while self._idle:
            instance, timer = self._idle.popitem()
            timer.cancel()
            if instance.in_service:
                return instance
            self._host.begin(self._end(instance))
        return None

    async def _start_cold(self) -> Instance:
        try:
            [instance] = await self._launch(1)
        except StartFailure as failure:
            raise AwsError("ServiceUnavailable", str(failure), 503) from failure
        self._adopt(instance)
        return instance

    async def _warm(self, count: int) -> None:
        """Start instances until at least `count` are in service."""
        async with self._warming:
            for instance in await self._launch(max(0, count - len(self.instances))):
                self._adopt(instance)
                self._rest(instance)

    def _adopt(self, instance: Instance) -> None:
        self._members.add(instance)
        self._host.begin(self._replace(instance))

    def _rest(self, instance: Instance) -> None:
        if self._retired or not instance.in_service:
            self._host.begin(self._end(instance))
            return
        loop = asyncio.get_running_loop()
        self._idle[instance] = loop.call_later(self._idle_seconds, self._expire, instance)

    def _expire(self, instance: Instance) -> None:
        if len(self.instances) > self.desired_instance_count:
            del self._idle[instance]
            self._host.begin(self._end(instance))

    async def _end(self, instance: Instance) -> None:
        if timer := self._idle.pop(instance, None):
            timer.cancel()
        await instance.stop()
        self._members.discard(instance)

    async def _replace(self, instance: Instance) -> None:
        """Replace a provisioned instance when it has ended, after a wait if it ended soon."""
        since = time.monotonic()
        await instance.exited()
        await self._end(instance)
        back_off = 0.0 if time.monotonic() - since > _STEADY_SECONDS else 1.0
        while not self._retired and len(self.instances) < self.desired_instance_count:
            await asyncio.sleep(back_off)
            back_off = min(2 * back_off or 1.0, _MAX_BACK_OFF_SECONDS)
            try:
                await self._warm(self.desired_instance_count)
            except StartFailure:
                continue  # its log says why
