"""The formats that AWS's scikit-learn container reads and writes by default.

Their quirks are kept (float32, a CSV row that becomes one-dimensional), except one: AWS's NPY
decoder unpickles what a caller sends, and this one never does. Source: `_encoders.py` of
sagemaker-containers, `serving.py` of the scikit-learn container.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"

UTF8_TYPES = frozenset({JSON, CSV})
"""A body with exactly one of these content types reaches the handler as str, any other as bytes."""


class UnsupportedFormatError(Exception):
    """A content type that the container does not read, or an accept that it does not write."""

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework. Please implement "
            "input_fn to deserialize the request data or an output_fn to serialize the response."
        )


def decode(body: str | bytes, content_type: str) -> Any:
    """Decode a request's body into an array: float32, or for NPY the dtype of the body.

    Raises UnsupportedFormatError, or ValueError for a body that is not in its format.
    """
    # numpy takes as long to import as all the rest, and the user's handler may not need it.
    import numpy as np

    if content_type == JSON:
        return np.array(json.loads(body)).astype(np.float32)
    if content_type == CSV:
        text = body if isinstance(body, str) else body.decode()
        return (
            np.array(list(csv.reader(io.StringIO(text), strict=True))).squeeze().astype(np.float32)
        )
    if content_type == NPY:
        content = body.encode() if isinstance(body, str) else body
        return np.load(io.BytesIO(content), allow_pickle=False)
    raise UnsupportedFormatError(content_type)


def encode(prediction: Any, accept: str) -> str | bytes:
    """Encode a prediction for the response; raises UnsupportedFormatError."""
    import numpy as np

    if accept == JSON:
        return json.dumps(prediction, default=_plain)
    if accept == CSV:
        array = np.array(prediction)
        rows = array.reshape(-1, 1) if array.ndim == 1 else array
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n", strict=True).writerows(rows)
        return stream.getvalue()
    if accept == NPY:
        buffer = io.BytesIO()
        np.save(buffer, prediction)
        return buffer.getvalue()
    raise UnsupportedFormatError(accept)


def _plain(value: Any) -> Any:
    """Turn numpy's values, which json does not know, into lists and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
