"""The handler of a pipeline's first container: it fills the gaps in rows of numbers.

Its answer is the request to the next container, so it is always JSON: only the last container
answers in the format that Accept names.
"""

from __future__ import annotations

import json
from pathlib import Path
from sys import float_info
from typing import Any

from flask import Response

JSON, CSV = "application/json", "text/csv"


class RequestError(Exception):
    """A request that cannot be answered: an HTTP status, and the problem."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


def model_fn(model_dir: str) -> list[float]:
    """Load the medians, which replace missing values."""
    metadata = json.loads((Path(model_dir) / "metadata.json").read_text(encoding="utf-8"))
    medians: list[float] = metadata["medians"]
    return medians


def transform_fn(
    medians: list[float],
    body: str | bytes,
    content_type: str,
    accept: str,  # noqa: ARG001 - see above
) -> Response:
    """Answer one request with {"instances": [[...], ...]}.

    The status is 200. It is 400 for a body that cannot be read and 415 for an unknown content type;
    then the pipeline ends, and the body is JSON with "error".
    """
    try:
        rows = [_filled(row, number, medians) for number, row in _numbered(body, content_type)]
    except RequestError as error:
        return Response(json.dumps({"error": str(error)}), error.status, content_type=JSON)
    return Response(json.dumps({"instances": rows}), 200, content_type=JSON)


def _numbered(body: str | bytes, content_type: str) -> enumerate[Any]:
    """Decode {"instances": [[1.5, null], ...]}, [[1.5, null], ...] or CSV with empty cells."""
    # The container passes text only if the content type has no parameter, such as charset.
    try:
        text = body if isinstance(body, str) else body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8: {error}") from None
    name = content_type.partition(";")[0].strip().lower()
    if name == CSV:
        lines = (line for line in text.splitlines() if line.strip())
        return enumerate(([_cell(cell.strip()) for cell in line.split(",")] for line in lines), 1)
    if name != JSON:
        raise RequestError(415, f"Content-Type is {content_type!r}; this model reads {JSON}, {CSV}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the body is not JSON: {error}") from None
    rows = document.get("instances") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise RequestError(400, 'send {"instances": [[...], ...]} or [[...], ...]')
    return enumerate(rows, 1)


def _cell(text: str) -> float | str | None:
    try:
        return float(text) if text else None
    except ValueError:
        return text


def _filled(row: Any, number: int, medians: list[float]) -> list[float]:
    if not isinstance(row, list) or len(row) != len(medians):
        raise RequestError(400, f"row {number} is not a list of {len(medians)} values")
    for value in row:
        if value is not None and not _is_number(value):
            raise RequestError(400, f"row {number} has {json.dumps(value)[:40]}, not a number")
    return [median if value is None else value for value, median in zip(row, medians, strict=True)]


def _is_number(value: Any) -> bool:
    # For Python a boolean is an int, but not for callers. JSON has no NaN.
    return type(value) in (int, float) and abs(value) <= float_info.max
