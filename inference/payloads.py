"""The client's formats: rows become the body of a request, and an answer's body becomes values."""

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
    """Return the content type for a file's suffix: .json, .jsonl, .csv or .npy.

    Raises PayloadError for another suffix.
    """
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        known = ", ".join(_SUFFIXES)
        raise PayloadError(
            f"{path}: the suffix is none of {known}; name the format with --content-type"
        ) from None


def encode(rows: ArrayLike, content_type: str = JSON) -> bytes:
    """Write rows of numbers, shape (rows, features), as a request body.

    Raises PayloadError for another shape, for values that are not numbers, and for a content type
    that is not one of the four.
    """
    if content_type not in _ENCODERS:
        raise PayloadError(f"rows cannot be sent as {content_type!r}; {_CHOICE}")
    try:
        array = np.asarray(rows)
    except ValueError as error:
        raise PayloadError(
            f"the rows are not a table: {error}; send numbers in the shape (rows, features)"
        ) from None
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise PayloadError(
            f"the rows have the shape {array.shape} and the type {array.dtype}; "
            "send numbers in the shape (rows, features)"
        )
    return _ENCODERS[content_type](array)


def decode(body: bytes, content_type: str) -> Any:
    """Read an answer: JSON as its value, JSON Lines as a list of values, CSV as a list of rows of
    text and numbers, NPY as an array.

    Raises PayloadError if the body does not have the format of its content type, or if the content
    type is not one of the four.
    """
    name = content_type.partition(";")[0].strip().lower()
    if name not in _DECODERS:
        raise PayloadError(f"an answer in {content_type!r} cannot be read; {_CHOICE} with accept")
    try:
        return _DECODERS[name](body)
    except (ValueError, EOFError, RecursionError) as error:
        raise PayloadError(f"the answer says that it is {name}, but it is not: {error}") from None


def _to_json(rows: NDArray[Any]) -> bytes:
    return _dumps({"instances": rows.tolist()})


def _to_json_lines(rows: NDArray[Any]) -> bytes:
    return b"".join(_dumps(row) + b"\n" for row in rows.tolist())


def _dumps(value: Any) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode()
    except ValueError:
        raise PayloadError(
            f"a row has NaN or infinity, which JSON cannot write; send {CSV} or {NPY}"
        ) from None


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
    # An answer must never run the code in a pickle.
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
