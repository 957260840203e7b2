"""What AWS's images have each in their own way: both serve with sagemaker-containers, on Flask.

Source: `serving.py` of sagemaker-scikit-learn-container, and that of sagemaker-xgboost-container
2.0. Both start Multi Model Server, with `handler_service.py`, for multi-model endpoints only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from container import dmatrix, encoders


@dataclass(frozen=True)
class Image:
    """An image's defaults."""

    input_fn: Callable[[str | bytes, str], Any]
    multi_model_input_fn: Callable[[str | bytes, str], Any]
    predict_fn: Callable[[Any, Any], Any]
    environment: Mapping[str, str]
    """What it sets, unless the Model does."""
    without_program: Exception
    """What comes of a Model that does not set SAGEMAKER_PROGRAM."""


def _decode_rows(body: str | bytes, content_type: str) -> Any:
    """Decode a request's body as `handler_service.py` does, to which one row is one too."""
    array = encoders.decode(body, content_type)
    return array.reshape(1, -1) if array.ndim == 1 else array


def _predict(data: Any, model: Any) -> Any:
    return model.predict(data)


def _predict_dmatrix(data: Any, model: Any) -> Any:
    return model.predict(data, validate_features=False)


IMAGES = {
    "sklearn": Image(
        input_fn=encoders.decode,
        multi_model_input_fn=_decode_rows,
        predict_fn=_predict,
        environment={},
        # The words are AWS's, which are those of importlib.import_module(None).
        without_program=AttributeError(
            "'NoneType' object has no attribute 'startswith' (SAGEMAKER_PROGRAM is not set in the "
            "Model's environment: set it to the file's name, such as inference.py)"
        ),
    ),
    "xgboost": Image(
        input_fn=dmatrix.decode,
        multi_model_input_fn=dmatrix.decode,
        predict_fn=_predict_dmatrix,
        # A process for each processor, with a thread each.
        environment={"OMP_NUM_THREADS": "1"},
        without_program=NotImplementedError(
            "SAGEMAKER_PROGRAM is not set in the Model's environment: AWS's image would then serve "
            "the model in algorithm mode, which the local cloud does not run; set it to the file's "
            "name, such as inference.py"
        ),
    ),
}
"""By what is in them, as `--framework` names it."""
