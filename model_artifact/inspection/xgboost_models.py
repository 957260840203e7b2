"""The version of XGBoost that wrote a model, read from the model without XGBoost.

A model in JSON or UBJSON has its version as a list of three numbers, and so have the bytes in a
pickled booster (https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html).
"""

from __future__ import annotations

import re
from typing import BinaryIO

ENDS_BYTES = 1 << 16
"""How much of a file's beginning and end is read: the version is the last key."""

Version = tuple[int, int, int]

_JSON = re.compile(rb'"version"\s*:\s*\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]')
# UBJSON: the key's length (after an L, or the mark of a shorter integer), the key, and an array of
# three integers, each with its mark, or all with the one mark after a $.
_UBJSON = re.compile(rb"(?:L.{7}|[iU])\x07version\[(.{3,40})", re.DOTALL)
_INTEGER_BYTES = {b"i": 1, b"U": 1, b"I": 2, b"l": 4, b"L": 8}


def version(size: int, file: BinaryIO) -> Version | None:
    """Return the version in a model file, or None for another kind of file."""
    head = file.read(ENDS_BYTES)
    if not head.startswith(b"{") or b"learner" not in head:
        return None
    file.seek(max(0, size - ENDS_BYTES))
    return version_in(head) or version_in(file.read(ENDS_BYTES))


def is_binary(name: str, file: BinaryIO) -> bool:
    """Tell whether a file is named like a model of XGBoost's, but is neither JSON nor UBJSON."""
    file.seek(0)
    called = name.lower().endswith((".model", ".xgb", ".deprecated", "xgboost-model"))
    return called and file.read(1) not in (b"{", b"")


def version_in(content: bytes) -> Version | None:
    """Return the version in the bytes of a model, or of a part of a model."""
    if found := _JSON.search(content):
        major, minor, patch = map(int, found.groups())
        return major, minor, patch
    if found := _UBJSON.search(content):
        numbers = list(_integers(found[1]))
        if len(numbers) == 3:
            return numbers[0], numbers[1], numbers[2]
    return None


def _integers(content: bytes) -> list[int]:
    """Read the first three integers of a UBJSON array."""
    shared = b""
    numbers: list[int] = []
    if content.startswith(b"$"):
        shared, content = content[1:2], content[2:]
    if content.startswith(b"#"):
        content = content[1 + 1 + _INTEGER_BYTES.get(content[1:2], 0) :]
    while len(numbers) < 3:
        mark, content = (shared, content) if shared else (content[:1], content[1:])
        length = _INTEGER_BYTES.get(mark)
        if length is None or len(content) < length:
            break
        numbers.append(int.from_bytes(content[:length], "big"))
        content = content[length:]
    return numbers
