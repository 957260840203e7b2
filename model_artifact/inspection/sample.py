"""The sample request, in each format for rows of numbers."""

from __future__ import annotations

import ast
import csv
import io
import json
from collections.abc import Callable, Iterable

JSON, JSON_LINES = "application/json", "application/jsonlines"
CSV, NPY = "text/csv", "application/x-npy"

Rows = list[list[float | None]]
"""None stands for a missing value."""


def rows_of(sample: bytes) -> Rows | None:
    """Return the rows of {"instances": [[...], ...]} or [[...], ...], if they are numbers or null.

    Raises ValueError if the sample is not JSON.
    """
    document = json.loads(sample)
    rows = document.get("instances") if isinstance(document, dict) else document
    if not isinstance(rows, list) or not rows:
        return None
    numbers = all(
        isinstance(row, list)
        and len(row) == len(rows[0])
        and all(type(each) in (int, float, type(None)) for each in row)
        for row in rows
    )
    return rows if numbers else None


def claimed(sources: Iterable[bytes]) -> list[str]:
    """Return those content types of ENCODERS that Python modules name; JSON is always first."""
    named = {JSON}
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        named |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value in ENCODERS
        }
    return [content_type for content_type in ENCODERS if content_type in named]


def _to_json(rows: Rows) -> bytes:
    return json.dumps({"instances": rows}).encode()


def _to_json_lines(rows: Rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _to_csv(rows: Rows) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _to_npy(rows: Rows) -> bytes:
    import numpy as np  # slow: half as long as all other imports of a synth

    stream = io.BytesIO()
    np.save(stream, np.array(rows, np.float64), allow_pickle=False)
    return stream.getvalue()


ENCODERS: dict[str, Callable[[Rows], bytes]] = {
    JSON: _to_json,
    JSON_LINES: _to_json_lines,
    CSV: _to_csv,
    NPY: _to_npy,
}
"""The functions that write rows, by content type."""
