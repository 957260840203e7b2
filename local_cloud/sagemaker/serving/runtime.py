"""The runtime: a request to an endpoint becomes a request to one of its instances."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial

import aiohttp

from local_cloud.sagemaker.endpoints.endpoint import Endpoint
from local_cloud.sagemaker.endpoints.fleet import Fleet
from local_cloud.sagemaker.instances.instance import Instance
from local_cloud.sagemaker.instances.variant import Variant
from local_cloud.sagemaker.serverless import config as serverless_config
from local_cloud.sagemaker.serverless import fleet as serverless
from local_cloud.sagemaker.serving import chain
from local_cloud.wire import ACCOUNT_ID, AwsError, Request, Response

MAX_PAYLOAD_BYTES = 25 * 1024**2
"""A real-time payload's limit by SageMaker's hosting FAQ."""

INVOCATION_TIMEOUT_SECONDS = 60
"""How long SageMaker lets a container take for one request."""

_CONNECTION_ATTEMPTS = 100
_CONNECTION_PAUSE_SECONDS = 0.01

_INVOKED_VARIANT = "x-amzn-invoked-production-variant"
_RETURNED = ("content-type", chain.CUSTOM_ATTRIBUTES)
_UNSUPPORTED = {
    "x-amzn-sagemaker-inference-component": "InferenceComponentName",
    "x-amzn-sagemaker-enable-explanations": "EnableExplanations",
    "x-amzn-sagemaker-session-id": "SessionId",
    "x-amzn-sagemaker-prefix-aware-id": "PrefixAwareId",
}


async def invoke(
    http: aiohttp.ClientSession, endpoint: Endpoint, request: Request, timeout_seconds: float
) -> Response:
    """Let one of an endpoint's instances answer a request; raises AwsError if none is asked."""
    _check(endpoint, request)
    for attempt in range(_CONNECTION_ATTEMPTS):
        fleet = endpoint.choose(request.headers.get("x-amzn-sagemaker-target-variant"))
        chain.check(endpoint.name, fleet.variant, request)
        if not attempt:
            endpoint.copy(len(request.body), partial(_send_copy, http, request, timeout_seconds))
        async with fleet.serving() as instance:
            try:
                answer = await _answer(http, fleet, instance, request, timeout_seconds)
            except aiohttp.ClientConnectorError:
                # It ended a moment ago and has seen nothing of the request: try another instance.
                await asyncio.sleep(_CONNECTION_PAUSE_SECONDS)
                continue
        if not 200 <= answer.status < 300:
            return _model_error(fleet.variant, answer)
        answered = {name: answer.headers[name] for name in _RETURNED if name in answer.headers}
        return Response(200, {**answered, _INVOKED_VARIANT: fleet.variant.name}, answer.body)
    raise AwsError(
        "ServiceUnavailable", f"No instance of endpoint {endpoint.name} accepts a connection", 503
    )


async def _answer(
    http: aiohttp.ClientSession,
    fleet: Fleet,
    instance: Instance,
    request: Request,
    timeout_seconds: float,
) -> chain.Answer:
    """Let an instance answer a request, and count it in the metrics; status 0 is no answer."""
    started = time.monotonic()
    answer = await chain.answer(http, instance, request, timeout_seconds)
    fleet.observe(answer.status, time.monotonic() - started)
    return answer


async def _send_copy(
    http: aiohttp.ClientSession,
    request: Request,
    timeout_seconds: float,
    fleet: Fleet,
    instance: Instance,
) -> int:
    """Let a shadow's instance answer a copy of a request, and drop all but the status."""
    try:
        return (await _answer(http, fleet, instance, request, timeout_seconds)).status
    except aiohttp.ClientConnectorError:
        return 0


def check_in_service(endpoint: Endpoint) -> None:
    """Refuse (ValidationError) a request to an endpoint that has no deployment."""
    if not endpoint.fleets:
        raise AwsError(
            "ValidationError",
            f"Endpoint {endpoint.name} of account {ACCOUNT_ID} is {endpoint.status}, not InService"
            + (f": {endpoint.failure_reason}" if endpoint.failure_reason else "."),
        )


def max_payload_bytes(endpoint: Endpoint) -> int:
    """Tell how large a request to an endpoint may be."""
    if serverless_config.is_serverless(endpoint.config.parameters):
        return serverless.MAX_PAYLOAD_BYTES
    return MAX_PAYLOAD_BYTES


def _check(endpoint: Endpoint, request: Request) -> None:
    """Refuse a request before any instance sees it."""
    check_in_service(endpoint)
    most = max_payload_bytes(endpoint)
    if len(request.body) > most:
        raise AwsError(
            "RequestEntityTooLarge",
            f"The request's body has {len(request.body):,} bytes; an endpoint takes at most "
            f"{most:,}: send the rows in several requests",
            413,
        )
    for header, name in _UNSUPPORTED.items():
        if header in request.headers:
            raise AwsError("ValidationError", f"The local cloud does not run {name}: leave it out")


def _model_error(variant: Variant, answer: chain.Answer) -> Response:
    """Say in AWS's words that a container, not the service, failed."""
    status, message = answer.status, answer.body.decode("utf-8", "replace")
    region, group = variant.region, variant.log_group
    side = "client" if 400 <= status < 500 else "server"
    error = {
        "ErrorCode": f"{side.upper()}_ERROR_FROM_MODEL",
        "LogStreamArn": f"arn:aws:logs:{region}:{ACCOUNT_ID}:log-group:{group}"
        f":log-stream:{answer.container.log_stream}",
        "Message": f"Received {side} error ({status}) from {answer.container.hostname} "
        f'with message "{message}". See '
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logEventViewer:group={group} in account {ACCOUNT_ID} for more information.",
        "OriginalMessage": message,
        "OriginalStatusCode": status,
    }
    headers = {"content-type": "application/json", "x-amzn-errortype": "ModelError"}
    return Response(424, headers, json.dumps(error).encode())
