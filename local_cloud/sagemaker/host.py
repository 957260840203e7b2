"""What instances are started with, and what they run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from local_cloud.sagemaker.definition import Definition, definitions, is_direct

if TYPE_CHECKING:
    from local_cloud.sagemaker.instance import Instance
    from local_cloud.sagemaker.metrics import Metrics


@dataclass(frozen=True)
class Variant:
    """What an instance serves: a production variant of an endpoint, and its model."""

    region: str
    endpoint_name: str
    settings: Mapping[str, Any]
    model: Mapping[str, Any]
    """What the model was created with."""
    network_isolation: bool
    config_name: str

    @property
    def name(self) -> str:
        """The variant's name, such as AllTraffic."""
        return str(self.settings["VariantName"])

    @cached_property
    def containers(self) -> tuple[Definition, ...]:
        """The model's containers, in the order in which a request passes through them."""
        return definitions(self.model)

    @property
    def is_direct(self) -> bool:
        """Whether a request names the one container that is to answer it."""
        return is_direct(self.model)

    @property
    def memory_bytes(self) -> int | None:
        """What an instance may hold, if its memory is limited: a serverless variant's is."""
        serverless = self.settings.get("ServerlessConfig")
        return serverless["MemorySizeInMB"] * 1024**2 if serverless else None

    @property
    def log_group(self) -> str:
        """The endpoint's group in CloudWatch Logs."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint_name}"


@dataclass(frozen=True)
class Host:
    """What instances run on, and all that runs on it."""

    clients: Callable[[str, str], Any]
    home: Path
    http: aiohttp.ClientSession
    metrics: Metrics
    instances: set[Instance] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something in the background, until `close` at the latest."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def close(self) -> None:
        """End what is under way first, so that nothing starts anew, and then every instance.

        The front door is closed by then: last lines are for the log files only.
        """
        self.metrics.disconnect()
        for instance in self.instances:
            instance.disconnect()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.gather(*(instance.stop() for instance in set(self.instances)))
        await self.http.close()
