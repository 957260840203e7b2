"""AWS's scikit-learn image: what Flask makes of a handler, and the formats of `encoders`.

Source: `serving.py` of sagemaker-scikit-learn-container, `_transformer.py` and `_worker.py` of
sagemaker-containers.
"""

from __future__ import annotations

import json
from typing import Any

from werkzeug import exceptions
from werkzeug.wrappers import Response

from local_cloud.container import encoders
from local_cloud.container.image import Image


def _predict(data: Any, model: Any) -> Any:
    return model.predict(data)


def _output(prediction: Any, accept: str) -> tuple[str | bytes, str]:
    return encoders.encode(prediction, accept), accept


def _response(result: Any, accept: str) -> Response:
    """Make a response of what a handler returned, as Flask and the container do."""
    del accept
    if isinstance(result, Response):
        return result
    if isinstance(result, tuple):
        return Response(result[0], mimetype=result[1] or encoders.JSON)
    if isinstance(result, str | bytes):
        return Response(result, mimetype="text/html")
    if isinstance(result, dict | list):
        text = json.dumps(result, sort_keys=True, separators=(",", ":"))
        return Response(f"{text}\n", mimetype=encoders.JSON)
    raise TypeError(
        f"the handler returned {type(result).__name__}; "
        "return (body, content type), str, bytes or a flask.Response"
    )


def _failure(error: Exception) -> Response:
    """Make a 500 that tells nothing of the exception."""
    del error
    return exceptions.InternalServerError().get_response()


SKLEARN = Image(
    # The words are AWS's, which are those of importlib.import_module(None).
    without_program=AttributeError(
        "'NoneType' object has no attribute 'startswith' (SAGEMAKER_PROGRAM is not set in the "
        "Model's environment: set it to the file's name, such as inference.py)"
    ),
    default_content_type=encoders.JSON,
    decoding_errors="replace",
    input_fn=encoders.decode,
    predict_fn=_predict,
    output_fn=_output,
    response=_response,
    failure=_failure,
)
