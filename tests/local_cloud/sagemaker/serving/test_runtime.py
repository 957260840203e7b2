from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.sagemaker.cloud import ANSWERS, REGION, Cloud

ECHO = """
import flask, json
def model_fn(d):
    return None
def transform_fn(m, body, content_type, accept):
    if body == b"refuse":
        return flask.Response('{"error": "row 3 \\u2260 4"}', 422, mimetype="application/json")
    if body == b"raise":
        raise ValueError("hidden")
    told = {"type": type(body).__name__, "size": len(body), "content_type": content_type,
            "accept": accept}
    return flask.Response(json.dumps(told), mimetype="application/x-told",
                          headers={"X-Amzn-SageMaker-Custom-Attributes": "trace=1"})
"""


def failure(cloud: Cloud, name: str, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        cloud.ask(name, **arguments)
    response: dict[str, Any] = caught.value.response
    return response


def test_a_response_carries_what_boto3_reads_of_it(cloud: Cloud) -> None:
    cloud.deploy("echo", ECHO, VariantName="Blue")
    response = cloud.runtime.invoke_endpoint(
        EndpointName="echo", Body=b"\x00\xff", ContentType="application/x-npy", Accept="a/b"
    )
    assert response["InvokedProductionVariant"] == "Blue"
    assert response["ContentType"] == "application/x-told"
    assert response["CustomAttributes"] == "trace=1"
    assert json.loads(response["Body"].read()) == {
        "type": "bytes",
        "size": 2,
        "content_type": "application/x-npy",
        "accept": "a/b",
    }


def test_a_container_that_refuses_is_a_model_error_with_its_message_and_its_log(
    cloud: Cloud,
) -> None:
    cloud.deploy("echo", ECHO)
    refused = failure(cloud, "echo", Body=b"refuse", ContentType="a/b")
    said = '{"error": "row 3 ≠ 4"}'
    assert refused["Error"]["Code"] == "ModelError"
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert refused["OriginalStatusCode"] == 422
    assert refused["OriginalMessage"] == said
    assert refused["LogStreamArn"].startswith(
        f"arn:aws:logs:{REGION}:123456789012:log-group:/aws/sagemaker/Endpoints/echo"
        ":log-stream:AllTraffic/i-0"
    )
    assert refused["Error"]["Message"] == (
        f'Received client error (422) from primary with message "{said}". See '
        f"https://{REGION}.console.aws.amazon.com/cloudwatch/home?region={REGION}"
        "#logEventViewer:group=/aws/sagemaker/Endpoints/echo in account 123456789012 "
        "for more information."
    )
    raised = failure(cloud, "echo", Body=b"raise", ContentType="a/b")
    assert raised["OriginalStatusCode"] == 500
    assert raised["Error"]["Message"].startswith("Received server error (500) from primary")
    assert "hidden" not in raised["OriginalMessage"]


def test_a_body_may_have_25_mib_and_no_byte_more(cloud: Cloud) -> None:
    cloud.deploy("echo", ECHO)
    most = b"x" * 25 * 1024**2
    assert json.loads(cloud.ask("echo", Body=most, ContentType="a/b"))["size"] == len(most)
    refused = failure(cloud, "echo", Body=most + b"x")
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "26,214,401 bytes; an endpoint takes at most 26,214,400" in refused["Error"]["Message"]


def test_variants_share_traffic_by_their_weights(cloud: Cloud) -> None:
    models = {name: cloud.model(name, ANSWERS.format(name)) for name in ("a", "b", "c")}
    weights = {"a": 3.0, "b": 1.0, "c": 0.0}
    variants = [
        {"VariantName": name, "ModelName": models[name], "InitialVariantWeight": weight}
        for name, weight in weights.items()
    ]
    cloud.config("shares", *variants)
    cloud.api.create_endpoint(EndpointName="shares", EndpointConfigName="shares")
    cloud.settled("shares")
    counts = Counter(cloud.ask("shares") for _ in range(400))
    # Binomial with n = 400, p = 3/4: six standard deviations, 8.7 each, around 300.
    assert 248 <= counts["a"] <= 352
    assert counts["a"] + counts["b"] == 400
    for name in weights:
        assert cloud.ask("shares", TargetVariant=name) == name
    unknown = failure(cloud, "shares", TargetVariant="d")
    assert unknown["Error"]["Code"] == "ValidationError"
    assert unknown["Error"]["Message"] == ("Variant d of endpoint shares not found; it has a, b, c")
    cloud.api.update_endpoint_weights_and_capacities(
        EndpointName="shares",
        DesiredWeightsAndCapacities=[
            {"VariantName": name, "DesiredWeight": float(name == "c")} for name in weights
        ],
    )
    cloud.settled("shares")
    assert {cloud.ask("shares") for _ in range(20)} == {"c"}


def test_an_unknown_endpoint_is_a_validation_error(cloud: Cloud) -> None:
    unknown = failure(cloud, "nowhere")
    assert unknown["Error"] == {
        "Code": "ValidationError",
        "Message": "Endpoint nowhere of account 123456789012 not found.",
    }
    assert unknown["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_what_the_runtime_does_not_run_is_refused_by_name(cloud: Cloud) -> None:
    cloud.deploy("plain", ANSWERS.format("a"))
    refused = failure(cloud, "plain", InferenceComponentName="any")
    assert refused["Error"]["Code"] == "ValidationError"
    assert "InferenceComponentName" in refused["Error"]["Message"]


def test_target_headers_that_the_endpoint_does_not_take_are_refused(cloud: Cloud) -> None:
    cloud.deploy("plain", ANSWERS.format("a"))
    for name, message in (
        ("TargetModel", "Endpoint plain is not a multi-model endpoint and does not support target"),
        ("TargetContainerHostname", "Endpoint plain is not configured for direct invocation"),
    ):
        refused = failure(cloud, "plain", **{name: "any"})
        assert refused["Error"]["Code"] == "ValidationError"
        assert refused["Error"]["Message"].startswith(message)
