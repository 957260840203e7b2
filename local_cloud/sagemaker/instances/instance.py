"""One instance: a model's container, or several containers that a request passes through.

Each container is a process of its own. They start together, and the instance lives as long as all
of them do.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from asyncio import FIRST_COMPLETED
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from local_cloud.home import INSTANCES
from local_cloud.sagemaker.instances.container import Container
from local_cloud.sagemaker.instances.host import Host
from local_cloud.sagemaker.instances.variant import Variant

DRAIN_SECONDS = 60
"""How long an instance that leaves may take for its last requests: as long as a request may."""


class Instance:
    """The containers that serve one model: `start` puts them into service, `stop` ends them."""

    def __init__(self, host: Host, variant: Variant) -> None:
        self.id = f"i-0{secrets.token_hex(8)}"
        self.outstanding = 0
        self.is_leaving = False  # and then another instance gets its unanswered requests
        self._host = host
        several = "Containers" in variant.model
        self.containers = [
            Container(
                host,
                variant,
                definition,
                f"{self.id}/{definition.hostname}" if several else self.id,
            )
            for definition in variant.containers
        ]
        self._stopping: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        host.instances.add(self)

    async def start(self, data: Mapping[str, Path]) -> None:
        """Return when every container passes its health check; raises StartFailure if one fails.

        `data` has the model data of each container, by its hostname.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for container in self.containers:
                    group.create_task(container.start(data.get(container.hostname)))
        except BaseExceptionGroup as error:
            raise error.exceptions[0] from None

    async def exited(self) -> None:
        """Return when one of the containers has ended: the others are of no use without it."""
        exits = [asyncio.create_task(container.exited()) for container in self.containers]
        try:
            await asyncio.wait(exits, return_when=FIRST_COMPLETED)
        finally:
            for task in exits:
                task.cancel()

    @property
    def in_service(self) -> bool:
        """Whether a request may be sent to it."""
        return all(container.in_service for container in self.containers)

    def kill(self) -> None:
        """End every container and what it started, now."""
        for container in self.containers:
            container.kill()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Count a request as outstanding within the context."""
        self.outstanding += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.outstanding -= 1
            if not self.outstanding:
                self._idle.set()

    async def drain(self) -> None:
        """Return when no request is outstanding, or after DRAIN_SECONDS."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._idle.wait()

    async def stop(self) -> None:
        """End the containers and remove what they leave, also if the caller is cancelled."""
        if self._stopping is None:
            self.is_leaving |= self.in_service
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    def disconnect(self) -> None:
        """Send nothing more to CloudWatch Logs, which is about to end itself."""
        for container in self.containers:
            container.log.disconnect()

    async def _stop(self) -> None:
        await asyncio.gather(*(container.stop() for container in self.containers))
        folder = self._host.home / INSTANCES / self.id
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        self._host.instances.discard(self)
