"""The machine under the instances, and everything that runs on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from local_cloud.sagemaker.instances.metrics import Metrics


class Running(Protocol):
    """Something on the host that must end with it."""

    def disconnect(self) -> None:
        """Send nothing more to the services, which are about to end."""

    async def stop(self) -> None:
        """End, with all that it started."""


@dataclass(frozen=True)
class Host:
    """The machine under the instances, and everything that runs on it."""

    clients: Callable[[str, str], Any]
    home: Path
    http: aiohttp.ClientSession
    metrics: Metrics
    instances: set[Running] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something in the background, until `close` at the latest."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def close(self) -> None:
        """End what is under way first, so that nothing starts anew, and then every instance.

        The front door is closed by then: the last lines reach only the log files.
        """
        self.metrics.disconnect()
        for instance in self.instances:
            instance.disconnect()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.gather(*(instance.stop() for instance in set(self.instances)))
        await self.http.close()
