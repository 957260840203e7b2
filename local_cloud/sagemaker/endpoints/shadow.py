"""The shadow variant: it gets copies of requests, and no caller ever waits for it."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from local_cloud.sagemaker.endpoints.fleet import Fleet
from local_cloud.sagemaker.instances.host import Host
from local_cloud.sagemaker.instances.instance import Instance

MAX_COPIED_BYTES = 64 * 1024**2
"""How many bytes may be under way to one shadow; beyond that, requests are not copied."""

_LEAST_BYTES = 64 * 1024
"""How many bytes a small copy counts as, so that at most 1,024 copies are under way."""

Send: TypeAlias = Callable[[Fleet, Instance], Awaitable[int]]
"""Passes the request on to an instance of a fleet, and gives the HTTP status, 0 for no answer."""


class Shadow:
    """A shadow variant beside its production variant.

    Its share of the requests is its weight divided by the production variant's weight. Its answers
    count in its metrics. A line is logged when it begins to fail, and when it answers again.
    """

    def __init__(self, host: Host, fleet: Fleet, production: Fleet) -> None:
        self._host, self._production = host, production
        self.fleet = fleet
        self._copied_bytes = 0
        self._trouble: str | None = None

    def copy(self, size: int, send: Send) -> None:
        """Begin to send a copy of a request of `size` bytes, if this request is to be copied."""
        weight = self._production.weight
        if random.random() >= (self.fleet.weight / weight if weight else 1):  # noqa: S311
            return
        cost = max(size, _LEAST_BYTES)
        if self._copied_bytes + cost > MAX_COPIED_BYTES:
            self._tell("is too slow and misses requests")
            return
        self._copied_bytes += cost
        self._host.begin(self._send(cost, send))

    async def _send(self, cost: int, send: Send) -> None:
        try:
            if not self.fleet.answers:
                self._tell("has no healthy instance and misses requests")
                return
            async with self.fleet.serving() as instance:
                status = await send(self.fleet, instance)
            self._tell(None if 200 <= status < 300 else f"answers with status {status}")
        finally:
            self._copied_bytes -= cost

    def _tell(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            logging.getLogger(__name__).warning(
                "shadow variant %s of endpoint %s %s",
                self.fleet.variant.name, self.fleet.variant.endpoint_name,
                trouble or "answers again",
            )  # fmt: skip
        self._trouble = trouble
