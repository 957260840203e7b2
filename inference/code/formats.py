"""The formats: requests have rows of numbers, answers have classes and their probabilities.

A request is JSON ({"instances": [[...], ...]} or only the list of rows), JSON Lines (one row a
line), CSV (without a header) or NPY. An answer is JSON, JSON Lines, CSV or NPY.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

JSON, JSON_LINES = "application/json", "application/jsonlines"
CSV, NPY = "text/csv", "application/x-npy"

Features = NDArray[np.float64]
"""Shape (rows, features)."""

Probabilities = NDArray[np.float64]
"""Shape (rows, classes)."""

_LARGEST = float(np.finfo(np.float32).max)
"""Many of scikit-learn's estimators compute in float32 and fail on larger numbers."""


class RequestError(Exception):
    """A request that cannot be answered: its HTTP status, problem and row, counted from 1."""

    def __init__(self, status: int, problem: str, row: int | None = None) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem
        self.row = row


def choose_accept(accept: str | None) -> str:
    """Return the content type of the answer: the one that Accept prefers among ours.

    Raises RequestError, 406, if Accept names none of ours.
    """
    wanted: list[tuple[float, int, str]] = []
    for position, choice in enumerate((accept or "*/*").split(",")):
        name, *parameters = (part.strip().lower() for part in choice.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            wanted.append((-float(quality), position, name))
        except ValueError:
            raise RequestError(406, f"Accept is {accept!r}: {quality!r} is not a number") from None
    for negative_quality, _, name in sorted(wanted):
        if negative_quality < 0:
            for ours in ENCODERS:
                if name in (ours, "*/*", f"{ours.partition('/')[0]}/*"):
                    return ours
    raise RequestError(406, f"Accept is {accept!r}; this model answers in {', '.join(ENCODERS)}")


def read_features(body: str | bytes, content_type: str, feature_names: list[str]) -> Features:
    """Decode a body into features, shape (rows, features), float64, all within float32's range.

    Raises RequestError: 415 for an unknown content type, 400 for a body without rows, or with
    rows that do not fit the model's features.
    """
    name = content_type.partition(";")[0].strip().lower()
    if name not in DECODERS:
        raise RequestError(
            415, f"Content-Type is {content_type!r}; this model reads {', '.join(DECODERS)}"
        )
    features = DECODERS[name](body)
    if features.ndim != 2:
        raise RequestError(
            400, f"the array has the shape {features.shape}; send (rows, {len(feature_names)})"
        )
    rows, columns = features.shape
    if rows == 0:
        raise RequestError(400, "the body has no rows; send at least one")
    if columns != len(feature_names):
        raise RequestError(
            400,
            f"row 1 has {columns} values; the model takes {len(feature_names)}: "
            + ", ".join(feature_names),
            row=1,
        )
    usable = np.abs(features) <= _LARGEST  # False for NaN, too
    if not usable.all():
        row, column = np.argwhere(~usable)[0]
        raise RequestError(
            400,
            f"row {row + 1}: {feature_names[column]} is {features[row, column]}; "
            f"send a number between -{_LARGEST:.3g} and {_LARGEST:.3g}",
            row=int(row) + 1,
        )
    return features


def from_json(body: str | bytes) -> Features:
    """Decode {"instances": [[1.5, ...], ...]} or [[1.5, ...], ...]."""
    text = _text(body)
    document = _json(text)
    if isinstance(document, dict):
        if set(document) != {"instances"}:
            keys = ", ".join(map(repr, document)) or "no key"
            raise RequestError(400, f'the object has {keys}; send {{"instances": [[...], ...]}}')
        document = document["instances"]
    if not isinstance(document, list):
        raise RequestError(400, 'send {"instances": [[...], ...]} or [[...], ...]')
    return _array(document, text)


def from_json_lines(body: str | bytes) -> Features:
    """Decode lines, each with a JSON list of numbers."""
    text = _text(body)
    return _array([_json(line, row) for row, line in enumerate(text.splitlines(), 1)], text)


def from_csv(body: str | bytes) -> Features:
    """Decode lines of comma-separated numbers, without a header."""
    lines = _text(body).splitlines()
    if not lines:
        return np.empty((0, 0))
    try:
        if all(lines):  # loadtxt skips empty lines
            return np.loadtxt(lines, delimiter=",", ndmin=2, comments=None)
    except ValueError:
        pass
    raise _bad_row([[_number(cell) for cell in line.split(",")] for line in lines])


def from_npy(body: str | bytes) -> Features:
    """Decode NumPy's own format with any real type. Objects are refused, never unpickled."""
    if isinstance(body, str):
        raise RequestError(400, "the body is text, not NPY")
    try:
        array = _npy_view(body)
    except RequestError:
        raise
    except Exception as error:  # NumPy raises many kinds of errors for a bad header
        reason = str(error) or type(error).__name__
        raise RequestError(400, f"the body is not NPY: {reason}") from None
    with np.errstate(over="ignore"):  # infinite results are refused later, with their row
        return array.astype(np.float64)


def to_json(probabilities: Probabilities, classes: list[str]) -> str:
    """Encode {"predictions": [class, ...], "probabilities": [{class: probability, ...}, ...]}."""
    return json.dumps(
        {
            "predictions": _predictions(probabilities, classes),
            "probabilities": [
                dict(zip(classes, row, strict=True)) for row in probabilities.tolist()
            ],
        }
    )


def to_json_lines(probabilities: Probabilities, classes: list[str]) -> str:
    """Encode {"prediction": class, "probabilities": {class: probability, ...}}, one row a line."""
    return "".join(
        json.dumps(
            {"prediction": prediction, "probabilities": dict(zip(classes, row, strict=True))}
        )
        + "\n"
        for prediction, row in zip(
            _predictions(probabilities, classes), probabilities.tolist(), strict=True
        )
    )


def to_csv(probabilities: Probabilities, classes: list[str]) -> str:
    """Encode lines with the class and the probability of each class, without a header."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [prediction, *row]
        for prediction, row in zip(
            _predictions(probabilities, classes), probabilities.tolist(), strict=True
        )
    )
    return text.getvalue()


def to_npy(probabilities: Probabilities, classes: list[str]) -> bytes:  # noqa: ARG001 - has no place for names
    """Encode the probabilities, shape (rows, classes), float64."""
    stream = io.BytesIO()
    np.save(stream, probabilities)
    return stream.getvalue()


DECODERS: dict[str, Callable[[str | bytes], Features]] = {
    JSON: from_json,
    JSON_LINES: from_json_lines,
    CSV: from_csv,
    NPY: from_npy,
}
"""The formats of requests; the first is the default."""

ENCODERS: dict[str, Callable[[Probabilities, list[str]], str | bytes]] = {
    JSON: to_json,
    JSON_LINES: to_json_lines,
    CSV: to_csv,
    NPY: to_npy,
}
"""The formats of answers; the first is the default."""


def _predictions(probabilities: Probabilities, classes: list[str]) -> list[str]:
    return [classes[best] for best in probabilities.argmax(axis=1)]


def _text(body: str | bytes) -> str:
    # The container passes text only if the content type has no parameter, such as charset.
    if isinstance(body, str):
        return body
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8: {error}") from None


def _npy_view(body: bytes) -> NDArray[Any]:
    """Read NPY in place. A header may claim any size, so no memory is allocated for it."""
    stream = io.BytesIO(body)
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, fortran_order, dtype = read_header(stream)
    if dtype.kind not in "fiu":
        raise RequestError(400, f"the array has the type {dtype}; send numbers, such as float64")
    expected, found = math.prod(shape) * dtype.itemsize, len(body) - stream.tell()
    if expected != found:
        raise RequestError(
            400, f"an array of {dtype} in the shape {shape} has {expected} bytes, not {found}"
        )
    order: Literal["F", "C"] = "F" if fortran_order else "C"
    return np.ndarray(shape, dtype, body, stream.tell(), order=order)


def _json(text: str, row: int | None = None) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f"row {row}" if row else "the body"
        raise RequestError(400, f"{where} is not JSON: {error}", row) from None


def _array(rows: list[Any], text: str) -> Features:
    """Turn rows of numbers into an array; text is the body that they come from."""
    if not rows:
        return np.empty((0, 0))
    try:
        array = np.array(rows)
    except (ValueError, OverflowError):
        raise _bad_row(rows) from None
    # Among numbers, NumPy reads true as 1.0.
    booleans = "true" in text or "false" in text
    if array.ndim != 2 or array.dtype.kind not in "fiu" or booleans:
        raise _bad_row(rows)
    return array.astype(np.float64)


def _number(cell: str) -> float | str:
    try:
        return float(cell.replace("_", "x"))  # float() reads 1_0 as 10
    except ValueError:
        return cell


def _bad_row(rows: list[Any]) -> RequestError:
    """Return the problem of rows that are not an array of numbers."""
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list):
            problem = f"row {number} is {_short(row)}; send each row as a list of numbers"
            return RequestError(400, problem, number)
        for column, value in enumerate(row, 1):
            if isinstance(value, bool) or not isinstance(value, int | float):
                problem = f"row {number}, value {column} is {_short(value)}, not a number"
                return RequestError(400, problem, number)
            if abs(value) > _LARGEST:
                problem = f"row {number}, value {column} is too large; the limit is {_LARGEST:.3g}"
                return RequestError(400, problem, number)
        if len(row) != len(rows[0]):
            problem = f"row {number} has {len(row)} values, but row 1 has {len(rows[0])}"
            return RequestError(400, problem, number)
    return RequestError(400, "the rows are not a table of numbers")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
