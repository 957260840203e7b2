"""The formats: requests have rows of numbers, answers have classes and their probabilities.

A value may be missing: null in JSON, an empty cell in CSV, NaN in NPY.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

JSON, JSON_LINES = "application/json", "application/jsonlines"
CSV, NPY = "text/csv", "application/x-npy"

Features = NDArray[np.float32]
"""Shape (rows, features), NaN where a value is missing; XGBoost computes in float32."""

Probabilities = NDArray[np.float64]
"""Shape (rows, classes)."""


class RequestError(Exception):
    """A request that cannot be answered: an HTTP status, and the problem."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


def choose_accept(accept: str) -> str:
    """Return the first content type in Accept that is one of ours.

    Raises RequestError, 406, if Accept names none of ours.
    """
    for choice in (accept or "*/*").split(","):
        name = choice.partition(";")[0].strip().lower()
        for ours in ENCODERS:
            if name in (ours, "*/*"):
                return ours
    raise RequestError(406, f"Accept is {accept!r}; this model answers in {', '.join(ENCODERS)}")


def read_rows(body: str | bytes, content_type: str, feature_names: list[str]) -> Features:
    """Decode a body into features.

    Raises RequestError: 415 for an unknown content type, 400 for a body without rows, or with
    rows that do not fit the model's features.
    """
    name = content_type.partition(";")[0].strip().lower()
    if name not in DECODERS:
        raise RequestError(
            415, f"Content-Type is {content_type!r}; this model reads {', '.join(DECODERS)}"
        )
    table = DECODERS[name](body)
    columns = len(feature_names)
    if table.ndim != 2 or not len(table) or table.shape[1] != columns:
        raise RequestError(
            400,
            f"the rows have the shape {table.shape}; send (rows, {columns}), with "
            f"{', '.join(feature_names)}",
        )
    with np.errstate(over="ignore"):
        features = table.astype(np.float32)
    if np.isinf(features).any():
        row, column = np.argwhere(np.isinf(features))[0]
        raise RequestError(
            400,
            f"row {row + 1}: {feature_names[column]} is {table[row, column]}; "
            "send a number within float32's range, or leave the value out if it is missing",
        )
    return features


def from_json(body: str | bytes) -> NDArray[np.float64]:
    """Decode {"instances": [[1.5, null, ...], ...]} or [[1.5, null, ...], ...]."""
    document = _json(_text(body), "the body")
    rows = document.get("instances") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise RequestError(400, 'send {"instances": [[...], ...]} or [[...], ...]')
    return _table(rows)


def from_json_lines(body: str | bytes) -> NDArray[np.float64]:
    """Decode lines, each with a JSON list of numbers."""
    lines = enumerate(_text(body).splitlines(), 1)
    return _table([_json(line, f"row {number}") for number, line in lines])


def from_csv(body: str | bytes) -> NDArray[np.float64]:
    """Decode lines of comma-separated numbers, without a header."""
    return _table([[_cell(cell) for cell in line.split(",")] for line in _text(body).splitlines()])


def from_npy(body: str | bytes) -> NDArray[np.float64]:
    """Decode NumPy's own format with any real type. Objects are refused, never unpickled."""
    stream = io.BytesIO(body.encode() if isinstance(body, str) else body)
    try:
        array = np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as error:  # NumPy raises many kinds of errors for another format
        raise RequestError(400, f"the body is not NPY: {error}") from None
    if array.dtype.kind not in "fiu":
        raise RequestError(
            400, f"the array has the type {array.dtype}; send numbers, such as float64"
        )
    with np.errstate(over="ignore"):
        return np.asarray(array, dtype=np.float64)


def to_json(probabilities: Probabilities, classes: list[str]) -> str:
    """Encode {"predictions": [class, ...], "probabilities": [{class: probability, ...}, ...]}."""
    answers = [*_answers(probabilities, classes)]
    return json.dumps(
        {
            "predictions": [prediction for prediction, _ in answers],
            "probabilities": [by_class for _, by_class in answers],
        }
    )


def to_json_lines(probabilities: Probabilities, classes: list[str]) -> str:
    """Encode {"prediction": class, "probabilities": {class: probability, ...}}, one row a line."""
    return "".join(
        json.dumps({"prediction": prediction, "probabilities": by_class}) + "\n"
        for prediction, by_class in _answers(probabilities, classes)
    )


def to_csv(probabilities: Probabilities, classes: list[str]) -> str:
    """Encode lines with the class and the probability of each class, without a header."""
    return "".join(
        ",".join([prediction, *map(repr, by_class.values())]) + "\n"
        for prediction, by_class in _answers(probabilities, classes)
    )


def to_npy(probabilities: Probabilities, classes: list[str]) -> bytes:  # noqa: ARG001 - has no place for names
    """Encode the probabilities, shape (rows, classes), float64."""
    stream = io.BytesIO()
    np.save(stream, probabilities)
    return stream.getvalue()


DECODERS: dict[str, Callable[[str | bytes], NDArray[np.float64]]] = {
    JSON: from_json,
    JSON_LINES: from_json_lines,
    CSV: from_csv,
    NPY: from_npy,
}
"""The formats of requests."""

ENCODERS: dict[str, Callable[[Probabilities, list[str]], str | bytes]] = {
    JSON: to_json,
    JSON_LINES: to_json_lines,
    CSV: to_csv,
    NPY: to_npy,
}
"""The formats of answers; the first is the default."""


def _answers(
    probabilities: Probabilities, classes: list[str]
) -> Iterable[tuple[str, dict[str, float]]]:
    """Yield each row's class, and the probability of each class."""
    for row in probabilities.tolist():
        yield classes[row.index(max(row))], dict(zip(classes, row, strict=True))


def _text(body: str | bytes) -> str:
    # The container passes text only if the content type has no parameter, such as charset.
    try:
        return body if isinstance(body, str) else body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8: {error}") from None


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"{where} is not JSON: {error}") from None


def _cell(text: str) -> float | str | None:
    try:
        return float(text.replace("_", "x")) if text.strip() else None  # float() reads 1_0 as 10
    except ValueError:
        return text


def _table(rows: list[Any]) -> NDArray[np.float64]:
    """Turn rows of numbers into an array; None stands for a missing number."""
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list):
            raise RequestError(
                400, f"row {number} is {_short(row)}; send each row as a list of numbers"
            )
        if len(row) != len(rows[0]):
            raise RequestError(
                400, f"row {number} has {len(row)} values, but row 1 has {len(rows[0])}"
            )
        for column, value in enumerate(row, 1):
            # For Python a boolean is an int, but not for callers.
            if value is not None and type(value) not in (int, float):
                raise RequestError(
                    400, f"row {number}, value {column} is {_short(value)}, not a number"
                )
    try:
        return np.array(rows, dtype=np.float64)  # None becomes NaN
    except OverflowError:
        raise RequestError(400, "a number is too large for float64") from None


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
