"""What is said about a stage that cannot work: file, key, value, why, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError


class StageError(Exception):
    """A stage that cannot be deployed; the message has one line a problem."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a stage."""

    key: str
    """Which setting, relative to the table that reports it, such as "scaling.min_capacity"."""
    got: object
    why: str
    fix: str


def refuse(problems: Iterable[Problem]) -> None:
    """Raise the one error in which pydantic carries several problems of a table."""
    found = tuple(problems)
    if found:
        raise PydanticCustomError("problems", "settings that cannot work", {"problems": found})


def explain(path: Path, settings: type[BaseModel], error: ValidationError) -> Iterator[str]:
    """Yield a line for each problem that pydantic found in a file."""
    for detail in error.errors(include_url=False):
        at, table = _place(settings, detail["loc"])
        for problem in _problems(table, detail):
            yield _line(path, at, problem)


def explain_rules(
    path: Path, document: object, tables: Iterable[tuple[object, Ruled]]
) -> Iterator[str]:
    """Yield a line for each rule that tables of a file break, which were read from its document."""
    places = dict(_places(document, ()))
    for table, settings in tables:
        for problem in settings.problems():
            yield _line(path, places.get(id(table), ()), problem)


class Ruled(Protocol):
    """Settings that can say what is wrong with them together."""

    def problems(self) -> Iterator[Problem]:
        """Yield each problem."""


def _line(path: Path, at: Sequence[str | int], problem: Problem) -> str:
    key = ".".join(str(part) for part in (*at, problem.key) if part != "")
    return f"{path}: {key} is {problem.got}: {problem.why}; {problem.fix}"


def _places(
    value: object, at: tuple[str | int, ...]
) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    """Yield where each table of a document is, by the table's identity."""
    if isinstance(value, dict):
        yield id(value), at
    inner: Iterable[tuple[str | int, object]] = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, each in inner:
        yield from _places(each, (*at, key))


def _problems(table: type[BaseModel], detail: ErrorDetails) -> Sequence[Problem]:
    if detail["type"] == "problems":
        problems: Sequence[Problem] = detail["ctx"]["problems"]
        return problems
    got = repr(detail["input"])
    if detail["type"] == "missing":
        return [Problem("", "missing", "it is required", "add it")]
    if detail["type"] == "extra_forbidden":
        known = list(table.model_fields)
        near = get_close_matches(str(detail["loc"][-1]), known, n=1)
        fix = f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(known)}"
        return [Problem("", got, "there is no such setting", fix)]
    return [Problem("", got, "it cannot be used", detail["msg"].replace("Input", "it"))]


def _place(
    settings: type[BaseModel], location: Sequence[str | int]
) -> tuple[Sequence[str | int], type[BaseModel]]:
    """Follow pydantic's location down: return it as it is in the file, and the table there.

    Where a table may be one of several settings, the location names the class that it was read as.
    """
    place: list[str | int] = []
    alternatives: dict[str, type[BaseModel]] = {}
    for key in location:
        if key in alternatives:
            settings = alternatives[str(key)]
            continue
        place.append(key)
        field = settings.model_fields.get(str(key))
        if field is not None:
            alternatives = {model.__name__: model for model in _models(field.annotation)}
            if len(alternatives) == 1:
                (settings,) = alternatives.values()
    return place, settings


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
