"""Rules that several tables have: a value above another setting, and a value given twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from settings.table import Problem


def above(key: str, value: float | None, bound_key: str, bound: float | None) -> Iterator[Problem]:
    """Yield a value that is above another setting, if both are given."""
    if value is not None and bound is not None and value > bound:
        yield Problem(
            key,
            value,
            f"it is above {bound_key}, which is {bound}",
            f"lower it to {bound} or raise {bound_key}",
        )


def twice(
    given: Iterable[tuple[str, Any]], why: str, fix: str, folded: Callable[[Any], Hashable] = str
) -> Iterator[Problem]:
    """Yield the keys whose value an earlier one has; folded tells what counts as the same."""
    seen: set[Hashable] = set()
    for key, value in given:
        if folded(value) in seen:
            yield Problem(key, value, why, fix)
        seen.add(folded(value))
