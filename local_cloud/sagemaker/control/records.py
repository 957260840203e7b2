"""What the control plane remembers of models and endpoint configs, and how lists are paged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from local_cloud.wire import validation_error

DEFAULT_MAX_RESULTS = 10

EVER, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""The bounds of a list's times, where the request gives none."""


@dataclass(frozen=True)
class Record:
    """A model or an endpoint config: neither ever changes, so its request describes it."""

    name: str
    arn: str
    parameters: Mapping[str, Any]
    creation_time: datetime = field(default_factory=lambda: datetime.now(UTC))


class Listed(Protocol):
    """What every list can be sorted and filtered by."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def creation_time(self) -> datetime: ...  # noqa: D102


T = TypeVar("T", bound=Listed)


def page(
    items: Iterable[T],
    parameters: Mapping[str, Any],
    sort_keys: Mapping[str, Callable[[T], Any]] | None = None,
) -> tuple[list[T], dict[str, str]]:
    """Pick the page of a list that a request asks for, and the NextToken if there is more.

    Newest first unless SortBy and SortOrder say otherwise.
    """
    keys: dict[str, Callable[[T], Any]] = {
        "Name": lambda item: item.name,
        "CreationTime": lambda item: item.creation_time,
        **(sort_keys or {}),
    }
    contains = parameters.get("NameContains", "").lower()
    after = parameters.get("CreationTimeAfter", EVER)
    before = parameters.get("CreationTimeBefore", NEVER)
    chosen = [
        item
        for item in items
        if contains in item.name.lower() and after < item.creation_time < before
    ]
    chosen.sort(
        key=keys[parameters.get("SortBy", "CreationTime")],
        reverse=parameters.get("SortOrder", "Descending") == "Descending",
    )
    token = parameters.get("NextToken", "0")
    if not (token.isascii() and token.isdigit()):
        raise validation_error("NextToken is not a token that a list returned")
    end = int(token) + parameters.get("MaxResults", DEFAULT_MAX_RESULTS)
    following = {"NextToken": str(end)} if end < len(chosen) else {}
    return chosen[int(token) : end], following
