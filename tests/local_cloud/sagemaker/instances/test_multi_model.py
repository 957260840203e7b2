"""Multi-model endpoints: the models below one prefix, loaded as they are asked for."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

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

CODE = """
import gc, os, pathlib, time, weakref

class Model:
    def __init__(self, name):
        self.name = name

LOADED = weakref.WeakSet()

def model_fn(model_dir):
    name = (pathlib.Path(model_dir) / "name.txt").read_text()
    print("loads", name)
    if name.startswith("/"):
        while not os.path.exists(name):
            time.sleep(0.01)
    if name == "broken":
        raise ValueError("boom")
    if name == "exits":
        os._exit(3)
    gc.collect()
    if name == "big" and LOADED:
        raise MemoryError
    model = Model(name)
    LOADED.add(model)
    return model

def transform_fn(model, body, content_type, accept):
    return f"{model.name} of {os.environ['SAGEMAKER_MULTI_MODEL']}"
"""
CALLING = """
import json, os, pathlib, socket
def model_fn(model_dir):
    return (pathlib.Path(model_dir) / "name.txt").read_text()
def transform_fn(model, port, *_):
    try:
        socket.create_connection(("127.0.0.1", int(port)), 5).close()
        reached = True
    except OSError:
        reached = False
    return json.dumps([model, reached, "AWS_ACCESS_KEY_ID" in os.environ])
"""


def put(cloud: Cloud, name: str, key: str, text: str) -> None:
    cloud.upload(f"{name}/models/{key}", packed({"name.txt": text}))


def container(
    cloud: Cloud, name: str, code: str = CODE, submit: str | None = None, **more: Any
) -> dict[str, Any]:
    url = cloud.upload(f"{name}/code/sourcedir.tar.gz", packed({"inference.py": code}))
    return {
        "Image": IMAGE,
        "Mode": "MultiModel",
        "ModelDataUrl": f"s3://{BUCKET}/{name}/models/",
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": submit or url,
        },
        **more,
    }


def deploy(cloud: Cloud, name: str, *models: str, **model: Any) -> dict[str, Any]:
    """Create an endpoint of models that answer with their names."""
    for each in models:
        put(cloud, name, f"{each}.tar.gz", each)
    model = model or {"PrimaryContainer": container(cloud, name)}
    cloud.api.create_model(ModelName=name, **model)
    cloud.config(name, {"ModelName": name})
    cloud.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return cloud.settled(name)


def ask(cloud: Cloud, name: str, model: str) -> str:
    return cloud.ask(name, TargetModel=f"{model}.tar.gz").removesuffix(" of true")


def failure(cloud: Cloud, name: str, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        cloud.ask(name, **arguments)
    response: dict[str, Any] = caught.value.response
    return response


def loads(cloud: Cloud, name: str) -> list[str]:
    [log] = cloud.home.glob(f"logs/{REGION}/{name}/AllTraffic/i-*.log")
    return [line.partition("loads ")[2] for line in log.read_text().splitlines() if "loads" in line]


def folders(cloud: Cloud) -> list[Path]:
    return list(cloud.home.glob("instances/i-*/opt/ml/models/*"))


def test_the_models_of_a_prefix_answer_each_and_later_ones_too(cloud: Cloud) -> None:
    assert deploy(cloud, "many", "a", "b")["EndpointStatus"] == "InService"
    assert not folders(cloud)
    assert [ask(cloud, "many", name) for name in ("a", "b", "a")] == ["a", "b", "a"]
    put(cloud, "many", "later/c.tar.gz", "c")
    assert ask(cloud, "many", "later/c") == "c"
    assert loads(cloud, "many") == ["a", "b", "c"]
    assert len(cloud.pids()) == 1


def test_a_model_that_is_replaced_is_the_old_one_until_it_is_unloaded(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_cloud.sagemaker.instances.multi_model.MAX_LOADED_MODELS", 2)
    deploy(cloud, "bound", "a", "b", "c")
    for name in ("a", "b", "a"):
        ask(cloud, "bound", name)
    for name in ("a", "b"):
        put(cloud, "bound", f"{name}.tar.gz", f"new {name}")
    assert ask(cloud, "bound", "a") == "a"
    assert len(folders(cloud)) == 2
    assert ask(cloud, "bound", "c") == "c"  # b made room: it was the least recently used
    assert len(folders(cloud)) == 2
    assert ask(cloud, "bound", "a") == "a"
    assert ask(cloud, "bound", "b") == "new b"
    assert ask(cloud, "bound", "c") == "c"
    assert loads(cloud, "bound") == ["a", "b", "c", "new b", "c"]


def test_without_a_cache_a_model_is_loaded_for_each_request(cloud: Cloud) -> None:
    uncached = {"ModelCacheSetting": "Disabled"}
    deploy(
        cloud,
        "uncached",
        "a",
        PrimaryContainer=container(cloud, "uncached", MultiModelConfig=uncached),
    )
    assert [ask(cloud, "uncached", "a") for _ in range(2)] == ["a", "a"]
    until(lambda: not folders(cloud))
    assert loads(cloud, "uncached") == ["a", "a"]


def test_a_model_that_many_ask_for_at_once_is_loaded_once(cloud: Cloud) -> None:
    deploy(cloud, "once", "a")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(cloud, "once", "a"), range(16)))
    assert answers == ["a"] * 16
    assert loads(cloud, "once") == ["a"]


def test_a_model_for_which_there_is_no_memory_has_others_unloaded(cloud: Cloud) -> None:
    deploy(cloud, "memory", "a", "b", "big")
    assert [ask(cloud, "memory", name) for name in ("a", "b", "big")] == ["a", "b", "big"]
    assert len(folders(cloud)) == 1


def test_a_model_that_cannot_be_downloaded_or_extracted_is_named(cloud: Cloud) -> None:
    deploy(cloud, "wrong", "a", "broken")
    cloud.upload("wrong/models/text.tar.gz", b"no archive")
    missing = failure(cloud, "wrong", TargetModel="no.tar.gz")["Error"]
    assert missing["Code"] == "ValidationError"
    assert missing["Message"].startswith(
        "Failed to download model data(bucket: models, key: wrong/models/no.tar.gz). Please ensure "
        "that there is an object located at the URL"
    )
    text = failure(cloud, "wrong", TargetModel="text.tar.gz")["Error"]
    assert text["Code"] == "ValidationError"
    assert "not a valid tar.gz archive" in text["Message"]
    for _ in range(2):
        broken = failure(cloud, "wrong", TargetModel="broken.tar.gz")
        assert broken["Error"]["Code"] == "ModelError"
        assert broken["OriginalStatusCode"] == 500
        assert (
            "Failed to start workers for the model: ValueError: boom" in broken["OriginalMessage"]
        )
    assert not folders(cloud)
    assert ask(cloud, "wrong", "a") == "a"


def test_a_container_that_ends_while_it_loads_a_model_is_replaced(cloud: Cloud) -> None:
    deploy(cloud, "ends", "a", "exits")
    before = cloud.pids()
    ended = failure(cloud, "ends", TargetModel="exits.tar.gz")
    assert ended["Error"]["Code"] == "ModelError"
    assert ended["OriginalMessage"] == "The container ended while the model was loaded."

    def answers() -> bool:
        try:
            return ask(cloud, "ends", "a") == "a"
        except ClientError as error:
            # Of a container that is just ending, the caller still hears that it broke off.
            assert error.response["Error"]["Code"] in ("ServiceUnavailable", "ModelError")  # noqa: PT017
            return False

    until(answers)
    assert not before & cloud.pids()


def test_a_target_model_is_required_and_below_the_prefix(cloud: Cloud) -> None:
    deploy(cloud, "target", "a")
    cloud.upload("target/a.tar.gz", packed({"name.txt": "outside"}))
    absent = failure(cloud, "target")["Error"]
    assert absent["Code"] == "ValidationError"
    assert "is missing a target model header" in absent["Message"]
    for target in ("../a.tar.gz", "sub/../../a.tar.gz"):
        outside = failure(cloud, "target", TargetModel=target)["Error"]
        assert outside["Code"] == "ValidationError"
        assert "leave out its .." in outside["Message"]


def test_a_model_that_loads_slowly_is_not_ready_and_holds_nobody_up(
    make_cloud: Callable[..., Cloud], tmp_path: Path
) -> None:
    cloud = make_cloud(invocation_timeout_seconds=2.0)
    gate = tmp_path / "gate"
    deploy(cloud, "slow", "a")
    put(cloud, "slow", "slow.tar.gz", str(gate))

    def ready(model: str) -> str | None:
        try:
            return ask(cloud, "slow", model)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ModelNotReadyException"  # noqa: PT017
            return None

    until(lambda: ready("a"))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(failure, cloud, "slow", TargetModel="slow.tar.gz")
        until(lambda: str(gate) in loads(cloud, "slow"))
        assert ask(cloud, "slow", "a") == "a"
        assert slow.result()["Error"]["Code"] == "ModelNotReadyException"
        assert slow.result()["ResponseMetadata"]["HTTPStatusCode"] == 429
    gate.touch()
    assert until(lambda: ready("slow")) == str(gate)
    assert loads(cloud, "slow").count(str(gate)) == 1


@pytest.mark.parametrize("isolated", [False, True])
def test_the_models_of_an_isolated_container_are_loaded_and_reach_nothing(
    cloud: Cloud, tmp_path: Path, isolated: bool
) -> None:
    # As if it were in the image: an isolated container cannot download its code.
    source = tmp_path / "sourcedir.tar.gz"
    source.write_bytes(packed({"inference.py": CALLING}))
    several = container(cloud, "alone", submit=str(source))
    deploy(cloud, "alone", "a", PrimaryContainer=several, EnableNetworkIsolation=isolated)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        answer = json.loads(cloud.ask("alone", TargetModel="a.tar.gz", Body=port))
    assert answer == ["a", not isolated, not isolated]


def test_an_isolated_container_cannot_download_its_code(cloud: Cloud) -> None:
    several = container(cloud, "cut")
    description = deploy(cloud, "cut", PrimaryContainer=several, EnableNetworkIsolation=True)
    assert description["EndpointStatus"] == "Failed"
    assert (
        "DownloadError: SAGEMAKER_SUBMIT_DIRECTORY is s3://models/cut/code/sourcedir.tar.gz, which "
        "the container cannot download" in description["FailureReason"]
    )


def test_code_cannot_be_where_a_single_model_has_it(cloud: Cloud) -> None:
    several = container(cloud, "none", submit="/opt/ml/model/code")
    reason = deploy(cloud, "none", PrimaryContainer=several)["FailureReason"]
    assert "give the s3:// URL of a .tar.gz with the script at its root" in reason


def test_a_container_of_several_models_may_be_one_of_a_pipeline(cloud: Cloud) -> None:
    echo = ANSWERS.format("x").replace("return m\n", "return body\n")
    url = cloud.upload("both.tar.gz", packed({"code/inference.py": echo}))
    last = {"Image": IMAGE, "ModelDataUrl": url, "Environment": SCRIPT}
    deploy(cloud, "both", "a", "b", Containers=[container(cloud, "both"), last])
    assert [ask(cloud, "both", name) for name in ("a", "b")] == ["a", "b"]
