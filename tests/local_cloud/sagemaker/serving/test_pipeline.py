"""Models of several containers: inference pipelines, and direct invocation."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.sagemaker.cloud import ANSWERS, IMAGE, REGION, SCRIPT, Cloud, packed, until

TELLS = """
import json
def model_fn(d):
    return None
def transform_fn(m, body, content_type, accept):
    print("asked")
    text = body if isinstance(body, str) else body.decode()
    return json.dumps(["{0}", text, content_type, accept]), "a/{0}"
"""
REFUSES = """
import flask
def model_fn(d):
    return None
def transform_fn(m, *_):
    return flask.Response("not by me", 422)
"""
SLOW = """
import time
def model_fn(d):
    return None
def transform_fn(m, *_):
    time.sleep(1.2)
    return "slow"
"""
BROKEN = "def model_fn(d):\n    raise ValueError('boom')\n"
CALLING = """
import json, os, socket
def model_fn(d):
    pass
def transform_fn(m, body, *_):
    text = body if isinstance(body, str) else body.decode()
    port, *before = json.loads(text)
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        reached = True
    except OSError:
        reached = False
    return json.dumps([port, *before, reached, "AWS_ACCESS_KEY_ID" in os.environ])
"""


def container(cloud: Cloud, key: str, code: str, **more: Any) -> dict[str, Any]:
    url = cloud.upload(f"{key}.tar.gz", packed({"code/inference.py": code}))
    return {"Image": IMAGE, "ModelDataUrl": url, "Environment": SCRIPT, **more}


def deploy(cloud: Cloud, name: str, *codes: str, **model: Any) -> dict[str, Any]:
    containers = [container(cloud, f"{name}-{i}", code) for i, code in enumerate(codes)]
    return deployed(cloud, name, Containers=containers, **model)


def deployed(cloud: Cloud, name: str, **model: Any) -> dict[str, Any]:
    cloud.api.create_model(ModelName=name, **model)
    cloud.config(name, {"ModelName": name})
    cloud.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return cloud.settled(name)


def failure(cloud: Cloud, name: str, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        cloud.ask(name, **arguments)
    response: dict[str, Any] = caught.value.response
    return response


def test_a_request_passes_through_the_containers_in_their_order(cloud: Cloud) -> None:
    description = deploy(cloud, "line", TELLS.format("one"), TELLS.format("two"))
    [variant] = description["ProductionVariants"]
    assert [each["SpecifiedImage"] for each in variant["DeployedImages"]] == [IMAGE, IMAGE]
    assert len(cloud.pids()) == 2
    response = cloud.runtime.invoke_endpoint(
        EndpointName="line", Body=b"rows", ContentType="a/rows", Accept="a/asked"
    )
    assert response["ContentType"] == "a/two"
    by, body, content_type, accept = json.loads(response["Body"].read())
    assert (by, content_type, accept) == ("two", "a/one", "a/asked")
    # The first container does not get the caller's Accept: it answers in its default.
    assert json.loads(body) == ["one", "rows", "a/rows", "application/json"]


def test_each_container_has_a_log_stream_of_its_own(cloud: Cloud) -> None:
    deploy(cloud, "logs", TELLS.format("one"), TELLS.format("two"))
    cloud.ask("logs")
    logs, group = cloud.clients("logs", REGION), "/aws/sagemaker/Endpoints/logs"

    def streams() -> list[str] | None:
        found = logs.describe_log_streams(logGroupName=group)["logStreams"]
        names = [stream["logStreamName"] for stream in found]
        return sorted(names) if len(names) == 2 else None

    first, second = until(streams)
    assert first.startswith("AllTraffic/i-0")
    assert first.endswith("/container-1")
    assert second == first.replace("container-1", "container-2")
    for name in (1, 2):
        [file] = cloud.home.glob(f"logs/{REGION}/logs/AllTraffic/i-*/container-{name}.log")
        assert "asked" in file.read_text()


def test_an_error_ends_the_chain_and_names_its_container(cloud: Cloud) -> None:
    deploy(cloud, "late", TELLS.format("one"), REFUSES)
    refused = failure(cloud, "late")
    assert refused["Error"]["Code"] == "ModelError"
    assert refused["OriginalStatusCode"] == 422
    assert refused["OriginalMessage"] == "not by me"
    assert refused["LogStreamArn"].endswith("/container-2")
    assert refused["Error"]["Message"].startswith(
        'Received client error (422) from container-2 with message "not by me".'
    )
    named = [
        container(cloud, "early-1", REFUSES, ContainerHostname="prepare"),
        container(cloud, "early-2", TELLS.format("two"), ContainerHostname="predict"),
    ]
    deployed(cloud, "early", Containers=named, InferenceExecutionConfig={"Mode": "Serial"})
    refused = failure(cloud, "early")
    assert refused["Error"]["Message"].startswith("Received client error (422) from prepare ")
    [log] = cloud.home.glob(f"logs/{REGION}/early/AllTraffic/i-*/predict.log")
    assert "asked" not in log.read_text()


def test_a_container_that_does_not_start_fails_the_endpoint_by_its_name(cloud: Cloud) -> None:
    description = deploy(cloud, "start", TELLS.format("one"), BROKEN)
    assert description["FailureReason"] == (
        "The container-2 container for production variant AllTraffic did not pass the ping health "
        "check. Please check CloudWatch logs for this endpoint. ValueError: boom"
    )
    assert not cloud.pids()
    assert not list(cloud.home.glob("instances/*"))


def test_model_data_that_is_not_there_fails_the_endpoint_by_its_container(cloud: Cloud) -> None:
    missing = container(cloud, "there", BROKEN) | {"ModelDataUrl": "s3://models/not-there.tar.gz"}
    there = container(cloud, "there", TELLS.format("one"))
    description = deployed(cloud, "data", Containers=[there, missing])
    assert description["FailureReason"].startswith(
        'Failed to download model data for container "container-2" from URL: '
        '"s3://models/not-there.tar.gz".'
    )
    assert not list(cloud.home.glob("model-data/*"))


def test_an_instance_is_replaced_when_one_of_its_containers_ends(cloud: Cloud) -> None:
    deploy(cloud, "ends", TELLS.format("one"), TELLS.format("two"))
    before = cloud.pids()
    [last] = (pid for pid in before if b"container-2" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(last, signal.SIGKILL)
    until(lambda: len(cloud.pids()) == 2 and not before & cloud.pids())

    def answers() -> bool:
        try:
            return bool(json.loads(cloud.ask("ends"))[0] == "two")
        except ClientError:
            return False

    until(answers)


def test_the_containers_of_a_pipeline_share_the_time_that_one_has(
    make_cloud: Callable[..., Cloud],
) -> None:
    cloud = make_cloud(invocation_timeout_seconds=2.0)
    deploy(cloud, "slow", SLOW, SLOW)
    message = failure(cloud, "slow")["Error"]["Message"]
    assert message.startswith("Received server error (0) from container-2 ")
    assert "timed out while waiting for a response from container container-2." in message


def test_a_container_is_invoked_directly_by_its_hostname(cloud: Cloud) -> None:
    containers = [
        container(cloud, f"direct-{name}", ANSWERS.format(name), ContainerHostname=name)
        for name in ("a", "b")
    ]
    direct = {"Mode": "Direct"}
    deployed(cloud, "direct", Containers=containers, InferenceExecutionConfig=direct)
    assert cloud.api.describe_model(ModelName="direct")["InferenceExecutionConfig"] == direct
    for name in ("a", "b"):
        assert cloud.ask("direct", TargetContainerHostname=name) == name
    for arguments, got in (({}, "not given"), ({"TargetContainerHostname": "c"}, "c")):
        refused = failure(cloud, "direct", **arguments)
        assert refused["Error"]["Code"] == "ValidationError"
        assert refused["Error"]["Message"].endswith(f"must be one of a, b; it is {got}")


@pytest.mark.parametrize("isolated", [False, True])
def test_the_containers_of_an_isolated_pipeline_reach_nothing(cloud: Cloud, isolated: bool) -> None:
    deploy(cloud, "alone", CALLING, CALLING, EnableNetworkIsolation=isolated)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answer = json.loads(cloud.ask("alone", Body=json.dumps([port])))
    assert answer == [port, *([not isolated] * 4)]


def test_a_deleted_pipeline_leaves_nothing(cloud: Cloud) -> None:
    deploy(cloud, "gone", TELLS.format("one"), TELLS.format("two"))
    cloud.api.delete_endpoint(EndpointName="gone")
    cloud.gone("gone")
    assert not cloud.pids()
    for folder in ("instances", "model-data"):
        assert not list(Path(cloud.home, folder).glob("*"))
