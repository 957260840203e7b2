from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.sagemaker.cloud import ANSWERS, Cloud, until

HELD = """
import os, pathlib, time
def model_fn(d):
    return str(os.getpid())
def transform_fn(m, body, ct, accept):
    path = pathlib.Path(body)
    path.with_suffix(".begun").touch()
    while not path.exists():
        time.sleep(0.01)
    return m
"""
"""A handler that answers with its process id, when the file that the body names exists."""

BROKEN = "def model_fn(d):\n    raise ValueError('boom')\n"


def size(most: int, provisioned: int = 0, memory: int = 1024) -> dict[str, Any]:
    config = {"MemorySizeInMB": memory, "MaxConcurrency": most}
    return config | ({"ProvisionedConcurrency": provisioned} if provisioned else {})


def described(cloud: Cloud, name: str) -> dict[str, Any]:
    [variant] = cloud.api.describe_endpoint(EndpointName=name)["ProductionVariants"]
    return dict(variant)


@contextmanager
def held(cloud: Cloud, name: str, folder: Path, count: int) -> Iterator[list[Future[str]]]:
    """Keep so many requests under way at once, and let them be answered at the end."""
    bodies = [folder / f"{number}.answer" for number in range(count)]
    with ThreadPoolExecutor(count) as pool:
        answers = [pool.submit(cloud.ask, name, Body=str(body).encode()) for body in bodies]
        try:
            until(lambda: all(body.with_suffix(".begun").exists() for body in bodies))
            yield answers
        finally:
            for body in bodies:
                body.touch()


def error(cloud: Cloud, name: str, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        cloud.ask(name, **arguments)
    response: dict[str, Any] = caught.value.response
    return response


def refused(cloud: Cloud, *variants: dict[str, Any], **more: Any) -> str:
    with pytest.raises(ClientError) as caught:
        cloud.config("refused", *variants, **more)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return str(caught.value)


def test_each_request_at_once_has_an_instance_and_one_too_many_is_throttled(
    cloud: Cloud, tmp_path: Path
) -> None:
    description = cloud.deploy("slow", HELD, ServerlessConfig=size(2))
    assert description["EndpointStatus"] == "InService"
    assert len(cloud.pids()) == 1  # the model's proof
    with held(cloud, "slow", tmp_path, 2) as answers:
        assert len(cloud.pids()) == 2
        throttled = error(cloud, "slow", Body=str(tmp_path / "0.answer").encode())
    assert throttled["Error"] == {"Code": "ThrottlingException", "Message": None}
    assert throttled["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert len({answer.result() for answer in answers}) == 2
    again = [cloud.ask("slow", Body=str(tmp_path / "0.answer").encode()) for _ in range(3)]
    assert len(set(again)) == 1
    assert set(again) <= {answer.result() for answer in answers}


def test_idle_instances_end_and_each_request_at_once_starts_another(
    make_cloud: Callable[..., Cloud], tmp_path: Path
) -> None:
    cloud = make_cloud(serverless_idle_seconds=0.1)
    cloud.deploy("cold", HELD, ServerlessConfig=size(3))
    until(lambda: not cloud.pids())
    with held(cloud, "cold", tmp_path, 2) as answers:
        assert len(cloud.pids()) == 2
    assert len({answer.result() for answer in answers}) == 2
    # One for the model's proof, and one for each request.
    assert len(list(cloud.home.glob("logs/*/cold/AllTraffic/*.log"))) == 3
    until(lambda: not cloud.pids())
    assert described(cloud, "cold")["CurrentServerlessConfig"] == size(3)
    assert "CurrentInstanceCount" not in described(cloud, "cold")


def test_what_is_provisioned_stays_warm_and_can_be_changed(
    make_cloud: Callable[..., Cloud], tmp_path: Path
) -> None:
    cloud = make_cloud(serverless_idle_seconds=0.1)
    cloud.deploy("warm", HELD, ServerlessConfig=size(3, provisioned=2))
    warm = cloud.pids()
    assert len(warm) == 2
    with held(cloud, "warm", tmp_path, 3):
        assert len(cloud.pids()) == 3
    until(lambda: len(cloud.pids()) == 2)
    killed = min(cloud.pids())
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(cloud.pids() - {killed}) == 2)

    def change(**sizes: int) -> None:
        change = {"VariantName": "AllTraffic", "ServerlessUpdateConfig": sizes}
        cloud.api.update_endpoint_weights_and_capacities(
            EndpointName="warm", DesiredWeightsAndCapacities=[change]
        )
        cloud.settled("warm")

    change(MaxConcurrency=4, ProvisionedConcurrency=1)
    assert described(cloud, "warm")["CurrentServerlessConfig"] == size(4, provisioned=1)
    until(lambda: len(cloud.pids()) == 1)
    change(ProvisionedConcurrency=2)
    assert len(cloud.pids()) == 2
    # Two at first, one for the third request, one for the killed one, and one just now.
    assert len(list(cloud.home.glob("logs/*/warm/AllTraffic/*.log"))) == 5
    with pytest.raises(ClientError, match="is 5: it must be at most its MaxConcurrency, 4"):
        change(ProvisionedConcurrency=5)
    count = {"VariantName": "AllTraffic", "DesiredInstanceCount": 2}
    with pytest.raises(ClientError, match="is serverless: it takes no DesiredInstanceCount"):
        cloud.api.update_endpoint_weights_and_capacities(
            EndpointName="warm", DesiredWeightsAndCapacities=[count]
        )


def test_a_model_that_does_not_load_fails_the_deployment(cloud: Cloud) -> None:
    description = cloud.deploy("boom", BROKEN, ServerlessConfig=size(2))
    assert description["EndpointStatus"] == "Failed"
    assert description["FailureReason"].endswith("ValueError: boom")
    assert not cloud.pids()


def test_a_request_is_told_why_its_instance_did_not_start(
    make_cloud: Callable[..., Cloud], tmp_path: Path
) -> None:
    cloud = make_cloud(serverless_idle_seconds=0.1)
    mark = tmp_path / "loaded"
    load = f"def model_fn(d):\n    open({str(mark)!r}, 'x')\n    return 'once'\n"
    serve = "\n\ndef transform_fn(m, body, ct, accept):\n    return m\n"
    cloud.deploy("once", load + serve, ServerlessConfig=size(1))
    until(lambda: not cloud.pids())
    failed = error(cloud, "once")
    assert failed["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert "FileExistsError" in failed["Error"]["Message"]
    mark.unlink()
    assert cloud.ask("once") == "once"


def test_an_instance_has_no_more_memory_than_its_size(cloud: Cloud) -> None:
    greedy = "def model_fn(d):\n    return bytearray(1100 * 1024 ** 2)\n"
    assert (
        "MemoryError" in cloud.deploy("greedy", greedy, ServerlessConfig=size(1))["FailureReason"]
    )


def test_a_payload_may_have_4_mib(cloud: Cloud) -> None:
    cloud.deploy("size", ANSWERS.format("yes"), ServerlessConfig=size(1))
    assert cloud.ask("size", Body=b"x" * 4 * 1024**2) == "yes"
    assert error(cloud, "size", Body=b"x" * (4 * 1024**2 + 1))["Error"]["Code"] == (
        "RequestEntityTooLarge"
    )


def test_an_update_answers_what_the_old_deployment_has_and_instances_do_not_become_serverless(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_cloud.sagemaker.instances.container.TERMINATION_SECONDS", 0.01)
    cloud.deploy("one", HELD, ServerlessConfig=size(1))
    cloud.config(
        "two", {"ModelName": cloud.model("two", ANSWERS.format("two")), "ServerlessConfig": size(2)}
    )
    cloud.config("real", {"ModelName": "two"})
    with held(cloud, "one", tmp_path, 1) as answers:
        cloud.api.update_endpoint(EndpointName="one", EndpointConfigName="two")
        until(
            lambda: cloud.api.describe_endpoint(EndpointName="one")["EndpointConfigName"] == "two"
        )
        assert {cloud.ask("one") for _ in range(20)} == {"two"}
    assert int(answers[0].result()) > 0
    cloud.settled("one")
    cloud.api.update_endpoint(EndpointName="one", EndpointConfigName="real")
    assert cloud.settled("one")["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    with pytest.raises(ClientError, match="You cannot convert your instance-based"):
        cloud.api.update_endpoint(EndpointName="one", EndpointConfigName="two")


def test_what_serverless_excludes_is_refused_by_name(cloud: Cloud) -> None:
    cloud.model("any", ANSWERS.format(1))
    cloud.model("isolated", isolated=True)
    variant = {"ModelName": "any", "ServerlessConfig": size(2)}
    other = {**variant, "VariantName": "Other"}
    assert "exactly one variant, not 2" in refused(cloud, variant, other)
    assert "network isolation" in refused(cloud, {**variant, "ModelName": "isolated"})
    assert "network isolation" in refused(cloud, variant, EnableNetworkIsolation=True)
    assert "remove its InstanceType" in refused(cloud, {**variant, "InstanceType": "ml.m5.large"})
    assert "multiple of 1024" in refused(cloud, {**variant, "ServerlessConfig": size(2, 0, 1500)})
    assert "at most 200" in refused(cloud, {**variant, "ServerlessConfig": size(201)})
    assert "at most its MaxConcurrency, 2" in refused(
        cloud, {**variant, "ServerlessConfig": size(2, provisioned=3)}
    )
    capture = {
        "InitialSamplingPercentage": 1,
        "DestinationS3Uri": "s3://models/x",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    assert "data capture" in refused(cloud, variant, DataCaptureConfig=capture)


def test_no_more_processes_are_started_than_the_local_cloud_allows(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("local_cloud.sagemaker.control.api.MAX_INSTANCES", 1)
    cloud.deploy("few", HELD, ServerlessConfig=size(200))
    with held(cloud, "few", tmp_path, 1):
        throttled = error(cloud, "few")
    assert throttled["Error"]["Code"] == "ThrottlingException"
    assert "runs at most 1 instances" in throttled["Error"]["Message"]
