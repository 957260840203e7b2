"""The container's HTTP side: a raw ASGI app with `/ping` and `/invocations`.

It answers what the nginx, gunicorn and Flask of AWS's images answer, in one process without them.
The handler is called on the loop, one request at a time, as in one worker of AWS's container.
"""

from __future__ import annotations

import json
import traceback
from typing import Any

from werkzeug import exceptions
from werkzeug.wrappers import Response

from container import encoders
from container.asgi import App, Message, Receive, Send, read_body, respond
from container.handler import Transform


def serving(transform: Transform | str, default_accept: str) -> App:
    """Make the app that answers with a loaded model, or says (str) why it did not load.

    On AWS a container without a model answers every ping with an HTML 500; here the 500's body is
    the reason, so that nobody has to search the log of the instance.
    """

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        match scope["path"], scope["method"]:
            case "/ping", "GET" | "HEAD":
                response = _ping(transform)
            case "/invocations", "POST":
                body = await read_body(receive)
                response = _invocation(transform, default_accept, scope["headers"], body)
            case "/ping", _:
                response = exceptions.MethodNotAllowed(["GET", "HEAD"]).get_response()
            case "/invocations", _:
                response = exceptions.MethodNotAllowed(["POST"]).get_response()
            case _:
                response = Response("{}", status=404, mimetype="application/json")
        await _send(send, response)

    return app


def _ping(transform: Transform | str) -> Response:
    if isinstance(transform, str):
        return Response(transform, status=500, mimetype="text/plain")
    return Response(mimetype="application/json")


def _invocation(
    transform: Transform | str,
    default_accept: str,
    headers: list[tuple[bytes, bytes]],
    content: bytes,
) -> Response:
    """Call the handler; an exception is a 500 without details, with a traceback in the log."""
    try:
        if isinstance(transform, str):
            raise RuntimeError(transform)
        given = {name: value.decode("latin-1") for name, value in headers}
        content_type = given.get(b"contenttype") or given.get(b"content-type") or encoders.JSON
        accept = given.get(b"accept")
        if not accept or accept == "*/*":
            accept = default_accept
        body = (
            content.decode("utf-8", "replace") if content_type in encoders.UTF8_TYPES else content
        )
        return _response(transform(body, content_type, accept))
    except Exception:
        traceback.print_exc()
        return exceptions.InternalServerError().get_response()


def _response(result: Any) -> Response:
    """Make a response from what a handler returned, as Flask and AWS's container do."""
    if isinstance(result, Response):
        return result
    if isinstance(result, tuple):
        return Response(result[0], mimetype=result[1] or encoders.JSON)
    if isinstance(result, str | bytes):
        return Response(result, mimetype="text/html")
    if isinstance(result, dict | list):
        text = json.dumps(result, sort_keys=True, separators=(",", ":"))
        return Response(f"{text}\n", mimetype=encoders.JSON)
    raise TypeError(
        f"the handler returned {type(result).__name__}; "
        "return (body, content type), str, bytes or a flask.Response"
    )


async def _send(send: Send, response: Response) -> None:
    """Send a response whole."""
    response.direct_passthrough = False
    body = response.get_data()
    computed = ("content-length", "transfer-encoding")
    headers = [pair for pair in response.headers if pair[0].lower() not in computed]
    await respond(send, response.status_code, headers, body)
