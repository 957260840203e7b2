"""The handler: how SageMaker's XGBoost container loads the model and answers a request.

The container calls model_fn once in each process, and transform_fn for each request. formats.py has
the formats of requests and answers. A flask.Response answers a bad request; everything else becomes
an HTML page with status 500, as in the scikit-learn container
(https://github.com/aws/sagemaker-xgboost-container, serving.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost
from flask import Response

from formats import ENCODERS, JSON, Features, Probabilities, RequestError, choose_accept, read_rows


@dataclass(frozen=True)
class Model:
    """A classifier of two classes, with the names of its features and classes."""

    booster: xgboost.Booster
    feature_names: list[str]
    classes: list[str]

    def probabilities(self, features: Features) -> Probabilities:
        """Return the probability of each class, shape (rows, 2); NaN is a missing value."""
        # Without a DMatrix: making one takes longer than the prediction for a small request.
        second = self.booster.inplace_predict(features).astype(np.float64)
        return np.column_stack([1 - second, second])


def model_fn(model_dir: str) -> Model:
    """Load the model that metadata.json describes. Raises ValueError if the file is another one."""
    folder = Path(model_dir)
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    file, expected = metadata["model"]["file"], metadata["model"]["sha256"]
    saved = (folder / file).read_bytes()
    found = hashlib.sha256(saved).hexdigest()
    if found != expected:
        raise ValueError(
            f"{file} has the SHA-256 {found}, but metadata.json says {expected}; "
            "train again, so that both files come from the same run"
        )
    booster = xgboost.Booster()
    booster.load_model(bytearray(saved))
    return Model(booster, metadata["feature_names"], metadata["classes"])


def transform_fn(model: Model, body: str | bytes, content_type: str, accept: str) -> Response:
    """Answer one request.

    The status is 200. It is 400 for a body that cannot be read, 406 for a format that no answer has
    and 415 for an unknown content type; then the body is JSON with "error".
    """
    try:
        answer_type = choose_accept(accept)
        features = read_rows(body, content_type, model.feature_names)
    except RequestError as error:
        return Response(json.dumps({"error": str(error)}), error.status, content_type=JSON)
    answer = ENCODERS[answer_type](model.probabilities(features), model.classes)
    return Response(answer, 200, content_type=answer_type)
