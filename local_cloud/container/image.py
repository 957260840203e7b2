"""What AWS's images have each in their own way, around the functions of the user's code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Response


@dataclass(frozen=True)
class Image:
    """An image's defaults, and how it puts into HTTP what a handler returns or raises."""

    without_program: Exception
    """What comes of a Model that does not set SAGEMAKER_PROGRAM."""
    default_content_type: str | None
    """What a request without a Content-Type is taken for."""
    decoding_errors: str
    """What becomes of bytes that are not UTF-8 in a body that is handed on as str."""
    input_fn: Callable[[str | bytes, str], Any]
    predict_fn: Callable[[Any, Any], Any]
    output_fn: Callable[[Any, str], Any]
    response: Callable[[Any, str], Response]
    """Makes the response of a result, for an accept; what it raises is the handler's failure."""
    failure: Callable[[Exception], Response]
    """Makes the response of an exception, while it is handled."""
