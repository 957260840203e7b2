"""Asynchronous endpoints: requests wait in a queue for an instance that has room for them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import aiohttp

from local_cloud.sagemaker.asynchronous.invocation import Invocation
from local_cloud.sagemaker.asynchronous.result import InputFailure, Result, publish, read_input
from local_cloud.sagemaker.endpoints.endpoint import Endpoint
from local_cloud.sagemaker.endpoints.fleet import Fleet
from local_cloud.sagemaker.instances.host import Host
from local_cloud.sagemaker.instances.instance import Instance
from local_cloud.sagemaker.serving import chain
from local_cloud.wire import Request

CONCURRENT_INVOCATIONS = 1
"""How many requests an instance takes at a time without MaxConcurrentInvocationsPerInstance.
SageMaker chooses the best number; a container here handles one request after the other."""

_PAUSE_SECONDS = 0.05
"""How often the queue looks for room while requests wait: an instance may have joined."""

_TIMED_OUT = "The invocation timed out: the container did not answer within {} seconds."
_EXPIRED = "The request expired: no instance had room within {} seconds, its RequestTTLSeconds."

_logger = logging.getLogger(__name__)


class _NotAnsweredError(Exception):
    """An instance left before it answered: another instance gets the request."""


class Queue:
    """The requests that wait for an endpoint; updates of the endpoint do not touch them.

    An instance may leave before it has answered, after an update or a timed-out request. Its
    requests then return to the front of the queue.
    """

    def __init__(
        self, host: Host, endpoint: Endpoint, region: str, clock: Callable[[], float]
    ) -> None:
        self._host, self._endpoint, self._region = host, endpoint, region
        self._clock = clock
        self._waiting: deque[tuple[float, Invocation]] = deque()
        self._running: Counter[Instance] = Counter()
        self._changed = asyncio.Event()
        self._dispatcher = host.begin(self._dispatch())

    def put(self, invocation: Invocation) -> None:
        """Let a request wait for its turn."""
        self._waiting.append((self._clock() + invocation.ttl_seconds, invocation))
        self._changed.set()

    def close(self) -> None:
        """Begin no more requests; those that wait are dropped."""
        self._dispatcher.cancel()
        if self._waiting:
            _logger.warning(
                "endpoint %s is deleted: %d waiting requests are dropped",
                self._endpoint.name, len(self._waiting),
            )  # fmt: skip

    async def _dispatch(self) -> None:
        while True:
            self._changed.clear()
            self._expire()
            while self._waiting and (instance := self._free_instance()):
                self._running[instance] += 1
                self._host.begin(self._serve(*self._waiting.popleft(), instance))
            try:
                async with asyncio.timeout(_PAUSE_SECONDS if self._waiting else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _expire(self) -> None:
        now = self._clock()
        expired = [invocation for expiry, invocation in self._waiting if expiry <= now]
        self._waiting = deque(waiting for waiting in self._waiting if waiting[0] > now)
        for invocation in expired:
            reason = _EXPIRED.format(invocation.ttl_seconds)
            self._host.begin(self._publish(invocation, Result.failed(reason)))

    def _free_instance(self) -> Instance | None:
        """Choose a variant with room by its weight, and the least busy of its instances."""
        for deployment in self._endpoint.drawn():
            free = {
                fleet: room
                for fleet in deployment.production.values()
                if fleet.weight and (room := self._with_room(fleet))
            }
            if free:
                [fleet] = random.choices(list(free), [fleet.weight for fleet in free])  # noqa: S311
                return min(free[fleet], key=lambda instance: self._running[instance])
        return None

    def _with_room(self, fleet: Fleet) -> list[Instance]:
        client = self._endpoint.config.parameters.get("AsyncInferenceConfig", {}).get(
            "ClientConfig", {}
        )
        most = client.get("MaxConcurrentInvocationsPerInstance", CONCURRENT_INVOCATIONS)
        return [each for each in fleet.active_instances if self._running[each] < most]

    async def _serve(self, expiry: float, invocation: Invocation, instance: Instance) -> None:
        try:
            result = await self._ask(invocation, instance)
        except _NotAnsweredError:
            self._waiting.appendleft((expiry, invocation))
        else:
            await self._publish(invocation, result)
        finally:
            self._running[instance] -= 1
            if not self._running[instance]:
                del self._running[instance]
            self._changed.set()

    async def _ask(self, invocation: Invocation, instance: Instance) -> Result:
        try:
            body = await asyncio.to_thread(read_input, self._client("s3"), invocation)
        except InputFailure as failure:
            return Result.failed(str(failure))
        seconds = invocation.timeout_seconds
        headers = {name.lower(): value for name, value in invocation.headers.items()}
        request = Request("POST", "/invocations", headers, body, self._region)
        with instance.serving():
            try:
                answer = await chain.answer(self._host.http, instance, request, seconds)
            except aiohttp.ClientConnectorError as error:
                raise _NotAnsweredError from error
        if answer.timed_out:
            return Result.failed(_TIMED_OUT.format(seconds), status=0)
        if answer.status == 0:
            if instance.is_leaving:
                raise _NotAnsweredError
            return Result.failed(answer.body.decode(), status=0)
        return Result.of(answer.status, answer.body, answer.headers.get("content-type"))

    async def _publish(self, invocation: Invocation, result: Result) -> None:
        try:
            await asyncio.to_thread(publish, self._client, self._region, invocation, result)
        except Exception:
            _logger.exception("the result of request %s is lost", invocation.inference_id)

    def _client(self, service: str) -> Any:
        return self._host.clients(service, self._region)


class Queues:
    """The queue of each endpoint that ever had an asynchronous request."""

    def __init__(self, host: Callable[[], Host], clock: Callable[[], float]) -> None:
        self._host, self._clock = host, clock
        self._queues: dict[str, Queue] = {}

    def put(self, endpoint: Endpoint, region: str, invocation: Invocation) -> None:
        """Let a request wait for an endpoint."""
        if endpoint.arn not in self._queues:
            self._queues[endpoint.arn] = Queue(self._host(), endpoint, region, self._clock)
        self._queues[endpoint.arn].put(invocation)

    def close(self, endpoint: Endpoint) -> None:
        """Drop the requests that wait for a deleted endpoint."""
        if queue := self._queues.pop(endpoint.arn, None):
            queue.close()
