"""A request on its way through an instance: to its one container, to one of them, or to all.

In a pipeline each container answers with the next one's request: its body and its content type.
Source: the Developer Guide, "Inference pipelines" and "Invoke a multi-container endpoint with
direct invocation".
"""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp

from local_cloud.sagemaker.instances.container import Container
from local_cloud.sagemaker.instances.instance import Instance
from local_cloud.sagemaker.instances.multi_model import TARGET_MODEL, LoadFailure
from local_cloud.sagemaker.instances.variant import Variant
from local_cloud.wire import AwsError, Request

CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"

_TARGET_CONTAINER = "x-amzn-sagemaker-target-container-hostname"
_TO_ALL = (CUSTOM_ATTRIBUTES, "x-amzn-sagemaker-inference-id")
"""SageMaker forwards these headers verbatim, to all containers."""

_LARGE_BODY_BYTES = 1024**2

_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container {}. Review the "
    "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)
_EXITED = "An error occurred while handling request as the model process exited."


@dataclass(frozen=True)
class Answer:
    """What the last container that was asked answered; with status 0, why there is no answer."""

    container: Container
    status: int
    headers: Mapping[str, str]
    body: bytes
    timed_out: bool = False


def check(endpoint_name: str, variant: Variant, request: Request) -> None:
    """Refuse (ValidationError) a request whose target headers do not fit the variant's model."""
    multi_model = any(container.models_url for container in variant.containers)
    target = request.headers.get(TARGET_MODEL)
    if multi_model and target is None:
        raise AwsError(
            "ValidationError",
            f"Request {uuid.uuid4()} is missing a target model header: endpoint {endpoint_name} "
            "is a multi-model endpoint; give TargetModel",
        )
    if target is not None and not multi_model:
        raise AwsError(
            "ValidationError",
            f"Endpoint {endpoint_name} is not a multi-model endpoint and does not support target "
            "model header.",
        )
    if target is not None and ".." in target.split("/"):
        raise AwsError(
            "ValidationError",
            f"TargetModel {target} is not a path below the model data prefix: leave out its ..",
        )
    hostname = request.headers.get(_TARGET_CONTAINER)
    hostnames = [container.hostname for container in variant.containers]
    if variant.is_direct and hostname not in hostnames:
        raise AwsError(
            "ValidationError",
            f"Endpoint {endpoint_name} is invoked directly, so TargetContainerHostname must be "
            f"one of {', '.join(hostnames)}; it is {hostname or 'not given'}",
        )
    if hostname is not None and not variant.is_direct:
        raise AwsError(
            "ValidationError",
            f"Endpoint {endpoint_name} is not configured for direct invocation and does not "
            "support TargetContainerHostname: leave it out",
        )


async def answer(
    http: aiohttp.ClientSession, instance: Instance, request: Request, timeout_seconds: float
) -> Answer:
    """Let an instance answer a request within so many seconds, however many containers it has.

    Raises aiohttp.ClientConnectorError if the instance has seen nothing of the request, and
    AwsError if the target model does not exist or takes too long.
    """
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    body, content_type = request.body, request.headers.get("content-type")
    chain = _addressed(instance, request)
    for container in chain:
        seconds = deadline - asyncio.get_running_loop().time()
        headers = _headers(request, content_type, is_last=container is chain[-1])
        try:
            answered = await _ask(http, container, request, body, headers, seconds)
        except aiohttp.ClientConnectorError:
            if container is chain[0]:
                raise
            return Answer(container, 0, {}, _EXITED.encode())
        except TimeoutError:
            # The container may stay busy with this request: a new instance takes its place.
            instance.is_leaving = True
            instance.kill()
            reason = _TIMED_OUT.format(container.hostname)
            return Answer(container, 0, {}, reason.encode(), timed_out=True)
        except aiohttp.ClientError:
            return Answer(container, 0, {}, _EXITED.encode())
        if not 200 <= answered.status < 300:
            break
        body, content_type = answered.body, answered.headers.get("content-type")
    return answered


def _addressed(instance: Instance, request: Request) -> Sequence[Container]:
    """List the containers that a request is for, in their order."""
    hostname = request.headers.get(_TARGET_CONTAINER)
    if hostname is None:
        return instance.containers
    return [container for container in instance.containers if container.hostname == hostname]


def _headers(request: Request, content_type: str | None, *, is_last: bool) -> dict[str, str]:
    """Make the headers of one container's request.

    The last container gets the caller's Accept. Those before it answer in their default, which
    SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT sets in a pipeline.
    """
    headers = {name: request.headers[name] for name in _TO_ALL if name in request.headers}
    if content_type is not None:
        headers["content-type"] = content_type
    if is_last and "accept" in request.headers:
        headers["accept"] = request.headers["accept"]
    return headers


async def _ask(
    http: aiohttp.ClientSession,
    container: Container,
    request: Request,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float,
) -> Answer:
    """Pass a request on to a container."""
    async with AsyncExitStack() as stack:
        url = f"{container.url}/invocations"
        if container.models:
            target = request.headers[TARGET_MODEL]
            began = asyncio.get_running_loop().time()
            try:
                url = await stack.enter_async_context(container.models.use(target, seconds))
            except LoadFailure as failure:
                return Answer(container, failure.status, {}, failure.message.encode())
            headers = {**headers, TARGET_MODEL: target}
            seconds -= asyncio.get_running_loop().time() - began
        response = await stack.enter_async_context(
            http.post(
                url,
                data=_sendable(body),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=max(seconds, 0.001)),  # 0 is no limit
                allow_redirects=False,
            )
        )
        return Answer(container, response.status, response.headers, await response.read())


def _sendable(body: bytes) -> bytes | io.BytesIO:
    """Send a large body in pieces, so that other requests get their turn meanwhile."""
    return body if len(body) < _LARGE_BODY_BYTES else io.BytesIO(body)
