"""What is said about a stage that cannot work: file, key, value, why, and how to fix it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import Tag, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from settings.corrections import fix, unquoted, written, wrong_characters
from settings.table import Problem, Settings


class StageError(Exception):
    """A stage that cannot be deployed; the message has one line a problem."""


def explain(path: Path, settings: type[Settings], error: ValidationError) -> Iterator[str]:
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
    path: Path, document: object, tables: Iterable[tuple[object, Settings]]
) -> Iterator[str]:
    """Yield a line for each rule that tables of a file break, which were read from its document."""
    places = dict(_places(document, ()))
    for table, settings in tables:
        for problem in settings.problems():
            yield _line(path, places.get(id(table), ()), problem)


def _line(path: Path, at: Sequence[str | int], problem: Problem) -> str:
    key = ".".join(str(part) for part in (*at, problem.key) if part != "")
    return f"{path}: {key} is {problem.got}: {problem.why}; {problem.fix}"


def _places(
    value: object, at: tuple[str | int, ...]
) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    """Yield where each table of a document is, by the table's identity."""
    if isinstance(value, dict):
        yield id(value), at
        for key, each in value.items():
            yield from _places(each, (*at, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _places(each, (*at, index))


def _unknown(
    settings: type[Settings], table: type[Settings], at: Sequence[str | int], value: object
) -> Problem:
    """Tell a key that its table has not by the nearest there is, or by where there is one."""
    *inside, key = (part for part in at if isinstance(part, str))
    tables = list(_tables(settings))
    if modes := _modes_with(key, table, tables):
        why = f"it is a setting of mode {' or '.join(modes)} alone"
        return Problem("", "given", why, "remove it, or change endpoint.mode")
    here = ".".join(inside)
    headers = {each.path: each.header for each in tables if key in each.settings.model_fields}
    headers = {path: headers[path] for path in headers if path.startswith(f"{here}.")} or headers
    if any(fnmatch(here, path.replace("NAME", "*")) for path in headers):
        headers = {}  # it is of another kind of this table
    move = f"move it to {' or '.join(headers.values())}" if headers else ""
    if near := nearest(key, table.model_fields):
        fix = f"did you mean {near}?" + (f" If not, {move}" if move else "")
        return Problem("", written(value), "there is no such setting", fix)
    known = f"the keys here are {', '.join(table.model_fields)}"
    return Problem("", written(value), "there is no such setting here", move or known)


def _modes_with(key: str, table: type[Settings], tables: Sequence[_Table]) -> Iterable[str]:
    """Return the modes that have a key where a table without it stands in other modes."""
    own = [each for each in tables if each.settings is table]
    paths = {each.path for each in own}
    kinds = [each for each in tables if each.path in paths and key in each.settings.model_fields]
    modes = dict.fromkeys(each.mode for each in kinds)
    return () if any(each.mode in modes for each in own) else modes


class _Table(NamedTuple):
    """A table that a file may have: where, in which mode of its endpoint, and what reads it."""

    path: str
    header: str
    mode: str
    settings: type[Settings]


def _tables(
    settings: type[Settings], path: str = "", header: str = "the top of the file", mode: str = ""
) -> Iterator[_Table]:
    """Yield a table, and all that it may have below it."""
    if "mode" in settings.model_fields:
        (mode,) = get_args(settings.model_fields["mode"].annotation)
    yield _Table(path, header, mode, settings)
    for name, field in settings.model_fields.items():
        below = f"{path}.{name}" if path else name
        if get_origin(field.annotation) is dict:
            below += ".NAME"
        header = f"[[{below}]]" if get_origin(field.annotation) is tuple else f"[{below}]"
        for model in _models(field.annotation):
            yield from _tables(model, below, header, mode)


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
    settings: type[Settings], location: Sequence[str | int]
) -> tuple[Sequence[str | int], type[Settings], FieldInfo | None]:
    """Follow pydantic's location down: return it as it is in the file, the table and field there.

    Where a table may be one of several settings, the location names what it was read as.
    """
    place: list[str | int] = []
    alternatives: dict[str, type[Settings] | None] = {}
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


def _models(annotation: Any) -> Iterator[type[Settings]]:
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, Settings):
            yield part


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield an annotation, and what it is made of."""
    yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)
