"""Call a deployed endpoint.

    endpoint = EndpointClient(runtime_client("eu-central-1"), "iris-prod")
    endpoint.predict([[1.2, 2.3, 3.4, 4.5]])

The same lines call the local cloud: boto3 takes an endpoint's URL from the environment.
"""

from __future__ import annotations

import json
import random
import re
import time
import warnings
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ResponseStreamingError,
)
from numpy.typing import ArrayLike

from inference.errors import (
    InvocationError,
    ModelFailedError,
    PayloadError,
    RefusedError,
    UnavailableError,
)
from inference.payloads import JSON, decode, encode

SAFE_BODY_BYTES = 6 * 1024**2
"""The limit for a real-time request in every source (botocore 1.44.5, BodyBlob)."""

LARGEST_BODY_BYTES = 25 * 1024**2
"""The limit in the SageMaker hosting FAQ; not proven for every region."""

# An answer takes at most 60 s (SageMaker API reference, InvokeEndpoint). A client that gives up
# earlier pays for an answer that it never sees.
_READ_TIMEOUT_SECONDS = 70

_ATTEMPTS = 5
_LONGEST_PAUSE_SECONDS = 5.0

# A retry is safe if the model did not run, or said that it cannot answer now. After a read timeout
# the model may still be working: another request would double its load.
_RETRIED_CODES = frozenset(
    {
        "InternalDependencyException",
        "InternalFailure",
        "ModelNotReadyException",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_RETRIED_MODEL_STATUSES = frozenset({502, 503, 504})
_RETRIED_FAULTS = (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ResponseStreamingError,
)


@dataclass(frozen=True)
class Answer:
    """The answer of a container."""

    body: bytes
    content_type: str
    variant: str
    """The production variant that answered."""
    custom_attributes: str | None

    def decode(self) -> Any:
        """Return the body's values. Raises PayloadError, as inference.payloads.decode does."""
        return decode(self.body, self.content_type)


def runtime_client(region: str | None = None, *, connections: int = 10) -> Any:
    """Make a boto3 client that as many threads as connections can use at once.

    The client itself does not retry. EndpointClient does, and knows what must not be retried.
    """
    return boto3.client(
        "sagemaker-runtime",
        region_name=region,
        config=Config(
            read_timeout=_READ_TIMEOUT_SECONDS,
            connect_timeout=5,
            max_pool_connections=connections,
            retries={"total_max_attempts": 1},
        ),
    )


class EndpointClient:
    """An endpoint, or one of its inference components, which answers requests.

    runtime is a client made by runtime_client.
    """

    def __init__(
        self,
        runtime: Any,
        endpoint_name: str,
        *,
        inference_component: str | None = None,
        deadline_seconds: float = 120.0,
    ) -> None:
        self._runtime = runtime
        self._endpoint_name = endpoint_name
        self._inference_component = inference_component
        self._deadline_seconds = deadline_seconds

    def predict(
        self,
        rows: ArrayLike,
        *,
        content_type: str = JSON,
        accept: str | None = None,
        target_model: str | None = None,
    ) -> Any:
        """Return the answer's values for rows of numbers, shape (rows, features).

        The answer has the format of the rows, unless accept names another. Raises an
        InvocationError of inference.errors.
        """
        body = encode(rows, content_type)
        return self.invoke(
            body,
            content_type=content_type,
            accept=accept or content_type,
            target_model=target_model,
        ).decode()

    def invoke(
        self,
        body: bytes,
        *,
        content_type: str = JSON,
        accept: str | None = None,
        target_variant: str | None = None,
        target_model: str | None = None,
        custom_attributes: str | None = None,
    ) -> Answer:
        """Send one request and return its answer.

        target_variant names one production variant; otherwise the weights choose it. target_model
        names an archive, such as "iris.tar.gz"; a multi-model endpoint needs it. Failures that are
        safe to retry are retried until the deadline, with growing pauses. Raises PayloadError,
        RefusedError, ModelFailedError or UnavailableError.
        """
        self._check_size(body)
        optional = {
            "Accept": accept,
            "TargetVariant": target_variant,
            "TargetModel": target_model,
            "InferenceComponentName": self._inference_component,
            "CustomAttributes": custom_attributes,
        }
        request = {
            "EndpointName": self._endpoint_name,
            "Body": body,
            "ContentType": content_type,
            **{name: value for name, value in optional.items() if value is not None},
        }
        deadline = time.monotonic() + self._deadline_seconds
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._send(request)
            except (ClientError, BotoCoreError) as error:
                pause = random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.1 * 2**attempt))  # noqa: S311
                out_of_time = time.monotonic() + pause > deadline
                if attempt == _ATTEMPTS or out_of_time or not _retryable(error):
                    raise self._explain(error, attempt) from error
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _send(self, request: dict[str, Any]) -> Answer:
        response = self._runtime.invoke_endpoint(**request)
        return Answer(
            response["Body"].read(),
            response["ContentType"],
            response.get("InvokedProductionVariant", ""),
            response.get("CustomAttributes"),
        )

    def _check_size(self, body: bytes) -> None:
        if len(body) > LARGEST_BODY_BYTES:
            raise PayloadError(
                f"the request has {len(body):,} bytes, but SageMaker takes at most "
                f"{LARGEST_BODY_BYTES:,}; send fewer rows at a time"
            )
        if len(body) > SAFE_BODY_BYTES:
            warnings.warn(
                f"the request has {len(body):,} bytes; SageMaker may refuse more than "
                f"{SAFE_BODY_BYTES:,}; send fewer rows at a time",
                stacklevel=3,
            )

    def _explain(self, error: ClientError | BotoCoreError, attempts: int) -> InvocationError:
        tried = f" (tried {attempts} times)" if attempts > 1 else ""
        name = self._endpoint_name
        if not isinstance(error, ClientError):
            return UnavailableError(f"{name}: {error}{tried}")
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code == "ModelError":
            status = error.response["OriginalStatusCode"]
            body = error.response["OriginalMessage"]
            log_group = error.response["LogStreamArn"].partition(":log-group:")[2].partition(":")[0]
            return ModelFailedError(
                f"{name}: the container answered {status}: {_one_line(body)}{tried}; "
                f"its log is in CloudWatch, log group {log_group}",
                status=status,
                body=body,
                log_group=log_group,
            )
        if _retryable(error):
            return UnavailableError(f"{name}: {code}: {message}{tried}")
        return RefusedError(f"{name}: {code}: {message}")


def _retryable(error: ClientError | BotoCoreError) -> bool:
    if not isinstance(error, ClientError):
        return isinstance(error, _RETRIED_FAULTS)
    if error.response["Error"]["Code"] == "ModelError":
        return error.response["OriginalStatusCode"] in _RETRIED_MODEL_STATUSES
    return error.response["Error"]["Code"] in _RETRIED_CODES


def _one_line(body: str) -> str:
    """Return a container's answer as one line: the "error" of JSON, or the text of an HTML page."""
    try:
        text = str(json.loads(body)["error"])
    except (ValueError, TypeError, KeyError):
        text = re.sub(r"<[^>]*>", " ", body)
    return " ".join(text.split())[:300]
