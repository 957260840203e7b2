"""Several models in one container: the HTTP side of SageMaker's contract for them.

In this mode AWS's images serve with Multi Model Server and sagemaker-inference, not with Flask: a
handler answers with text, bytes, or what json.dumps takes, and a flask.Response is an error. There
each model has a process of its own; here the models share one and take turns, except to load.
Source: the Developer Guide, "Custom Containers Contract for Multi-Model Endpoints";
`serving_mms.py` and `mms_transformer.py` of sagemaker-scikit-learn-container; `service.py`,
`otf_message_handler.py` and `WorkerLifeCycle.java` of multi-model-server.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from container import encoders, toolkit
from container.asgi import Message, Receive, Send, read_body, respond
from container.handler import Transform, UserError

DEFAULT_MAX_REQUEST_BYTES, MAX_REQUEST_BYTES = 6 * 1024**2, 20 * 1024**2
"""A request's default limit, and the largest that can be set. Source: `serving_mms.py`."""

_OUT_OF_MEMORY = 507


@dataclass(frozen=True)
class Answer:
    """A response, whole."""

    status: int
    body: bytes
    content_type: str = encoders.JSON


class ModelServer:
    """The ASGI app: `load` makes a model from the folder of an unpacked archive."""

    def __init__(
        self, load: Callable[[Path], Transform], default_accept: str, max_request_bytes: int
    ) -> None:
        self._load, self._default_accept = load, default_accept
        self._max_request_bytes = max_request_bytes
        self._folders: dict[str, str] = {}
        """Of each model that is loaded or about to be."""
        self._transforms: dict[str, Transform] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        parts = [unquote(part) for part in scope["path"].strip("/").split("/")]
        match scope["method"], parts:
            case "GET" | "HEAD", ["ping"]:
                answer = _told({"status": "Healthy"})
            case "GET", ["models"]:
                answer = _told({"models": [self._described(name) for name in self._transforms]})
            case "POST", ["models"]:
                answer = await self._take_in(json.loads(await read_body(receive)))
            case "GET", ["models", name] if name in self._transforms:
                answer = _told(self._described(name))
            case "DELETE", ["models", name] if name in self._transforms:
                del self._transforms[name], self._folders[name]
                answer = _told({"status": f'Model "{name}" unregistered'})
            case "POST", ["models", name, "invoke"] if name in self._transforms:
                body = await read_body(receive)
                answer = self._invoked(self._transforms[name], dict(scope["headers"]), body)
            case _, ["models", name, *_]:
                answer = _error(404, "ModelNotFoundException", f"Model not found: {name}")
            case _:
                answer = _error(
                    404, "ResourceNotFoundException", "Requested resource is not found."
                )
        await respond(send, answer.status, [("content-type", answer.content_type)], answer.body)

    def _described(self, name: str) -> dict[str, str]:
        return {"modelName": name, "modelUrl": self._folders[name]}

    async def _take_in(self, asked: dict[str, str]) -> Answer:
        """Load a model, while the others answer."""
        name, folder = asked["model_name"], asked["url"]
        if name in self._folders:
            return _error(409, "ConflictStatusException", f"Model {name} is already registered.")
        self._folders[name] = folder
        try:
            self._transforms[name] = await asyncio.to_thread(self._load, Path(folder))
        except Exception as error:
            del self._folders[name]
            traceback.print_exc()
            reason = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
            status = _OUT_OF_MEMORY if isinstance(error, MemoryError) else 500
            # AWS's server ends its message before the colon: only its log has the reason.
            return _error(
                status,
                "InternalServerException",
                f"Failed to start workers for the model: {reason}",
            )
        return _told({"status": "Workers scaled"})

    def _invoked(self, transform: Transform, headers: dict[bytes, bytes], content: bytes) -> Answer:
        """Call the handler; an exception is a 503 without details, with a traceback in the log.

        Only sagemaker-inference's own exception has a status and a message for the caller.
        """
        if len(content) > self._max_request_bytes:
            return _error(
                413,
                "RequestEntityTooLargeException",
                f"The request has {len(content):,} bytes; a container of several models takes at "
                f"most {self._max_request_bytes:,}: send less at once, or set MAX_CONTENT_LENGTH "
                f"in the model's environment, up to {MAX_REQUEST_BYTES:,}",
            )
        content_type = headers.get(b"content-type", b"").decode("latin-1") or encoders.JSON
        accept = headers.get(b"accept", b"").decode("latin-1")
        if not accept or accept == "*/*":
            accept = self._default_accept
        try:
            body = content.decode() if content_type in encoders.UTF8_TYPES else content
            result = transform(body, content_type, accept)
        except toolkit.BaseInferenceToolkitError as error:
            traceback.print_exc()
            return Answer(error.status_code, str(error.message).encode(), "text/plain")
        except Exception:
            traceback.print_exc()
            return _error(503, "InternalServerException", "Prediction failed")
        if isinstance(result, tuple):
            result, accept = result[:2]
        try:
            return Answer(200, _encoded(result), accept)
        except TypeError:
            traceback.print_exc()
            return _error(503, "InternalServerException", "Unsupported model output data type.")


def max_request_bytes(environ: Mapping[str, str]) -> int:
    """Return how many bytes a request may have, by the container's environment."""
    asked = int(environ.get("MAX_CONTENT_LENGTH", DEFAULT_MAX_REQUEST_BYTES))
    return int(environ.get("SAGEMAKER_MAX_REQUEST_SIZE") or min(asked, MAX_REQUEST_BYTES))


def check_unshadowed(folder: Path, program: str) -> None:
    """Refuse (UserError) a model with a script of its own, which AWS's server would import.

    Each model's process has the archive's root on its path, before what is installed.
    """
    if (folder / f"{program.removesuffix('.py')}.py").exists():
        raise UserError(
            f"{program} is at the root of the model archive, so AWS's server would import it "
            "instead of the one from SAGEMAKER_SUBMIT_DIRECTORY: leave it out of the archive"
        )


def _encoded(result: Any) -> bytes:
    if isinstance(result, str):
        return result.encode()
    if isinstance(result, bytes | bytearray):
        return bytes(result)
    return json.dumps(result, indent=2).encode()


def _told(content: Any) -> Answer:
    return Answer(200, json.dumps(content, indent=2).encode())


def _error(status: int, kind: str, message: str) -> Answer:
    told = {"code": status, "type": kind, "message": message}
    return Answer(status, json.dumps(told, indent=2).encode())
