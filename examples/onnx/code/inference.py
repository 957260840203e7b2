"""The handler: how SageMaker's scikit-learn container serves an ONNX model with onnxruntime.

The container calls model_fn once in each process, and transform_fn for each request. A request has
images as JSON ({"instances": [[pixel, ...], ...]} or only the list of rows) or NPY; the answer is
JSON or NPY. A flask.Response answers a bad request: with AWS's image, everything else becomes an
HTML page with status 500.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from flask import Response
from numpy.typing import NDArray

JSON, NPY = "application/json", "application/x-npy"

Images = NDArray[np.float32]
"""Shape (rows, pixels)."""

Probabilities = NDArray[np.float32]
"""Shape (rows, classes)."""


class RequestError(Exception):
    """A request that cannot be answered: an HTTP status, and the problem."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


@dataclass(frozen=True)
class Model:
    """A session, the form of its input, and the names of its classes."""

    session: onnxruntime.InferenceSession
    pixels: int
    largest_pixel: float
    classes: list[str]


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
    options = onnxruntime.SessionOptions()
    # One thread: the container runs one process for each processor of the instance, and more
    # threads would only compete for the processors.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(saved, options, providers=["CPUExecutionProvider"])
    return Model(
        session,
        session.get_inputs()[0].shape[1],
        metadata["largest_pixel"],
        metadata["classes"],
    )


def transform_fn(model: Model, body: str | bytes, content_type: str, accept: str) -> Response:
    """Answer one request.

    The status is 200. It is 400 for a body that cannot be read, 406 for a format that no answer has
    and 415 for an unknown content type; then the body is JSON with "error".
    """
    try:
        answer_type = choose_accept(accept)
        images = read_images(body, content_type, model)
    except RequestError as error:
        return Response(json.dumps({"error": str(error)}), error.status, content_type=JSON)
    (probabilities,) = model.session.run(["probabilities"], {"pixels": images})
    answer = ENCODERS[answer_type](probabilities, model.classes)
    return Response(answer, 200, content_type=answer_type)


def choose_accept(accept: str) -> str:
    """Return the first content type in Accept that is one of ours.

    Raises RequestError, 406, if Accept names none of ours.
    """
    for choice in (accept or "*/*").split(","):
        name = choice.partition(";")[0].strip().lower()
        for ours in ENCODERS:
            if name in (ours, "*/*"):
                return ours
    raise RequestError(406, f"Accept is {accept!r}; this model answers in {', '.join(ENCODERS)}")


def read_images(body: str | bytes, content_type: str, model: Model) -> Images:
    """Decode a body into images.

    Raises RequestError: 415 for an unknown content type, 400 for a body without rows, or with rows
    that have a wrong number of pixels, or pixels outside the model's range.
    """
    name = content_type.partition(";")[0].strip().lower()
    if name not in DECODERS:
        raise RequestError(
            415, f"Content-Type is {content_type!r}; this model reads {', '.join(DECODERS)}"
        )
    images = DECODERS[name](body)
    if images.ndim != 2 or not len(images) or images.shape[1] != model.pixels:
        raise RequestError(
            400, f"the images have the shape {images.shape}; send (rows, {model.pixels})"
        )
    usable = (images >= 0) & (images <= model.largest_pixel)  # False for NaN, too
    if not usable.all():
        row, pixel = np.argwhere(~usable)[0]
        raise RequestError(
            400,
            f"row {row + 1}, pixel {pixel + 1} is {images[row, pixel]}; "
            f"send a number from 0 to {model.largest_pixel:g}",
        )
    return images.astype(np.float32)


def from_json(body: str | bytes) -> NDArray[Any]:
    """Decode {"instances": [[0, 5, ...], ...]} or [[0, 5, ...], ...]."""
    try:
        text = body if isinstance(body, str) else body.decode("utf-8-sig")
        document = json.loads(text)
        rows = document.get("instances") if isinstance(document, dict) else document
        images = np.array(rows)
    except (ValueError, OverflowError, RecursionError) as error:
        raise RequestError(400, f"the body has no rows of numbers in JSON: {error}") from None
    if "true" in text or "false" in text:  # among numbers, NumPy reads them as 1 and 0
        raise RequestError(400, "the rows have true or false; send numbers")
    return _numbers(images)


def from_npy(body: str | bytes) -> NDArray[Any]:
    """Decode NumPy's own format with any real type. Objects are refused, never unpickled."""
    stream = io.BytesIO(body.encode() if isinstance(body, str) else body)
    try:
        images = np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as error:  # NumPy raises many kinds of errors for another format
        raise RequestError(400, f"the body is not NPY: {error}") from None
    return _numbers(images)


def to_json(probabilities: Probabilities, classes: list[str]) -> str:
    """Encode {"predictions": [class, ...], "probabilities": [{class: probability, ...}, ...]}."""
    return json.dumps(
        {
            "predictions": [classes[best] for best in probabilities.argmax(axis=1)],
            "probabilities": [
                dict(zip(classes, row, strict=True)) for row in probabilities.tolist()
            ],
        }
    )


def to_npy(probabilities: Probabilities, classes: list[str]) -> bytes:  # noqa: ARG001 - has no place for names
    """Encode the probabilities, shape (rows, classes), float32."""
    stream = io.BytesIO()
    np.save(stream, probabilities)
    return stream.getvalue()


DECODERS: dict[str, Callable[[str | bytes], NDArray[Any]]] = {JSON: from_json, NPY: from_npy}
"""The formats of requests."""

ENCODERS: dict[str, Callable[[Probabilities, list[str]], str | bytes]] = {
    JSON: to_json,
    NPY: to_npy,
}
"""The formats of answers; the first is the default."""


def _numbers(images: NDArray[Any]) -> NDArray[Any]:
    if images.dtype.kind not in "fiu":
        raise RequestError(400, f"the rows have the type {images.dtype}; send numbers")
    return images
