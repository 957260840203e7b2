"""The handler: how SageMaker's scikit-learn container loads the model and answers a request.

The container calls model_fn once in each process, and transform_fn for each request. formats.py has
the formats of requests and answers. A flask.Response answers a bad request: with AWS's image,
everything else becomes an HTML page with status 500
(https://github.com/aws/sagemaker-containers, _transformer.py).
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
from flask import Response

from formats import ENCODERS, JSON, RequestError, choose_accept, read_features


@dataclass(frozen=True)
class Model:
    """A classifier, with the names of its features and classes."""

    classifier: Any
    feature_names: list[str]
    classes: list[str]
    """In the order of predict_proba's columns."""


def model_fn(model_dir: str) -> Model:
    """Load the model that metadata.json describes.

    Raises ValueError if metadata.json describes another file. A pickle runs code when it is loaded,
    so the file is checked first.
    """
    folder = Path(model_dir)
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    file, expected = metadata["model"]["file"], metadata["model"]["sha256"]
    pickled = (folder / file).read_bytes()
    found = hashlib.sha256(pickled).hexdigest()
    if found != expected:
        raise ValueError(
            f"{file} has the SHA-256 {found}, but metadata.json says {expected}; "
            "train again, so that both files come from the same run"
        )
    return Model(joblib.load(io.BytesIO(pickled)), metadata["feature_names"], metadata["classes"])


def transform_fn(model: Model, body: str | bytes, content_type: str, accept: str) -> Response:
    """Answer one request.

    The status is 200. It is 400 for a body that cannot be read, 406 for a format that no answer has
    and 415 for an unknown content type; then the body is JSON with "error", and with "row" if the
    error is about one row.
    """
    try:
        answer_type = choose_accept(accept)
        features = read_features(body, content_type, model.feature_names)
    except RequestError as error:
        problem = {"error": error.problem} | ({"row": error.row} if error.row else {})
        return Response(json.dumps(problem), error.status, content_type=JSON)
    probabilities = model.classifier.predict_proba(features)
    return Response(
        ENCODERS[answer_type](probabilities, model.classes), 200, content_type=answer_type
    )
