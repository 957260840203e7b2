from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.app import serving


def ask(
    transform: Any,
    path: str = "/invocations",
    method: str = "POST",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Send one request, its body in two pieces, and give status, headers and body."""
    pieces: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": body[:1], "more_body": True},
        {"type": "http.request", "body": body[1:]},
    ]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return pieces.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "path": path, "method": method, "headers": raw}
    asyncio.run(serving(transform, "application/json")(scope, receive, send))
    start, end = sent
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    assert answered["content-length"] == str(len(end["body"]))
    return start["status"], answered, end["body"]


def returning(result: Any) -> Any:
    return lambda *_: result


def echo(body: str | bytes, content_type: str, accept: str) -> tuple[str, str]:
    return json.dumps([type(body).__name__, content_type, accept]), "application/json"


def told(**headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return json.loads(ask(echo, headers=named)[2])


def test_a_ping_is_answered_with_nothing() -> None:
    status, headers, body = ask(echo, "/ping", "GET")
    assert (status, headers["content-type"], body) == (200, "application/json", b"")


def test_a_ping_without_a_model_says_why() -> None:
    assert ask("ValueError: boom", "/ping", "GET")[::2] == (500, b"ValueError: boom")
    assert ask("ValueError: boom")[0] == 500


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/ping", "POST", 405),
        ("/invocations", "GET", 405),
        ("/invocations", "PUT", 405),
        ("/execution-parameters", "GET", 404),
        ("/", "GET", 404),
    ],
)
def test_other_methods_and_paths_are_refused(path: str, method: str, status: int) -> None:
    answered, _, body = ask(echo, path, method)
    assert answered == status
    assert body == b"{}" if status == 404 else b"Method Not Allowed" in body


def test_a_body_is_text_only_for_exactly_json_and_csv() -> None:
    assert told(Content_Type="application/json")[0] == "str"
    assert told(Content_Type="text/csv")[0] == "str"
    assert told(Content_Type="application/json; charset=utf-8")[0] == "bytes"
    assert told(Content_Type="application/x-npy")[0] == "bytes"


def test_a_missing_content_type_or_accept_is_json() -> None:
    assert told() == ["str", "application/json", "application/json"]
    assert told(Accept="*/*")[2] == "application/json"
    assert told(Accept="text/csv, */*")[2] == "text/csv, */*"
    assert told(ContentType="text/csv", Content_Type="a/b")[1] == "text/csv"


@pytest.mark.parametrize(
    ("result", "content_type", "body"),
    [
        (("a", "application/json"), "application/json", b"a"),
        ((b"\x00", "application/x-npy"), "application/x-npy", b"\x00"),
        (("a", "text/csv"), "text/csv; charset=utf-8", b"a"),
        (("a", "text/csv", "third"), "text/csv; charset=utf-8", b"a"),
        ("a", "text/html; charset=utf-8", b"a"),
        (b"a", "text/html; charset=utf-8", b"a"),
        ({"b": 1, "a": 2}, "application/json", b'{"a":2,"b":1}\n'),
    ],
)
def test_what_a_handler_returns_becomes_a_response(
    result: Any, content_type: str, body: bytes
) -> None:
    status, headers, answered = ask(returning(result))
    assert (status, headers["content-type"], answered) == (200, content_type, body)


def test_a_flask_response_keeps_status_headers_and_body() -> None:
    response = flask.Response('{"error": "é"}', 422, {"X-Own": "1"}, "application/json")
    status, headers, body = ask(returning(response))
    assert (status, headers["x-own"], headers["content-type"]) == (422, "1", "application/json")
    assert json.loads(body) == {"error": "é"}


def test_a_streamed_flask_response_is_whole() -> None:
    assert ask(returning(flask.Response(iter(["a", "b"]))))[2] == b"ab"


@pytest.mark.parametrize("result", [None, 3, object()])
def test_what_is_no_response_is_a_500(result: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(returning(result))[0] == 500
    assert "the handler returned" in capsys.readouterr().err


def test_an_exception_is_flask_s_500_and_its_traceback_is_in_the_log_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any) -> None:
        flask.abort(404, "hidden")

    status, headers, body = ask(fail)
    assert (status, headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert len(body) == 265  # as the container was seen to answer
    assert b"hidden" not in body
    assert "hidden" in capsys.readouterr().err


@given(body=st.binary(), content_type=st.sampled_from(["application/json", "text/csv", "a/b"]))
def test_any_body_reaches_the_handler(body: bytes, content_type: str) -> None:
    seen: list[str | bytes] = []

    def see(content: str | bytes, *_: str) -> str:
        seen.append(content)
        return ""

    assert ask(see, body=body, headers={"Content-Type": content_type})[0] == 200
    expected = body if content_type == "a/b" else body.decode("utf-8", "replace")
    assert seen == [expected]
