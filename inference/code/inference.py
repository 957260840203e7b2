"""The handler: how SageMaker's scikit-learn container loads the model and answers a request.

The container calls model_fn once a process and transform_fn once a request; what travels, and in
which formats, is in formats.py. A bad request is answered with a flask.Response: in AWS's image
that is the only way to any status but an HTML page with 500
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
    """A classifier and the names of what goes in and comes out of it."""

    classifier: Any
    feature_names: list[str]
    classes: list[str]
    """In the order of predict_proba's columns."""


def model_fn(model_dir: str) -> Model:
    """Load the model that metadata.json describes.

    Raises ValueError where the file is not the one described: a pickle runs code when it is
    loaded, so it is checked first.
    """
    folder = Path(model_dir)
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    file, expected = metadata["model"]["file"], metadata["model"]["sha256"]
    pickled = (folder / file).read_bytes()
    found = hashlib.sha256(pickled).hexdigest()
    if found != expected:
        raise ValueError(
            f"{file} has the SHA-256 {found}, but metadata.json says {expected}; "
            "train again, so that both files are of one run"
        )
    return Model(joblib.load(io.BytesIO(pickled)), metadata["feature_names"], metadata["classes"])


def transform_fn(model: Model, body: str | bytes, content_type: str, accept: str) -> Response:
    """Answer one request.

    The status is 200, or 400 for a body that cannot be read, 406 for an answer that cannot be
    given as asked, 415 for a content type that is not known; then the body is JSON with "error"
    and, where it is about one, "row".
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
