"""The front door: one HTTP server on localhost that takes every call to AWS.

SageMaker, its runtime and CloudFormation are the local cloud's own; the rest is moto's, which
works in threads behind the same door. Which service a request is for is told by its signature.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import logging
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import uvicorn
from a2wsgi import WSGIMiddleware
from botocore import xform_name
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from container.asgi import Message, Receive, Send, read_body, respond
from local_cloud import scalable_dimensions
from local_cloud.access import DEFAULT_REGION, INTERNAL_ACCESS_KEY_ID, Clients
from local_cloud.bootstrap import Bootstrap
from local_cloud.cloudformation import CloudFormation
from local_cloud.home import (
    LOG,
    STATE,
    UNFINISHED_STATE,
    LocalCloudError,
    default_home,
    sole_owner,
)
from local_cloud.process import STATUS_PATH
from local_cloud.sagemaker import SageMaker
from local_cloud.wire import AwsError, Request, Response, parse, serialize, serialize_error

DEFAULT_PORT = 4640

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/[^/]+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_LOCAL_HOST = re.compile(r"(127\.0\.0\.1|([a-z0-9.-]+\.)?localhost)(:\d+)?")
_INVOCATIONS = re.compile(r"/endpoints/(?P<name>[^/]+)/(?P<kind>async-)?invocations")

logger = logging.getLogger(__name__)


class FrontDoor:
    """The ASGI app."""

    def __init__(self, url: str, home: Path, identity: Mapping[str, Any]) -> None:
        clients = Clients(url, INTERNAL_ACCESS_KEY_ID)
        self._identity = identity
        self._cloudformation = CloudFormation(clients)
        self._sagemaker = SageMaker(clients, home)
        self._bootstrap = Bootstrap(clients)
        self._moto = WSGIMiddleware(DomainDispatcherApplication(create_backend_app), workers=16)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or start and end with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._route(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        # Calls that wait for another call to this same server must not take all of its threads.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(64))
        # The first region takes seconds, most of them for imports: the command that will want it
        # has seconds of work of its own before.
        warming_up = asyncio.create_task(self._bootstrap.ensure(DEFAULT_REGION))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        warming_up.cancel()
        self._cloudformation.close()
        await self._sagemaker.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _route(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if "origin" in headers or not _LOCAL_HOST.fullmatch(headers.get("host", "")):
            # It runs the code that is deployed to it, so no page in a browser may reach it: not by
            # a request across sites, nor by a name that was made to resolve to this machine.
            await _send(send, Response(403, body=b"the local cloud is not for web pages\n"))
            return
        if scope["path"] == STATUS_PATH:
            await _send(send, self._status())
            return
        signed = _CREDENTIAL.search(headers.get("authorization", ""))
        service = signed["service"] if signed else ""
        region = signed["region"] if signed else DEFAULT_REGION
        if signed and signed["key"] != INTERNAL_ACCESS_KEY_ID and service != "iam":
            await self._bootstrap.ensure(region)
        if service == "cloudtrail":
            # The CDK CLI asks it for the cause of a failure, and would ask for 20 s: moto has none.
            refusal = AwsError("AccessDeniedException", "the local cloud keeps no trail")
            await _send(send, serialize_error(service, refusal))
            return
        if service == "application-autoscaling":
            await asyncio.to_thread(scalable_dimensions.add)
        if service not in ("cloudformation", "sagemaker"):
            await self._moto(scope, receive, send)
            return
        request = Request(scope["method"], scope["path"], headers, await read_body(receive), region)
        invocation = _INVOCATIONS.fullmatch(request.path)
        if service == "cloudformation":
            response = await _operate(service, self._cloudformation, request)
        elif invocation:
            invoke = (
                self._sagemaker.invoke_endpoint_async
                if invocation["kind"]
                else self._sagemaker.invoke_endpoint
            )
            response = await invoke(region, unquote(invocation["name"]), request)
        else:
            response = await _operate(service, self._sagemaker, request)
        await _send(send, response)

    def _status(self) -> Response:
        status = {**self._identity, "regions": self._bootstrap.regions}
        return Response(200, {"content-type": "application/json"}, json.dumps(status).encode())


async def _operate(service: str, backend: object, request: Request) -> Response:
    """Carry out one operation of a service of our own."""
    try:
        operation, parameters = parse(service, request)
        method = getattr(backend, xform_name(operation.name), None)
        if method is None:
            raise AwsError(
                "NotImplemented", f"the local cloud has no {service} {operation.name}", 501
            )
        if inspect.iscoroutinefunction(method):
            result = await method(request.region, parameters)
        else:
            result = await asyncio.to_thread(method, request.region, parameters)
        return serialize(operation, result)
    except AwsError as error:
        return serialize_error(service, error)
    except Exception as error:
        logger.exception("%s %s", service, request.headers.get("x-amz-target", request.body[:200]))
        failure = AwsError("InternalFailure", f"the local cloud failed: {error!r}", 500)
        return serialize_error(service, failure)


async def _send(send: Send, response: Response) -> None:
    await respond(send, response.status, response.headers.items(), response.body)


def serve(home: Path, port: int | None) -> None:
    """Be the local cloud that lives in home, until SIGTERM or SIGINT.

    Raises LocalCloudError when another one lives there, when none can, or when a port that was
    asked for is in use.
    """
    # uvicorn ends by these signals in good order and then raises them once more, for this frame:
    # an exception lets the folder be removed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit())
    # AWS's own policies, such as the AdministratorAccess that `cdk bootstrap` hands out.
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    with sole_owner(home), _printing_to(home / LOG):
        listener, note = _listen(port)
        # A bucket in a URL's path is told from one in its host by the name localhost.
        url = f"http://localhost:{listener.getsockname()[1]}"
        identity = {"url": url, "pid": os.getpid(), "token": secrets.token_hex(16), "note": note}
        config = uvicorn.Config(
            FrontDoor(url, home, identity),
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=2,
        )
        unfinished = home / UNFINISHED_STATE
        unfinished.write_text(json.dumps(identity))
        unfinished.replace(home / STATE)
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _printing_to(log: Path) -> Iterator[None]:
    """Have what is printed in a file; what this process ends with is for who started it."""
    with log.open("x") as file:
        before = {stream: os.dup(stream) for stream in (1, 2)}
        for stream in before:
            os.dup2(file.fileno(), stream)
        try:
            yield
        finally:
            for stream, kept in before.items():
                os.dup2(kept, stream)
                os.close(kept)


def _listen(port: int | None) -> tuple[socket.socket, str]:
    """Listen on the loopback address: on port, or on the default one, or on any that is free."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    note = ""
    try:
        listener.bind(("127.0.0.1", DEFAULT_PORT if port is None else port))
    except OSError as error:
        if port is not None:
            raise LocalCloudError(f"port {port}: {error.strerror}; choose another") from None
        listener.bind(("127.0.0.1", 0))
        note = f"port {DEFAULT_PORT} is in use, so it took {listener.getsockname()[1]}"
    listener.listen(1024)
    return listener, note


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m local_cloud.server")
    parser.add_argument("--port", type=int)
    try:
        serve(default_home(), parser.parse_args().port)
    except LocalCloudError as error:
        sys.exit(str(error))
