"""What is wrong with a value that a setting does not take, and what to write: in TOML's words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, time
from types import MappingProxyType
from typing import Self

from pydantic_core import ErrorDetails

FIXES: Mapping[str, str] = MappingProxyType(
    {
        "bool_type": "write true or false, without quotes",
        "datetime_type": "write like 2027-01-31T08:00:00Z, without quotes",
        "dict_type": "write a table, [{table}]",
        "finite_number": "write a finite number",
        "float_parsing": "write a number, without quotes",
        "float_type": "write a number, without quotes",
        "greater_than": "write a number above {gt}",
        "greater_than_equal": "write {ge} or more",
        "int_parsing_size": "write a smaller number",
        "int_type": "write a whole number, without quotes",
        "less_than": "write a number below {lt}",
        "less_than_equal": "write {le} or less",
        "literal_error": "write {expected}",
        "missing": "add it",
        "model_type": "write a table, [{table}]",
        "path_type": "write a path, in quotes",
        "string_pattern_mismatch": "write text of the form {pattern}",
        "string_too_long": "write {max_length} characters at the most",
        "string_too_short": "write {min_length} characters or more",
        "string_type": "write text, in quotes",
        "too_long": "write {max_length} at the most",
        "too_short": "write {min_length} or more",
        "tuple_type": "write an array, in brackets",
    }
)
"""What to write, by the type of pydantic's error, where nothing better is known of the value."""


class Written(float):
    """A number that is shown as its file has it: 1.10, of which a float alone makes 1.1."""

    _text: str

    def __new__(cls, text: str) -> Self:
        """Keep the text."""
        number = super().__new__(cls, text)
        number._text = text
        return number

    def __repr__(self) -> str:
        return self._text


def written(value: object) -> str:
    """Return a value as a file has it, or nearly."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date | time) else repr(value)


def fix(detail: ErrorDetails, table: str) -> str:
    """Return what to write instead of a value, of which table is the path without indices."""
    # Pydantic's own words are better than nothing: a test knows of no type that needs them.
    sentence = FIXES.get(detail["type"], detail["msg"].replace("{", "{{").replace("}", "}}"))
    given = {name: _plain(value) for name, value in detail.get("ctx", {}).items()}
    return sentence.format(**{"table": table, **given})


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace("'", '"')


def unquoted(value: object, key: str | int) -> str | None:
    """Return the line to write if a value is text whose quotes are missing."""
    if not isinstance(value, int | float | date | time):
        return None
    return f'{key} = "{written(value)}"' if isinstance(key, str) else f'"{written(value)}"'


def unquoted_line(document: str, error: str) -> str | None:
    """Return the line to write in place of one that is no TOML, if it is quotes that are missing.

    Without them `1.9-0` and `sklearn` are nothing that TOML knows; and True is not true. The error
    of tomllib says which line it is: "... (at line 4, column 14)".
    """
    at = re.search(r"\(at line (\d+), ", error)
    line = document.split("\n")[int(at[1]) - 1] if at else ""
    # A word or a version; of anything else nobody can tell what it was meant to be.
    found = re.fullmatch(r"\s*([\w.-]+)\s*=\s*([A-Za-z][\w./:-]*|\d[\w.]*-[\w.-]+)\s*(#.*)?", line)
    if not found:
        return None
    key, value = found[1], found[2]
    truth = {"true": "true", "yes": "true", "on": "true"} | dict.fromkeys(
        ("false", "no", "off"), "false"
    )
    return f"{key} = {truth[value.lower()]}" if value.lower() in truth else f'{key} = "{value}"'


def wrong_characters(pattern: str, text: str) -> str | None:
    """Say which characters of a name cannot be where they are, if it is those.

    Each is tried between letters, or beside one if it is the first or the last. A text that cannot
    be a letter alone has a shape, of which an example tells more than a wrong character.
    """
    last = len(text) - 1
    wrong = {
        place + 1: json.dumps(each, ensure_ascii=not each.isprintable())
        for place, each in enumerate(text)
        if not re.fullmatch(pattern, f"{'a' if place else ''}{each}{'a' if place < last else ''}")
    }
    if not wrong or not re.fullmatch(pattern, "a"):
        return None
    shown = dict.fromkeys(wrong.values())
    at = f"character{'s' if len(wrong) > 1 else ''} {', '.join(map(str, wrong))}"
    return f"{' and '.join(shown)} {'are' if len(shown) > 1 else 'is'} not allowed at {at}"
