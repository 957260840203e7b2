"""Which mode an [endpoint] table is of, and so which class reads it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from settings.asynchronous import AsyncEndpoint
from settings.endpoint import Endpoint
from settings.realtime import RealtimeEndpoint
from settings.serverless import ServerlessEndpoint

_MODES: dict[str, type[Endpoint]] = {
    "realtime": RealtimeEndpoint,
    "serverless": ServerlessEndpoint,
    "async": AsyncEndpoint,
}


def _kind_of_endpoint(value: Any) -> str:
    """Name what an [endpoint] table is to be read as, by its mode."""
    if isinstance(value, Endpoint):
        return type(value).__name__
    mode = value.get("mode") if isinstance(value, dict) else None
    return _MODES.get(mode if isinstance(mode, str) else "", RealtimeEndpoint).__name__


AnyEndpoint = Annotated[
    Annotated[RealtimeEndpoint, Tag("RealtimeEndpoint")]
    | Annotated[ServerlessEndpoint, Tag("ServerlessEndpoint")]
    | Annotated[AsyncEndpoint, Tag("AsyncEndpoint")],
    Discriminator(_kind_of_endpoint),
]
