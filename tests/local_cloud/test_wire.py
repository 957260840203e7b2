from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import botocore.parsers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.wire import AwsError, Request, parse, serialize, serialize_error, service_model


def sagemaker(operation: str, parameters: Any) -> Request:
    headers = {"x-amz-target": f"SageMaker.{operation}"}
    return Request("POST", "/", headers, json.dumps(parameters).encode(), "eu-central-1")


def cloudformation(**form: str) -> Request:
    return Request("POST", "/", {}, urlencode(form).encode(), "eu-central-1")


def refusal(request: Request) -> str:
    with pytest.raises(AwsError) as caught:
        parse("sagemaker", request)
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)
    return caught.value.message


def as_client(service: str, operation: str, response: Any) -> dict[str, Any]:
    """Read a response as botocore, and so boto3, does."""
    model = service_model(service)
    reader = botocore.parsers.create_parser(model.resolved_protocol)
    message = {
        "status_code": response.status,
        "headers": botocore.awsrequest.HeadersDict(response.headers),
        "body": response.body,
    }
    parsed: dict[str, Any] = reader.parse(message, model.operation_model(operation).output_shape)
    return parsed


def test_a_json_request_becomes_an_operation_and_its_parameters() -> None:
    operation, parameters = parse("sagemaker", sagemaker("DescribeModel", {"ModelName": "m"}))
    assert (operation.name, parameters) == ("DescribeModel", {"ModelName": "m"})


def test_a_query_request_becomes_an_operation_and_its_parameters() -> None:
    form = {
        "Action": "CreateStack",
        "StackName": "s",
        "Capabilities.member.1": "CAPABILITY_IAM",
        "Parameters.member.1.ParameterKey": "k",
        "Parameters.member.1.UsePreviousValue": "true",
    }
    _, parameters = parse("cloudformation", cloudformation(**form))
    assert parameters == {
        "StackName": "s",
        "Capabilities": ["CAPABILITY_IAM"],
        "Parameters": [{"ParameterKey": "k", "UsePreviousValue": True}],
    }


@pytest.mark.parametrize(
    ("operation", "parameters", "said"),
    [
        ("CreateModel", {}, 'Missing required parameter in input: "ModelName"'),
        ("CreateModel", {"ModelName": 1}, "Invalid type for parameter ModelName"),
        ("CreateModel", {"ModelName": "a b"}, "Member must satisfy regular expression pattern"),
        ("CreateModel", {"ModelName": "m" * 64}, "length less than or equal to 63"),
        (
            "CreateEndpointConfig",
            {
                "EndpointConfigName": "c",
                "ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.m5.huge"}],
            },
            "at 'ProductionVariants[0].InstanceType' failed to satisfy constraint: Member must be",
        ),
        (
            "CreateEndpointConfig",
            {
                "EndpointConfigName": "c",
                "ProductionVariants": [{"VariantName": "v", "VolumeSizeInGB": 513}],
            },
            "be at most 512",
        ),
        (
            "CreateEndpointConfig",
            {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v"}] * 11},
            "have length less than or equal to 10",
        ),
        (
            "CreateModel",
            {
                "ModelName": "m",
                "PrimaryContainer": {"Environment": {"not a name": "x"}},
            },
            "at 'PrimaryContainer.Environment (a key)' failed",
        ),
    ],
)
def test_what_aws_refuses_by_its_shape_is_refused(
    operation: str, parameters: dict[str, Any], said: str
) -> None:
    assert said in refusal(sagemaker(operation, parameters))


@pytest.mark.parametrize("service", ["sagemaker", "cloudformation"])
def test_an_operation_that_does_not_exist_is_an_invalid_action(service: str) -> None:
    request = Request("POST", "/", {"x-amz-target": "SageMaker.Nonsense"}, b"Action=Nonsense", "r")
    with pytest.raises(AwsError, match="has no operation 'Nonsense'") as caught:
        parse(service, request)
    assert caught.value.code == "InvalidAction"


@given(st.binary(max_size=100), st.sampled_from(["sagemaker", "cloudformation"]))
def test_no_bytes_whatever_are_more_than_an_aws_error(body: bytes, service: str) -> None:
    headers = {"x-amz-target": "SageMaker.CreateModel"}
    with pytest.raises(AwsError):
        parse(service, Request("POST", "/", headers, body, "eu-central-1"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@given(st.sampled_from(["ProductionVariants", "Tags", "DataCaptureConfig", "KmsKeyId"]), VALUES)
def test_no_value_whatever_is_more_than_an_aws_error(member: str, value: Any) -> None:
    with suppress(AwsError):
        parse("sagemaker", sagemaker("CreateEndpointConfig", {member: value}))


def test_a_client_reads_the_result_that_was_written() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    operation, _ = parse("sagemaker", sagemaker("DescribeModel", {"ModelName": "m"}))
    response = serialize(operation, {"ModelName": "m", "CreationTime": now})
    parsed = as_client("sagemaker", "DescribeModel", response)
    assert (parsed["ModelName"], parsed["CreationTime"]) == ("m", now)
    operation, _ = parse("cloudformation", cloudformation(Action="DescribeStacks"))
    stack = {"StackName": "s", "CreationTime": now, "StackStatus": "CREATE_COMPLETE"}
    parsed = as_client(
        "cloudformation", "DescribeStacks", serialize(operation, {"Stacks": [stack]})
    )
    assert parsed["Stacks"] == [stack]


@pytest.mark.parametrize(
    ("service", "operation"), [("sagemaker", "DescribeModel"), ("cloudformation", "DescribeStacks")]
)
def test_a_client_reads_the_error_that_was_written(service: str, operation: str) -> None:
    error = AwsError("ValidationError", 'no <such> "thing" & more', 404)
    parsed = as_client(service, operation, serialize_error(service, error))
    assert parsed["Error"]["Code"] == "ValidationError"
    assert parsed["Error"]["Message"] == 'no <such> "thing" & more'
    assert parsed["ResponseMetadata"]["HTTPStatusCode"] == 404
