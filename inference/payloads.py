"""The client's formats: rows to a request body, an answer's body to values."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.errors import PayloadError

JSON, JSON_LINES = "application/json", "application/jsonlines"
CSV, NPY = "text/csv", "application/x-npy"

_SUFFIXES = {".json": JSON, ".jsonl": JSON_LINES, ".csv": CSV, ".npy": NPY}


def content_type_of(path: Path) -> str:
    """Tell a file's content type by its suffix: .json, .jsonl, .csv or .npy.

    Raises PayloadError for another one.
    """
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        known = ", ".join(_SUFFIXES)
        raise PayloadError(
            f"{path}: its suffix is none of {known}; say what it is with --content-type"
        ) from None


def encode(rows: ArrayLike, content_type: str = JSON) -> bytes:
    """Write rows of numbers, shape (rows, features), as a request body.

    Raises PayloadError for another shape, for what is no number, and for a content type that is
    none of the four.
    """
    if content_type not in _ENCODERS:
        raise PayloadError(f"rows cannot be sent as {content_type!r}; {_CHOICE}")
    try:
        array = np.asarray(rows)
    except ValueError as error:
        raise PayloadError(f"the rows make no array: {error}") from None
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise PayloadError(
            f"the rows have the shape {array.shape} and the type {array.dtype}; "
            "send numbers in the shape (rows, features)"
        )
    return _ENCODERS[content_type](array)


def decode(body: bytes, content_type: str) -> Any:
    """Read an answer: JSON as its value, JSON Lines as a list of values, CSV as a list of rows of
    text and numbers, NPY as an array.

    Raises PayloadError for a body that is not what its content type says, and for a content type
    that is none of the four.
    """
    name = content_type.partition(";")[0].strip().lower()
    if name not in _DECODERS:
        raise PayloadError(f"the answer is {content_type!r}, which cannot be read; {_CHOICE}")
    try:
        return _DECODERS[name](body)
    except (ValueError, EOFError, RecursionError) as error:
        raise PayloadError(f"the answer is not {name} as it says: {error}") from None


def _to_json(rows: NDArray[Any]) -> bytes:
    return _dumps({"instances": rows.tolist()})


def _to_json_lines(rows: NDArray[Any]) -> bytes:
    return b"".join(_dumps(row) + b"\n" for row in rows.tolist())


def _dumps(value: Any) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode()
    except ValueError:
        raise PayloadError("a row holds NaN or infinity, which JSON cannot carry") from None


def _to_csv(rows: NDArray[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows.tolist())
    return text.getvalue().encode()


def _to_npy(rows: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, rows, allow_pickle=False)
    return stream.getvalue()


def _from_json_lines(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.decode().splitlines()]


def _from_csv(body: bytes) -> list[list[float | str]]:
    rows: Sequence[Sequence[str]] = list(csv.reader(io.StringIO(body.decode(), newline="")))
    return [[_number(cell) for cell in row] for row in rows]


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _from_npy(body: bytes) -> NDArray[Any]:
    # An endpoint is no reason to run what a pickle holds.
    array: NDArray[Any] = np.load(io.BytesIO(body), allow_pickle=False)
    return array


_ENCODERS: dict[str, Callable[[NDArray[Any]], bytes]] = {
    JSON: _to_json,
    JSON_LINES: _to_json_lines,
    CSV: _to_csv,
    NPY: _to_npy,
}
_DECODERS: dict[str, Callable[[bytes], Any]] = {
    JSON: json.loads,
    JSON_LINES: _from_json_lines,
    CSV: _from_csv,
    NPY: _from_npy,
}
_CHOICE = f"choose one of {', '.join(_ENCODERS)}"
