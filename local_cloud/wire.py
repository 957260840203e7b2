"""AWS's wire protocols, seen from the server: requests into operations, results into responses.

The service models are botocore's, so what AWS would refuse by its shape is refused here; the
parsers and serializers are moto's, which work from the same models.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.loaders
import regex
from botocore.utils import parse_timestamp
from botocore.validate import ParamValidator
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import JSONParser, QueryParser
from moto.core.serialize import get_serializer_class
from werkzeug.datastructures import Headers, MultiDict

ACCOUNT_ID = "123456789012"
"""The one account of the local cloud: the number that AWS's own documentation uses."""


@dataclass(frozen=True)
class Request:
    """One HTTP request to an AWS service; header names are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    region: str


@dataclass(frozen=True)
class Response:
    """One HTTP response of an AWS service."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class AwsError(Exception):
    """An error that a caller sees as AWS would say it: a code, a message and an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def validation_error(message: str) -> AwsError:
    """The error that most services give for a request they cannot honour."""
    return AwsError("ValidationException", message)


_PARSERS = {"json": JSONParser, "query": QueryParser}


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service, such as "sagemaker"."""
    return ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)


def parse(service: str, request: Request) -> tuple[OperationModel, dict[str, Any]]:
    """Tell which operation a request asks for and with which parameters.

    Raises AwsError for an operation that the service does not have, and (ValidationException) for
    parameters that do not fit botocore's model of it.
    """
    model = service_model(service)
    values = MultiDict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    if model.resolved_protocol == "query":
        name = values.get("Action", "")
    else:
        name = request.headers.get("x-amz-target", "").rpartition(".")[2]
    if name not in model.operation_names:
        raise AwsError("InvalidAction", f"{service} has no operation {name!r}")
    operation = model.operation_model(name)
    # moto's own timestamp parser gives times without a zone.
    parser = _PARSERS[model.resolved_protocol](operation, timestamp_parser=parse_timestamp)
    try:
        parameters = parser.parse(
            {
                "body": request.body,
                "headers": Headers(dict(request.headers)),
                "method": request.method,
                "url_params": {},
                "url_path": request.path,
                "values": values,
            }
        )
    except (AttributeError, TypeError, ValueError) as error:  # such as a number for a list
        raise AwsError("SerializationException", f"{name} cannot be read: {error}") from None
    if operation.input_shape is not None:
        check_parameters(operation.input_shape, parameters)
    return operation, parameters


def check_parameters(shape: Any, parameters: Mapping[str, Any]) -> None:
    """Refuse (ValidationException) parameters that do not fit botocore's model of a request."""
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise validation_error(report.generate_report())
    if problems := list(_constraints(shape, parameters, "")):
        raise validation_error("; ".join(problems))


def _constraints(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Yield what breaks an enum, a pattern or an upper bound: botocore checks lower bounds only."""
    if isinstance(value, dict):
        for key, item in value.items():
            if shape.type_name == "map":
                yield from _constraints(shape.key, key, f"{path} (a key)")
            member = shape.value if shape.type_name == "map" else shape.members[key]
            yield from _constraints(member, item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _constraints(shape.member, item, f"{path}[{index}]")
    for rule in _broken_rules(shape.metadata, value):
        yield f"Value {value!r} at {path!r} failed to satisfy constraint: Member must {rule}"


def _broken_rules(rules: Mapping[str, Any], value: Any) -> Iterator[str]:
    enum, pattern, bound = rules.get("enum"), rules.get("pattern"), rules.get("max")
    if enum and value not in enum:
        yield f"be one of {', '.join(enum)}"
    if pattern and isinstance(value, str) and not _compiled(pattern).fullmatch(value):
        yield f"satisfy regular expression pattern: {pattern}"
    if bound is not None:
        if isinstance(value, int | float) and value > bound:
            yield f"be at most {bound}"
        if isinstance(value, str | bytes | list | dict) and len(value) > bound:
            yield f"have length less than or equal to {bound}"


@cache
def _compiled(pattern: str) -> regex.Pattern[str]:
    """Compile a service model's pattern: these are Java's, and `re` cannot read all of them."""
    return regex.compile(pattern)


def serialize(operation: OperationModel, result: Mapping[str, Any]) -> Response:
    """Make the response that carries an operation's result."""
    serializer = get_serializer_class(
        operation.service_model.service_name, operation.service_model.resolved_protocol
    )
    response = serializer(operation).serialize(dict(result))
    body = response["body"]
    return Response(
        response["status_code"],
        {"x-amzn-requestid": str(uuid.uuid4()), **response["headers"]},
        body.encode() if isinstance(body, str) else body,
    )


def serialize_error(service: str, error: AwsError) -> Response:
    """Make the response that carries an error."""
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-requestid": request_id}
    if service_model(service).resolved_protocol == "query":
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(error.code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Response(error.status, {**headers, "content-type": "text/xml"}, body.encode())
    body = json.dumps({"__type": error.code, "message": error.message or None})
    headers |= {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": error.code}
    return Response(error.status, headers, body.encode())
