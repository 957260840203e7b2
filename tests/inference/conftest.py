"""A stand-in for the SageMaker runtime, which gives the answers that a test has scripted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(frozen=True)
class Reply:
    """One scripted answer, or a fault instead of one."""

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    promised_bytes: int | None = None
    """More bytes than the body has, so that the connection breaks in the middle."""
    hang_up: bool = False
    """Close the connection without an answer."""
    stall_seconds: float = 0


def error(status: int, code: str, **members: Any) -> Reply:
    """An error as AWS sends it."""
    body = json.dumps({"Message": f"{code}!", **members}).encode()
    return Reply(status, body, {"x-amzn-ErrorType": code})


def model_error(status: int, body: str) -> Reply:
    """A container's error, as SageMaker passes it on."""
    log = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/sagemaker/Endpoints/iris"
    return error(
        424, "ModelError", OriginalStatusCode=status, OriginalMessage=body, LogStreamArn=log
    )


class Stub:
    """The stand-in, with the replies it will give and the requests it got."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.replies: list[Reply] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            stub.requests.append((self.path, headers, body))
            reply = stub.replies.pop(0)
            stopped.wait(reply.stall_seconds)
            if reply.hang_up:
                self.close_connection = True
                return
            self.send_response(reply.status)
            headers = {
                "Content-Type": "application/json",
                "x-Amzn-Invoked-Production-Variant": "AllTraffic",
            } | reply.headers
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(reply.promised_bytes or len(reply.body)))
            self.end_headers()
            with suppress(ConnectionError):  # a client that has given up meanwhile
                self.wfile.write(reply.body)
            self.close_connection = bool(reply.promised_bytes)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
            pass

    stopped = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub = Stub(f"http://127.0.0.1:{server.server_port}")
    for name, value in {
        "AWS_ENDPOINT_URL": stub.url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield stub
    finally:
        stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
