from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.sagemaker.asynchronous import result as invocation_result
from tests.local_cloud.sagemaker.cloud import (
    ANSWERS,
    BUCKET,
    IMAGE,
    REGION,
    SCRIPT,
    Cloud,
    packed,
    until,
)

ECHO = """
import flask, json
def model_fn(d):
    return None
def transform_fn(m, body, content_type, accept):
    if body == b"refuse":
        return flask.Response('{"error": "row 3"}', 422, mimetype="application/json")
    return flask.Response(json.dumps([body.decode(), content_type, accept]), mimetype="a/told")
"""
WAITING = """
import os, pathlib, time
def model_fn(d):
    return "{0}"
def transform_fn(m, body, ct, accept):
    with open(body + ".begun", "a") as file:
        file.write("x")
    while not pathlib.Path(body).exists():
        time.sleep(0.01)
    return m
"""
"""A handler that answers when the file that the body names exists."""


@dataclass
class Topics:
    """Two topics and what came to them, as an SQS queue has it."""

    clients: Callable[[str, str], Any]

    @cached_property
    def _queue(self) -> str:
        sqs = self.clients("sqs", REGION)
        return str(sqs.create_queue(QueueName=f"told-{uuid.uuid4()}")["QueueUrl"])

    @cached_property
    def arns(self) -> dict[str, str]:
        sns, sqs = self.clients("sns", REGION), self.clients("sqs", REGION)
        queue = sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        arns = {}
        for kind in ("Success", "Error"):
            arns[f"{kind}Topic"] = sns.create_topic(Name=f"{kind}-{uuid.uuid4()}")["TopicArn"]
            sns.subscribe(
                TopicArn=arns[f"{kind}Topic"],
                Protocol="sqs",
                Endpoint=queue["Attributes"]["QueueArn"],
            )
        return arns

    def next(self) -> tuple[str, dict[str, Any]]:
        """Wait for a notification: the kind of its topic, and its message."""
        sqs = self.clients("sqs", REGION)
        [received] = until(lambda: sqs.receive_message(QueueUrl=self._queue).get("Messages"))
        sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=received["ReceiptHandle"])
        body = json.loads(received["Body"])
        kind = {arn: kind for kind, arn in self.arns.items()}[body["TopicArn"]]
        return kind, json.loads(body["Message"])


@pytest.fixture
def topics(aws: Callable[[str, str], Any]) -> Topics:
    return Topics(aws)


def output(**more: Any) -> dict[str, Any]:
    paths = {
        "S3OutputPath": f"s3://{BUCKET}/results",
        "S3FailurePath": f"s3://{BUCKET}/failures/",
    }
    return {"OutputConfig": {**paths, **more}}


def deploy(cloud: Cloud, name: str, code: str, **config: Any) -> dict[str, Any]:
    cloud.config(
        name, {"ModelName": cloud.model(name, code)}, AsyncInferenceConfig={**output(), **config}
    )
    cloud.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return cloud.settled(name)


def send(cloud: Cloud, name: str, **arguments: Any) -> dict[str, Any]:
    if not arguments.keys() & {"Body", "InputLocation"}:
        arguments["Body"] = b"{}"
    response = cloud.runtime.invoke_endpoint_async(EndpointName=name, **arguments)
    return dict(response)


def refusal(cloud: Cloud, name: str, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        send(cloud, name, **arguments)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    return str(caught.value)


def found(cloud: Cloud, location: str) -> dict[str, Any] | None:
    """Get an object if it exists."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    s3 = cloud.clients("s3", REGION)
    try:
        return dict(s3.get_object(Bucket=bucket, Key=key))
    except s3.exceptions.NoSuchKey:
        return None


def text(cloud: Cloud, location: str) -> str:
    """Wait for an object and give its text."""
    return str(until(lambda: found(cloud, location))["Body"].read().decode())


def scale(cloud: Cloud, name: str, count: int) -> None:
    change = {"VariantName": "AllTraffic", "DesiredInstanceCount": count}
    cloud.api.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[change]
    )
    [variant] = cloud.settled(name)["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == count


def test_an_answer_and_a_refusal_go_to_s3_and_to_their_topics(cloud: Cloud, topics: Topics) -> None:
    notified = output(NotificationConfig=topics.arns)
    deploy(cloud, "echo", ECHO, **notified)
    source = cloud.upload("input.csv", b"1,2")
    accepted = send(
        cloud, "echo", InputLocation=source, ContentType="a/b", Accept="c/d", CustomAttributes="t=1"
    )
    assert accepted["ResponseMetadata"]["HTTPStatusCode"] == 202
    location = accepted["OutputLocation"]
    assert location.startswith(f"s3://{BUCKET}/results/")
    assert location.endswith(".out")
    kind, told = topics.next()
    assert kind == "SuccessTopic"
    assert told.pop("eventTime") >= told.pop("receivedTime")
    assert told == {
        "awsRegion": REGION,
        "invocationStatus": "Completed",
        "requestParameters": {
            "accept": "c/d",
            "contentType": "a/b",
            "customAttributes": "t=1",
            "endpointName": "echo",
            "inputLocation": source,
        },
        "responseParameters": {"contentType": "a/told", "outputLocation": location},
        "inferenceId": accepted["InferenceId"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    written = found(cloud, location)
    assert written
    assert written["ContentType"] == "a/told"
    assert json.loads(written["Body"].read()) == ["1,2", "a/b", "c/d"]
    assert not found(cloud, accepted["FailureLocation"])

    refused = send(cloud, "echo", Body=b"refuse", ContentType="a/b", InferenceId="mine")
    assert refused["InferenceId"] == "mine"
    kind, told = topics.next()
    assert kind == "ErrorTopic"
    assert told["invocationStatus"] == "Failed"
    assert told["failureReason"].startswith(
        "ClientError: Received client error (422) from model. See the SageMaker Endpoint logs"
    )
    assert told["inferenceId"] == "mine"
    assert "inputLocation" not in told["requestParameters"]
    assert text(cloud, refused["FailureLocation"]) == '{"error": "row 3"}'
    assert not found(cloud, refused["OutputLocation"])


def test_a_notification_includes_the_response_where_asked(cloud: Cloud, topics: Topics) -> None:
    included = ["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"]
    notified = output(
        NotificationConfig={**topics.arns, "IncludeInferenceResponseIn": included}, KmsKeyId="k-1"
    )
    deploy(cloud, "told", ECHO, **notified)
    accepted = send(cloud, "told", Body=b"refuse", ContentType="a/b")
    _, told = topics.next()
    assert told["responseBody"]["content"] == '{"error": "row 3"}'
    accepted = send(cloud, "told", Body=b"x", ContentType="a/b", Accept="c/d")
    _, told = topics.next()
    assert json.loads(base64.b64decode(told["responseBody"]["content"])) == ["x", "a/b", "c/d"]
    written = found(cloud, accepted["OutputLocation"])
    assert written
    assert written["SSEKMSKeyId"] == "k-1"


def test_an_input_that_is_missing_or_too_large_is_a_failure(
    cloud: Cloud, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(cloud, "input", ECHO, **output(NotificationConfig=topics.arns))
    missing = send(cloud, "input", InputLocation=f"s3://{BUCKET}/no-such-object")
    assert "Failed to download the input" in text(cloud, missing["FailureLocation"])
    kind, told = topics.next()
    assert kind == "ErrorTopic"
    assert "no-such-object" in told["failureReason"]
    monkeypatch.setattr(invocation_result, "MAX_INPUT_BYTES", 2)
    large = send(cloud, "input", InputLocation=cloud.upload("large", b"123"))
    assert "3 bytes; an endpoint takes at most 2" in text(cloud, large["FailureLocation"])


def test_a_result_has_the_place_that_was_asked_for(cloud: Cloud) -> None:
    deploy(cloud, "place", ECHO)
    accepted = send(
        cloud, "place", Body=b"x", ContentType="a/b", Filename="r.json", S3OutputPathExtension="a/b"
    )
    assert accepted["OutputLocation"] == f"s3://{BUCKET}/results/a/b/r.json"
    assert accepted["FailureLocation"] == f"s3://{BUCKET}/failures/a/b/r-error.json"
    assert text(cloud, accepted["OutputLocation"])


def test_an_instance_takes_as_many_at_once_as_it_is_said_to(cloud: Cloud, tmp_path: Path) -> None:
    client = {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1}}
    deploy(cloud, "turns", WAITING.format("done"), **client)
    bodies = [tmp_path / name for name in ("a", "b")]
    sent = [send(cloud, "turns", Body=str(body).encode()) for body in bodies]
    until(lambda: Path(f"{bodies[0]}.begun").exists())
    scale(cloud, "turns", 2)
    until(lambda: Path(f"{bodies[1]}.begun").exists())
    bodies[1].touch()
    assert text(cloud, sent[1]["OutputLocation"]) == "done"
    bodies[0].touch()
    assert text(cloud, sent[0]["OutputLocation"]) == "done"


def test_requests_wait_while_there_is_no_instance(cloud: Cloud) -> None:
    deploy(cloud, "zero", ANSWERS.format("woken"))
    scale(cloud, "zero", 0)
    assert not cloud.pids()
    sent = [send(cloud, "zero") for _ in range(3)]
    scale(cloud, "zero", 1)
    assert {text(cloud, each["OutputLocation"]) for each in sent} == {"woken"}


def test_only_asynchronous_endpoints_scale_to_zero(cloud: Cloud) -> None:
    deploy(cloud, "none", ANSWERS.format(1))
    scale(cloud, "none", 0)
    cloud.config("real", {"ModelName": "none"})
    with pytest.raises(ClientError, match=r"AllTraffic is 0: .* only asynchronous endpoints"):
        cloud.api.update_endpoint(
            EndpointName="none", EndpointConfigName="real", RetainAllVariantProperties=True
        )
    cloud.api.update_endpoint(EndpointName="none", EndpointConfigName="real")
    cloud.settled("none")
    with pytest.raises(ClientError, match=r"AllTraffic is 0: .* only asynchronous endpoints"):
        scale(cloud, "none", 0)


def test_an_endpoint_of_a_deleted_ones_name_has_a_queue_of_its_own(cloud: Cloud) -> None:
    deploy(cloud, "again", ANSWERS.format("first"))
    scale(cloud, "again", 0)
    dropped = send(cloud, "again")
    cloud.api.delete_endpoint(EndpointName="again")
    cloud.gone("again")
    cloud.api.create_endpoint(EndpointName="again", EndpointConfigName="again")
    cloud.settled("again")
    assert text(cloud, send(cloud, "again")["OutputLocation"]) == "first"
    assert not found(cloud, dropped["OutputLocation"])


def test_an_update_loses_no_request_that_waits_or_is_under_way(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_cloud.sagemaker.instances.instance.DRAIN_SECONDS", 0.01)
    deploy(cloud, "old", WAITING.format("old"))
    cloud.config(
        "new",
        {"ModelName": cloud.model("new", WAITING.format("new"))},
        AsyncInferenceConfig=output(),
    )
    bodies = [tmp_path / name for name in ("a", "b", "c")]
    sent = [send(cloud, "old", Body=str(body).encode()) for body in bodies]
    until(lambda: Path(f"{bodies[0]}.begun").exists())
    cloud.api.update_endpoint(EndpointName="old", EndpointConfigName="new")
    assert cloud.settled("old")["EndpointConfigName"] == "new"
    for body in bodies:
        body.touch()
    assert [text(cloud, each["OutputLocation"]) for each in sent] == ["new"] * 3
    assert Path(f"{bodies[0]}.begun").read_text() == "xx"


def test_a_container_has_as_long_as_the_request_says(cloud: Cloud, tmp_path: Path) -> None:
    client = {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2}}
    deploy(cloud, "late", WAITING.format("done"), **client)
    late = send(cloud, "late", Body=str(tmp_path / "never").encode(), InvocationTimeoutSeconds=1)
    (tmp_path / "now").touch()
    behind = send(cloud, "late", Body=str(tmp_path / "now").encode())
    assert "did not answer within 1 seconds" in text(cloud, late["FailureLocation"])
    # It was in the same container, which ended because of the first request.
    assert text(cloud, behind["OutputLocation"]) == "done"


def test_a_request_that_has_waited_too_long_is_a_failure(
    make_cloud: Callable[..., Cloud], topics: Topics
) -> None:
    now = 0.0
    cloud = make_cloud(clock=lambda: now)
    deploy(cloud, "expires", ANSWERS.format("late"), **output(NotificationConfig=topics.arns))
    scale(cloud, "expires", 0)
    sent = send(cloud, "expires", RequestTTLSeconds=60)
    later = send(cloud, "expires", RequestTTLSeconds=120)
    now = 61.0
    assert "within 60 seconds, its RequestTTLSeconds" in text(cloud, sent["FailureLocation"])
    assert topics.next()[1]["invocationStatus"] == "Failed"
    scale(cloud, "expires", 1)
    assert text(cloud, later["OutputLocation"]) == "late"


def test_a_container_that_ends_is_a_failure_and_replaced(cloud: Cloud) -> None:
    code = "import os\ndef model_fn(d):\n    return 1\n\n\ndef transform_fn(m, body, ct, accept):\n"
    deploy(cloud, "dies", code + "    os._exit(1) if body == 'die' else None\n    return 'alive'\n")
    died = send(cloud, "dies", Body=b"die", ContentType="application/json")
    assert "the model process exited" in text(cloud, died["FailureLocation"])
    alive = send(cloud, "dies", ContentType="application/json")
    assert text(cloud, alive["OutputLocation"]) == "alive"


def test_each_kind_of_endpoint_takes_its_own_requests(cloud: Cloud) -> None:
    deploy(cloud, "async", ANSWERS.format(1))
    cloud.deploy("real", ANSWERS.format(1))
    with pytest.raises(ClientError, match=r"ValidationError.*async .* is asynchronous"):
        cloud.ask("async")
    assert "real of account 123456789012 is not asynchronous" in refusal(cloud, "real")
    assert "not found" in refusal(cloud, "none")
    assert "an InputLocation or a Body" in refusal(cloud, "async", Body=b"")
    both = {"Body": b"x", "InputLocation": "s3://b/k"}
    assert "an InputLocation or a Body" in refusal(cloud, "async", **both)
    assert "equal to 128000" in refusal(cloud, "async", Body=b"x" * 128_001)
    assert "at most 3600" in refusal(cloud, "async", InvocationTimeoutSeconds=3601)
    assert "RequestTTLSeconds" in refusal(cloud, "async", RequestTTLSeconds=59)
    assert "reads only s3://" in refusal(cloud, "async", InputLocation="https://b/k")


def test_a_config_says_where_results_go_and_is_not_serverless(cloud: Cloud) -> None:
    cloud.model("any", ANSWERS.format(1))

    def refused(config: dict[str, Any], **variant: Any) -> str:
        with pytest.raises(ClientError) as caught:
            cloud.config("c", {"ModelName": "any", **variant}, AsyncInferenceConfig=config)
        return str(caught.value)

    assert "S3OutputPath" in refused({"OutputConfig": {}})
    assert "writes only to s3://" in refused({"OutputConfig": {"S3OutputPath": "https://b/k"}})
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    assert "do not support asynchronous" in refused(output(), ServerlessConfig=serverless)


def test_a_request_passes_through_the_containers_of_a_pipeline(cloud: Cloud) -> None:
    echo = packed({"code/inference.py": ECHO})
    containers = [
        {"Image": IMAGE, "ModelDataUrl": cloud.upload(f"{n}.tar.gz", echo), "Environment": SCRIPT}
        for n in ("first", "second")
    ]
    cloud.api.create_model(ModelName="line", Containers=containers)
    cloud.config("line", {"ModelName": "line"}, AsyncInferenceConfig=output())
    cloud.api.create_endpoint(EndpointName="line", EndpointConfigName="line")
    cloud.settled("line")
    sent = send(cloud, "line", Body=b"rows", ContentType="a/b", Accept="a/asked")
    body, content_type, accept = json.loads(text(cloud, sent["OutputLocation"]))
    assert (content_type, accept) == ("a/told", "a/asked")
    assert json.loads(body) == ["rows", "a/b", "application/json"]


def test_a_model_that_requests_would_have_to_name_is_refused(cloud: Cloud) -> None:
    many = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://b/k/"}
    cloud.api.create_model(ModelName="many", PrimaryContainer=many)
    cloud.api.create_model(
        ModelName="direct",
        Containers=[{"Image": IMAGE}, {"Image": IMAGE}],
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    for model, why in (
        ("many", "cannot name a target model"),
        ("direct", "cannot name a container"),
    ):
        with pytest.raises(ClientError, match=why):
            cloud.config("c", {"ModelName": model}, AsyncInferenceConfig=output())
