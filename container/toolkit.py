"""The part of sagemaker-inference in AWS's images that handlers import: its exceptions.

In a container of several models, every error of a handler is a 503 unless it raises one of these.
Source: `errors.py` of sagemaker-inference-toolkit.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_PACKAGE = "sagemaker_inference"


class BaseInferenceToolkitError(Exception):
    """An error with a status, a message for the caller, and a phrase for the status line."""

    def __init__(self, status_code: int, message: str, phrase: str) -> None:
        self.status_code, self.message, self.phrase = status_code, message, phrase
        super().__init__(status_code, message, phrase)


class GenericInferenceToolkitError(BaseInferenceToolkitError):
    """The same; without a phrase, the message is the phrase."""

    def __init__(
        self, status_code: int, message: str | None = None, phrase: str | None = None
    ) -> None:
        message = message or "Invalid Request"
        super().__init__(status_code, message, phrase or message)


def provide() -> None:
    """Let a handler find the exceptions where the images have them, unless they are installed."""
    if _PACKAGE in sys.modules or find_spec(_PACKAGE) is not None:
        return
    package: Any = ModuleType(_PACKAGE)
    package.__path__ = []
    errors: Any = ModuleType(f"{_PACKAGE}.errors")
    for error in (BaseInferenceToolkitError, GenericInferenceToolkitError):
        setattr(errors, error.__name__, error)
    package.errors = errors
    sys.modules.update({_PACKAGE: package, f"{_PACKAGE}.errors": errors})
