"""AWS's XGBoost image in script mode: requests become a DMatrix, and there is no Flask.

A `flask.Response` is nothing that it can send. The way to a status of one's own is to raise one of
the errors of `sagemaker_inference`, which the image has. RecordIO-Protobuf is not read here.
Source: `handler_service.py` and `encoder.py` of sagemaker-xgboost-container as in 3.2-0,
`transformer.py` of sagemaker-inference 1.5.5, `otf_message_handler.py` of multi-model-server 1.1.2.
"""

from __future__ import annotations

import csv
import json
import sys
import traceback
from typing import Any

from werkzeug.wrappers import Response

from local_cloud.container import encoders
from local_cloud.container.image import Image

_LIBSVM = frozenset({"text/libsvm", "text/x-libsvm"})
_SNIFFED_CHARACTERS = 512


def _input(body: str | bytes, content_type: str) -> Any:
    """Decode a body into a DMatrix; raises UnsupportedFormatError, or what is wrong with it."""
    # The user's code may do without.
    import numpy as np
    import xgboost

    text = body if isinstance(body, str) else body.decode()
    media_type = content_type.partition(";")[0].strip()
    if media_type == encoders.CSV:
        return xgboost.DMatrix(np.array(_csv_rows(text)).astype(np.float64))
    if media_type in _LIBSVM:
        return xgboost.DMatrix(np.array(_libsvm_rows(text) or np.empty((0, 0))))
    raise encoders.UnsupportedFormatError(media_type)


def _csv_rows(text: str) -> list[list[str]]:
    """Split lines by the delimiter that the first one seems to have; empty cells are missing.

    As in the image there are neither quotes nor an end of line after the last row.
    """
    lines = text.split("\n")
    sniffed = csv.Sniffer().sniff(lines[0][:_SNIFFED_CHARACTERS]).delimiter
    delimiter = "," if sniffed.isalnum() else sniffed
    return [[cell or "nan" for cell in line.split(delimiter)] for line in lines]


def _libsvm_rows(text: str) -> list[list[float]]:
    """Read `INDEX:VALUE` of each line, the rest being 0; the lowest index tells where they begin.

    A label is skipped. As in the image, rows of which none has an index 0 are counted from 1.
    """
    rows = [
        {int(index): float(value) for index, colon, value in _pairs(line) if colon}
        for line in text.strip().split("\n")
    ]
    indices = [index for row in rows for index in row]
    if not indices:
        return []
    first = 1 if min(indices) >= 1 else 0
    return [[row.get(index, 0.0) for index in range(first, max(indices) + 1)] for row in rows]


def _pairs(line: str) -> list[tuple[str, str, str]]:
    return [token.partition(":") for token in line.split()]


def _predict(data: Any, model: Any) -> Any:
    return model.predict(data, validate_features=False)


def _response(result: Any, accept: str) -> Response:
    """Make a response of what a handler returned, of the accept's type unless it says another."""
    body, content_type = result[:2] if isinstance(result, tuple) else (result, accept)
    if not isinstance(body, str | bytes | bytearray):
        try:
            body = json.dumps(body, indent=2)
        except TypeError:
            traceback.print_exc()
            message = "Unsupported model output data type."
            error = {"code": 503, "type": "InternalServerException", "message": message}
            return Response(json.dumps(error), status=503, mimetype=encoders.JSON)
    return Response(bytes(body) if isinstance(body, bytearray) else body, content_type=content_type)


def _failure(error: Exception) -> Response:
    """Tell all of the exception: its message, then its traceback, as text."""
    status, message = 500, str(error)
    toolkit = sys.modules.get("sagemaker_inference.errors")
    if toolkit and isinstance(error, toolkit.BaseInferenceToolkitError):
        status, message = error.status_code, error.message
    return Response(f"{message}\n{traceback.format_exc()}", status=status)


XGBOOST = Image(
    without_program=NotImplementedError(
        "SAGEMAKER_PROGRAM is not set in the Model's environment: AWS's image would then serve the "
        "model in algorithm mode, which the local cloud does not run; set it to the file's name, "
        "such as inference.py"
    ),
    default_content_type=None,
    decoding_errors="strict",
    input_fn=_input,
    predict_fn=_predict,
    output_fn=encoders.encode,
    response=_response,
    failure=_failure,
)
