"""What is said about a stage that cannot work: file, key, value, why, and how to fix it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Protocol, get_args, get_origin, runtime_checkable

from pydantic import BaseModel, Tag, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from settings.corrections import fix, unquoted, written, wrong_characters


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
        # A name that a table cannot have is told at the table.
        at, table, field = _place(settings, [key for key in detail["loc"] if key != "[key]"])
        if detail["type"] == "extra_forbidden":
            yield _line(path, at, _unknown(settings, table, at, detail["input"]))
            continue
        for problem in _problems(at, field, detail):
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


@runtime_checkable
class Placed(Protocol):
    """Settings that know what similar ones have and they have not."""

    @classmethod
    def elsewhere(cls, key: str) -> str:
        """Return where there is a setting that is not one of this table's, or ""."""


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


def _unknown(
    settings: type[BaseModel], table: type[BaseModel], at: Sequence[str | int], value: object
) -> Problem:
    """Tell a key that its table has not by the nearest there is, or by where there is one."""
    *inside, key = (part for part in at if isinstance(part, str))
    if issubclass(table, Placed) and (elsewhere := table.elsewhere(key)):
        why = f"it is a setting of {elsewhere} alone"
        return Problem("", "given", why, "remove it, or change endpoint.mode")
    tables = dict(_tables_with(key, settings))
    here = ".".join(inside)
    tables = {path: each for path, each in tables.items() if path.startswith(f"{here}.")} or tables
    if any(fnmatch(here, path.replace("NAME", "*")) for path in tables):
        tables = {}  # it is of another kind of this table
    move = f"move it to {' or '.join(tables.values())}" if tables else ""
    if near := nearest(key, table.model_fields):
        fix = f"did you mean {near}?" + (f" If not, {move}" if move else "")
        return Problem("", written(value), "there is no such setting", fix)
    known = f"the keys here are {', '.join(table.model_fields)}"
    return Problem("", written(value), "there is no such setting here", move or known)


def _tables_with(
    key: str, settings: type[BaseModel], path: str = "", header: str = "the top of the file"
) -> Iterator[tuple[str, str]]:
    """Yield the path and the header of each table with a key, from one table on down."""
    if key in settings.model_fields:
        yield path, header
    for name, field in settings.model_fields.items():
        below = f"{path}.{name}" if path else name
        if get_origin(field.annotation) is dict:
            below += ".NAME"
        header = f"[[{below}]]" if get_origin(field.annotation) is tuple else f"[{below}]"
        for model in _models(field.annotation):
            yield from _tables_with(key, model, below, header)


def _problems(
    at: Sequence[str | int], field: FieldInfo | None, detail: ErrorDetails
) -> Sequence[Problem]:
    if detail["type"] == "problems":
        problems: Sequence[Problem] = detail["ctx"]["problems"]
        return problems
    table = ".".join(part for part in at if isinstance(part, str))
    value, better = detail["input"], _better(at, table, field, detail)
    if detail["type"] == "missing":
        return [Problem("", "missing", "it is required", fix(detail, table))]
    why = "it cannot be used"
    if detail["type"] in ("string_type", "path_type") and (line := unquoted(value, at[-1])):
        why, better = "the quotes are missing", f"write {line}"
    elif detail["type"] == "string_pattern_mismatch":
        why = wrong_characters(detail["ctx"]["pattern"], value) or why
    return [Problem("", written(value), why, better or fix(detail, table))]


def _better(
    at: Sequence[str | int], table: str, field: FieldInfo | None, detail: ErrorDetails
) -> str | None:
    """Say what to write instead, where the value or the setting tells more than the error."""
    several = isinstance(at[-1], int)
    match detail["type"]:
        case "tuple_type" if isinstance(detail["input"], dict) and field and _is_table(field):
            return f"write [[{table}]], in two brackets: there may be several"
        case "model_type" | "dict_type" if isinstance(detail["input"], list) and not several:
            return f"write [{table}], in one pair of brackets: there is one at the most"
        case "model_type" if several:
            return f"write a table, [[{table}]]"
        case "literal_error":
            known = re.findall(r"'(.*?)'", detail["ctx"]["expected"])
            if near := nearest(str(detail["input"]), known):
                return f"did you mean {near}?"
        case "string_pattern_mismatch" if field and (example := _example(field)):
            return f'write like "{example}"'
    return None


def _is_table(field: FieldInfo) -> bool:
    return any(_models(field.annotation))


def nearest(given: str, known: Iterable[str]) -> str | None:
    """Return the most alike, if one is, however it is capitalised."""
    folded = {each.casefold(): each for each in known}
    return next((folded[near] for near in get_close_matches(given.casefold(), folded, n=1)), None)


def _example(field: FieldInfo) -> str | None:
    """Return the first example of a setting, which may be one that can be absent."""
    inner = (each for each in _parts(field.annotation) if isinstance(each, FieldInfo))
    return next((str(each.examples[0]) for each in (field, *inner) if each.examples), None)


def _place(
    settings: type[BaseModel], location: Sequence[str | int]
) -> tuple[Sequence[str | int], type[BaseModel], FieldInfo | None]:
    """Follow pydantic's location down: return it as it is in the file, the table and field there.

    Where a table may be one of several settings, the location names what it was read as.
    """
    place: list[str | int] = []
    alternatives: dict[str, type[BaseModel] | None] = {}
    field: FieldInfo | None = None
    for key in location:
        if key in alternatives:
            settings = alternatives[str(key)] or settings
            continue
        place.append(key)
        field = settings.model_fields.get(str(key), None if isinstance(key, str) else field)
        if field is not None and isinstance(key, str):
            models = {model.__name__: model for model in _models(field.annotation)}
            tags = [each.tag for each in _parts(field.annotation) if isinstance(each, Tag)]
            alternatives = {**dict.fromkeys(tags), **models}
            if len(alternatives) == 1:
                settings = next(iter(models.values()), settings)
    return place, settings, field


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield an annotation, and what it is made of."""
    yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)
