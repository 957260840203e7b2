"""From an asynchronous invocation's input in S3 to its result in S3 and its notification."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from local_cloud.sagemaker.asynchronous.invocation import Invocation

MAX_INPUT_BYTES = 1024**3
"""An input's limit by the Developer Guide: "Asynchronous inference"."""

MAX_INCLUDED_BYTES = 128 * 1024
"""How much of a response a notification includes at most, by the API Reference."""

_REQUEST_PARAMETERS = {
    "accept": "Accept",
    "contentType": "ContentType",
    "customAttributes": "CustomAttributes",
    "endpointName": "EndpointName",
    "inputLocation": "InputLocation",
}


class InputFailure(Exception):  # noqa: N818 - what a failureReason says, not a fault of this code
    """Why the input of a request cannot be read."""


@dataclass(frozen=True)
class Result:
    """The result of a request; without a `failure` it is the model's answer."""

    body: bytes
    content_type: str | None
    failure: str | None = None

    @classmethod
    def of(cls, status: int, body: bytes, content_type: str | None) -> Result:
        """Make the result of a container's answer."""
        return cls(body, content_type, None if 200 <= status < 300 else _model_error(status))

    @classmethod
    def failed(cls, reason: str, status: int | None = None) -> Result:
        """Make the result of a request without an answer; status 0 if a container was asked."""
        failure = f"ClientError: {reason}" if status is None else _model_error(status)
        return cls(reason.encode(), "text/plain", failure)


def _model_error(status: int) -> str:
    """Say in AWS's words that the container refused or failed."""
    side = "client" if 400 <= status < 500 else "server"
    return (
        f"ClientError: Received {side} error ({status}) from model. See the SageMaker Endpoint "
        "logs in your account for more information."
    )


def read_input(s3: Any, invocation: Invocation) -> bytes:
    """Get what is sent to the container; raises InputFailure."""
    if "Body" in invocation.parameters:
        return bytes(invocation.parameters["Body"])
    location = invocation.parameters["InputLocation"]
    try:
        found = s3.get_object(**_place(location))
        if (length := found["ContentLength"]) <= MAX_INPUT_BYTES:
            return bytes(found["Body"].read())
    except Exception as error:
        raise InputFailure(
            f"Failed to download the input from {location}: check that the object exists, and "
            f"that the execution role may read it. ({error})"
        ) from error
    raise InputFailure(
        f"The input {location} has {length:,} bytes; an endpoint takes at most {MAX_INPUT_BYTES:,}"
    )


def publish(
    client: Callable[[str], Any], region: str, invocation: Invocation, result: Result
) -> None:
    """Write a result where it belongs, and notify the topic for it."""
    if result.failure is None:
        try:
            _put(client("s3"), invocation, invocation.output_location, result)
        except Exception as error:
            reason = f"Failed to write the output to {invocation.output_location}. ({error})"
            result = Result.failed(reason)
    if result.failure is not None and invocation.failure_location:
        try:
            _put(client("s3"), invocation, invocation.failure_location, result)
        except Exception as error:
            reason = f"{result.failure} S3FailurePath could not be written. ({error})"
            result = replace(result, failure=reason)
    notifications = invocation.output_config.get("NotificationConfig", {})
    kind = "Success" if result.failure is None else "Error"
    if topic := notifications.get(f"{kind}Topic"):
        included = f"{kind.upper()}_NOTIFICATION_TOPIC" in notifications.get(
            "IncludeInferenceResponseIn", []
        )
        message = notification(region, invocation, result, include_response=included)
        try:
            client("sns").publish(TopicArn=topic, Message=json.dumps(message))
        except Exception as error:
            logging.getLogger(__name__).warning("topic %s is not notified: %s", topic, error)


def notification(
    region: str, invocation: Invocation, result: Result, *, include_response: bool
) -> Mapping[str, Any]:
    """Make the message of a notification. Source: "Check prediction results"."""
    outcome: dict[str, Any] = {"invocationStatus": "Completed"}
    if result.failure is not None:
        outcome = {"invocationStatus": "Failed", "failureReason": result.failure}
    else:
        outcome["responseParameters"] = {
            **({"contentType": result.content_type} if result.content_type else {}),
            "outputLocation": invocation.output_location,
        }
    if include_response and len(result.body) <= MAX_INCLUDED_BYTES:
        outcome["responseBody"] = (
            {"content": base64.b64encode(result.body).decode(), "encoding": "BASE64"}
            if result.failure is None
            else {"content": result.body.decode("utf-8", "replace"), "message": result.failure}
        )
    parameters = invocation.parameters
    return {
        "awsRegion": region,
        "eventTime": _time(datetime.now(UTC)),
        "receivedTime": _time(invocation.received),
        **outcome,
        "requestParameters": {
            key: parameters[name] for key, name in _REQUEST_PARAMETERS.items() if name in parameters
        },
        "inferenceId": invocation.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def _put(s3: Any, invocation: Invocation, location: str, result: Result) -> None:
    key = invocation.output_config.get("KmsKeyId")
    s3.put_object(
        **_place(location),
        Body=result.body,
        **({"ContentType": result.content_type} if result.content_type else {}),
        **({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}),
    )


def _place(location: str) -> dict[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
