"""The mode of an [endpoint] table decides which class reads it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from settings.asynchronous import AsyncEndpoint
from settings.endpoint import Endpoint
from settings.realtime import RealtimeEndpoint
from settings.serverless import ServerlessEndpoint

# Every other table is read as a real-time endpoint, which says what is wrong with its mode.
_MODES: dict[str, type[Endpoint]] = {
    "serverless": ServerlessEndpoint,
    "async": AsyncEndpoint,
}


def _kind_of_endpoint(value: Any) -> str:
    """Return the name of the class that reads an [endpoint] table, by its mode."""
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
