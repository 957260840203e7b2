"""What differs between AWS's images; both serve with sagemaker-containers, on Flask.

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
    """Variables that the image sets, unless the Model sets them."""
    without_program: Exception
    """The error for a Model that does not set SAGEMAKER_PROGRAM."""


def _decode_rows(body: str | bytes, content_type: str) -> Any:
    """Decode a request's body as `handler_service.py` does: one row stays a matrix."""
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
        # The words are AWS's: those of importlib.import_module(None).
        without_program=AttributeError(
            "'NoneType' object has no attribute 'startswith' (SAGEMAKER_PROGRAM is not set in the "
            "Model's environment: set it to the file's name, such as inference.py)"
        ),
    ),
    "xgboost": Image(
        input_fn=dmatrix.decode,
        multi_model_input_fn=dmatrix.decode,
        predict_fn=_predict_dmatrix,
        # AWS's image starts a process for each processor, each with one thread.
        environment={"OMP_NUM_THREADS": "1"},
        without_program=NotImplementedError(
            "SAGEMAKER_PROGRAM is not set in the Model's environment: AWS's image would then serve "
            "the model in algorithm mode, which the local cloud does not run; set it to the file's "
            "name, such as inference.py"
        ),
    ),
}
"""The images by the name of their framework, as `--framework` takes it."""
