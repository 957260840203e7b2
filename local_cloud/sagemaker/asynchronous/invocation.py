"""An asynchronous invocation: what InvokeEndpointAsync asks for, and where its result goes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from local_cloud.sagemaker.control import definition
from local_cloud.sagemaker.endpoints.endpoint import Endpoint
from local_cloud.wire import (
    ACCOUNT_ID,
    AwsError,
    Request,
    Response,
    check_parameters,
    service_model,
    validation_error,
)

TTL_SECONDS = 6 * 3600
TIMEOUT_SECONDS = 15 * 60
"""Both from the API Reference."""

_TO_CONTAINER = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
}


@dataclass(frozen=True)
class Invocation:
    """One request: `parameters` in botocore's shape, checked."""

    inference_id: str
    parameters: Mapping[str, Any]
    output_config: Mapping[str, Any]
    output_location: str
    failure_location: str | None
    received: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def ttl_seconds(self) -> int:
        """How long it may wait."""
        return int(self.parameters.get("RequestTTLSeconds", TTL_SECONDS))

    @property
    def timeout_seconds(self) -> int:
        """How long the container may take for it."""
        return int(self.parameters.get("InvocationTimeoutSeconds", TIMEOUT_SECONDS))

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that the container gets with the body."""
        given = {
            header: self.parameters[name]
            for name, header in _TO_CONTAINER.items()
            if name in self.parameters
        }
        return {**given, "X-Amzn-SageMaker-Inference-Id": self.inference_id}

    def accepted(self) -> Response:
        """Make the answer to InvokeEndpointAsync."""
        locations = {
            "x-amzn-sagemaker-outputlocation": self.output_location,
            **(
                {"x-amzn-sagemaker-failurelocation": self.failure_location}
                if self.failure_location
                else {}
            ),
        }
        body = json.dumps({"InferenceId": self.inference_id}).encode()
        return Response(202, {"content-type": "application/json", **locations}, body)


def is_asynchronous(endpoint: Endpoint) -> bool:
    """Tell whether an endpoint takes InvokeEndpointAsync instead of InvokeEndpoint."""
    return "AsyncInferenceConfig" in endpoint.config.parameters


def check_config(config: Mapping[str, Any]) -> None:
    """Refuse (ValidationException) an AsyncInferenceConfig that gives no usable S3 path."""
    output = config.get("AsyncInferenceConfig", {}).get("OutputConfig", {})
    if "AsyncInferenceConfig" in config and "S3OutputPath" not in output:
        raise validation_error(
            "The local cloud does not run an AsyncInferenceConfig without "
            "OutputConfig.S3OutputPath: give a prefix for the results, such as s3://BUCKET/results"
        )
    for name in ("S3OutputPath", "S3FailurePath"):
        if not output.get(name, "s3://").startswith("s3://"):
            raise validation_error(
                f"OutputConfig.{name} is {output[name]}: the local cloud writes only to s3:// URLs"
            )


def check_models(config: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> None:
    """Refuse (ValidationException) models whose requests must name a container or a model."""
    if "AsyncInferenceConfig" not in config:
        return
    for model in models:
        if definition.is_direct(model):
            raise validation_error(
                "A request to an asynchronous endpoint cannot name a container, but model "
                f"{model['ModelName']} (InferenceExecutionConfig.Mode Direct) needs that: give "
                "another model, or remove AsyncInferenceConfig"
            )
        if any(container.models_url for container in definition.definitions(model)):
            raise validation_error(
                "A request to an asynchronous endpoint cannot name a target model, but model "
                f"{model['ModelName']} (a container in MultiModel mode) needs that: give another "
                "model, or remove AsyncInferenceConfig"
            )


def check_count(config: Mapping[str, Any], variant_name: str, count: int) -> None:
    """Refuse (ValidationException) a count of zero, unless the endpoint is asynchronous."""
    if count < 1 and "AsyncInferenceConfig" not in config:
        raise validation_error(
            f"DesiredInstanceCount of variant {variant_name} is {count}: it must be at least 1, "
            "because only asynchronous endpoints scale to zero here"
        )


def check_synchronous(endpoint: Endpoint) -> None:
    """Refuse (ValidationError) InvokeEndpoint on an asynchronous endpoint."""
    if is_asynchronous(endpoint):
        raise AwsError(
            "ValidationError",
            f"Endpoint {endpoint.name} of account {ACCOUNT_ID} is asynchronous: it takes "
            "InvokeEndpointAsync, not InvokeEndpoint",
        )


def invocation(endpoint: Endpoint, request: Request) -> Invocation:
    """Read an InvokeEndpointAsync request; raises AwsError (ValidationError)."""
    if not is_asynchronous(endpoint):
        raise AwsError(
            "ValidationError",
            f"Endpoint {endpoint.name} of account {ACCOUNT_ID} is not asynchronous, because its "
            f"config {endpoint.config.name} has no AsyncInferenceConfig: it takes InvokeEndpoint",
        )
    parameters = _parameters(endpoint.name, request)
    output = endpoint.config.parameters["AsyncInferenceConfig"]["OutputConfig"]
    inference_id = parameters.get("InferenceId") or str(uuid.uuid4())
    # Not named by the inference id, which a caller may repeat: results are never replaced.
    name = PurePosixPath(parameters.get("Filename", f"{uuid.uuid4()}.out"))
    extension = parameters.get("S3OutputPathExtension", "")
    failure = output.get("S3FailurePath")
    return Invocation(
        inference_id,
        parameters,
        output,
        _joined(output["S3OutputPath"], extension, name.name),
        failure and _joined(failure, extension, f"{name.stem}-error{name.suffix}"),
    )


def _joined(*parts: str) -> str:
    return "/".join(part.strip("/") for part in parts if part.strip("/"))


def _parameters(endpoint_name: str, request: Request) -> Mapping[str, Any]:
    shape = service_model("sagemaker-runtime").operation_model("InvokeEndpointAsync").input_shape
    parameters: dict[str, Any] = {"EndpointName": endpoint_name}
    try:
        for name, member in shape.members.items():
            value = request.headers.get(member.serialization.get("name", "").lower())
            if member.serialization.get("location") == "header" and value is not None:
                parameters[name] = int(value) if member.type_name == "integer" else value
        if request.body:
            parameters["Body"] = request.body
        check_parameters(shape, parameters)
    except (AwsError, ValueError) as error:
        raise AwsError("ValidationError", str(error)) from None
    if ("InputLocation" in parameters) == ("Body" in parameters):
        raise AwsError("ValidationError", "Give InvokeEndpointAsync an InputLocation or a Body")
    if not parameters.get("InputLocation", "s3://").startswith("s3://"):
        raise AwsError(
            "ValidationError",
            f"InputLocation is {parameters['InputLocation']}: the local cloud reads only s3:// "
            "URLs",
        )
    return parameters
