"""The front door, as an ASGI app: who gets in, and who answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from local_cloud.process import STATUS_PATH
from local_cloud.server import FrontDoor

SIGNED = "AWS4-HMAC-SHA256 Credential=LOCALCLOUDINTERNAL/20260101/eu-central-1/{}/aws4_request, x"


@pytest.fixture
def door(tmp_path: Path) -> FrontDoor:
    return FrontDoor("http://localhost:1", tmp_path, {"token": "t"})


def ask(door: FrontDoor, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    sent: list[MutableMapping[str, Any]] = []
    given = {"host": "localhost:1"} | {name.replace("_", "-"): v for name, v in headers.items()}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(door(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://example.com"},
        {"origin": "null"},
        {"host": "example.com"},
        {"host": "example.com:4640"},
        {"host": "localhost.example.com"},
        {"host": ""},
    ],
)
@pytest.mark.parametrize("service", ["sagemaker", "cloudformation", "s3"])
def test_no_web_page_gets_in(door: FrontDoor, headers: dict[str, str], service: str) -> None:
    status, _ = ask(door, "/", b"", authorization=SIGNED.format(service), **headers)
    assert status == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:4640", "127.0.0.1:1", "b.localhost:1"])
def test_who_asks_for_this_machine_gets_in(door: FrontDoor, host: str) -> None:
    status, body = ask(door, STATUS_PATH, host=host)
    assert (status, json.loads(body)["token"]) == (200, "t")


@pytest.mark.parametrize("path", ["invocations", "async-invocations"])
def test_both_kinds_of_invocation_find_their_endpoint_by_its_name(
    door: FrontDoor, path: str
) -> None:
    status, body = ask(door, f"/endpoints/none/{path}", authorization=SIGNED.format("sagemaker"))
    assert status == 400
    assert "Endpoint none of account 123456789012 not found" in body


def test_an_operation_that_is_not_carried_out_is_said_by_name(door: FrontDoor) -> None:
    status, body = ask(
        door,
        "/",
        b'{"NotebookInstanceName": "n"}',
        authorization=SIGNED.format("sagemaker"),
        x_amz_target="SageMaker.StopNotebookInstance",
    )
    assert status == 501
    assert "the local cloud has no sagemaker StopNotebookInstance" in body


def test_an_error_of_our_own_is_an_internal_failure_and_no_traceback(
    door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("local_cloud.cloudformation.CloudFormation.list_stacks", fail)
    authorization = SIGNED.format("cloudformation")
    status, body = ask(door, "/", b"Action=ListStacks", authorization=authorization)
    assert status == 500
    assert "ZeroDivisionError" in body
    assert "Traceback" not in body


def test_what_moto_cannot_answer_the_cdk_cli_is_refused_at_once(door: FrontDoor) -> None:
    target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"
    authorization = SIGNED.format("cloudtrail")
    status, body = ask(door, "/", b"{}", authorization=authorization, x_amz_target=target)
    assert status == 400
    assert "AccessDeniedException" in body
