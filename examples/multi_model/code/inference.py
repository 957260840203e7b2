"""The handler of all models: how the container loads a model and answers a request to it.

A container with several models runs another server than a container with one. With this server, a
flask.Response or an exception becomes a 503 without a reason. Only sagemaker-inference's exception
has a status of its own. Its message is also the phrase in the HTTP status line, so it must be one
line of ASCII (https://github.com/aws/sagemaker-scikit-learn-container,
mms_transformer.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sagemaker_inference.errors import BaseInferenceToolkitError

JSON, CSV = "application/json", "text/csv"

_LARGEST = float(np.finfo(np.float32).max)
"""Many of scikit-learn's estimators compute in float32 and fail on larger numbers."""

_PHRASES = {400: "Bad Request", 406: "Not Acceptable", 415: "Unsupported Media Type"}


def model_fn(model_dir: str) -> Any:
    """Load the classifier of the one archive that is unpacked in model_dir.

    A pickle runs code when it is loaded: whoever can write below the prefix can run code here.
    """
    return joblib.load(Path(model_dir) / "model.joblib")


def transform_fn(
    classifier: Any, body: str | bytes, content_type: str | None, accept: str
) -> tuple[str, str]:
    """Answer one request with each row's class, and the probability of each class.

    Raises BaseInferenceToolkitError: 400 for a body that cannot be read, 406 for an Accept without
    JSON, 415 for an unknown content type.
    """
    if not {JSON, "application/*", "*/*"} & {_name(choice) for choice in accept.split(",")}:
        raise _refusal(406, f"Accept is {accept!a}; this model answers in {JSON}")
    rows = _rows(body, content_type or "")
    if not rows:
        raise _refusal(400, "the body has no rows; send at least one")
    for number, row in enumerate(rows, 1):
        _check(row, number, classifier.n_features_in_)
    probabilities = classifier.predict_proba(np.array(rows, dtype=np.float64))
    classes = classifier.classes_.tolist()
    answer = {
        "predictions": [classes[column] for column in probabilities.argmax(axis=1)],
        "probabilities": [dict(zip(classes, row, strict=True)) for row in probabilities.tolist()],
    }
    return json.dumps(answer), JSON


def _rows(body: str | bytes, content_type: str) -> list[Any]:
    """Decode {"instances": [[1.5, ...], ...]}, [[1.5, ...], ...] or CSV without a header."""
    name = _name(content_type)
    if name not in (JSON, CSV):
        raise _refusal(415, f"Content-Type is {content_type!a}; this model reads {JSON}, {CSV}")
    # The container passes text only if the content type has no parameter, such as charset.
    try:
        text = (body if isinstance(body, str) else body.decode("utf-8")).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _refusal(400, f"the body is not UTF-8: {error}") from None
    if name == CSV:
        return [[_cell(cell.strip()) for cell in line.split(",")] for line in text.splitlines()]
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refusal(400, f"the body is not JSON: {error}") from None
    rows = document.get("instances") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise _refusal(400, 'send {"instances": [[...], ...]} or [[...], ...]')
    return rows


def _name(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _cell(text: str) -> float | str:
    try:
        # float() also reads digits of any script, and underscores between digits.
        return float(text) if text.isascii() and "_" not in text else text
    except ValueError:
        return text


def _check(row: Any, number: int, features: int) -> None:
    if not isinstance(row, list):
        raise _refusal(400, f"row {number} is {_shown(row)}, not a list of {features} numbers")
    if len(row) != features:
        raise _refusal(400, f"row {number} has {len(row)} values; this model takes {features}")
    for column, value in enumerate(row, 1):
        # For Python a boolean is an int, but not for callers. No range contains NaN.
        if type(value) not in (int, float) or not abs(value) <= _LARGEST:
            raise _refusal(
                400,
                f"row {number}, value {column} is {_shown(value)}; "
                f"send a number between -{_LARGEST:.3g} and {_LARGEST:.3g}",
            )


def _shown(value: Any) -> str:
    # Without their content, which may be nested too deep for json.dumps.
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return json.dumps(value)[:40]


def _refusal(status: int, problem: str) -> BaseInferenceToolkitError:
    return BaseInferenceToolkitError(status, problem, _PHRASES[status])
