from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.sagemaker.cloud import (
    ANSWERS,
    REGION,
    SCRIPT,
    Cloud,
    answers_meanwhile,
    packed,
    source,
    until,
)

BROKEN = "def model_fn(d):\n    print('about to fail')\n    raise ValueError('boom')\n"
PING_SENTENCE = (
    "The primary container for production variant AllTraffic did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint. "
)
SLOW = """
import pathlib, time
def model_fn(d):
    return "slow"
def transform_fn(m, body, ct, accept):
    pathlib.Path(body).touch()
    time.sleep(1)
    return m
"""


def logged(cloud: Cloud, name: str) -> list[str]:
    logs, group = cloud.clients("logs", REGION), f"/aws/sagemaker/Endpoints/{name}"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
    ]


def test_an_endpoint_is_created_and_answers(cloud: Cloud) -> None:
    cloud.config("life", {"ModelName": cloud.model("life", ANSWERS.format("hello"))})
    cloud.api.create_endpoint(EndpointName="life", EndpointConfigName="life")
    assert cloud.api.describe_endpoint(EndpointName="life")["EndpointStatus"] == "Creating"
    description = cloud.settled("life")
    assert description["EndpointStatus"] == "InService"
    assert description["EndpointConfigName"] == "life"
    assert "FailureReason" not in description
    [variant] = description["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == 1
    assert variant["CurrentWeight"] == variant["DesiredWeight"] == 1.0
    assert "sagemaker-scikit-learn" in variant["DeployedImages"][0]["SpecifiedImage"]
    assert cloud.ask("life") == "hello"


def test_an_endpoint_whose_model_does_not_load_fails_with_the_reason_and_its_log(
    cloud: Cloud,
) -> None:
    description = cloud.deploy("boom", BROKEN)
    assert description["EndpointStatus"] == "Failed"
    assert description["FailureReason"] == PING_SENTENCE + "ValueError: boom"
    lines = logged(cloud, "boom")
    assert "about to fail" in lines
    assert "Traceback (most recent call last):" in lines
    assert "ValueError: boom" in lines
    [file] = cloud.home.glob(f"logs/{REGION}/boom/AllTraffic/i-*.log")
    assert file.read_text().splitlines() == lines
    assert not cloud.pids()
    assert not list(cloud.home.glob("instances/*"))
    with pytest.raises(ClientError, match=r"boom of account 123456789012 is Failed.*ValueError"):
        cloud.ask("boom")
    with pytest.raises(ClientError, match="it can only be deleted"):
        cloud.api.update_endpoint(EndpointName="boom", EndpointConfigName="boom")
    cloud.api.delete_endpoint(EndpointName="boom")
    cloud.gone("boom")


@pytest.mark.parametrize(
    ("code", "environment", "reason"),
    [
        ("import os\nos._exit(3)", {}, "The container exited with status 3."),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
            {},
            "The container was ended by SIGKILL.",
        ),
        (
            ANSWERS.format(1),
            {"SAGEMAKER_PROGRAM": "inference.py"},
            "ImportModuleError: No module named 'inference'",
        ),
        (
            ANSWERS.format(1),
            {"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
            "AttributeError: 'NoneType' object has no attribute 'startswith'",
        ),
    ],
)
def test_a_container_that_cannot_start_says_why(
    cloud: Cloud, code: str, environment: dict[str, str], reason: str
) -> None:
    container: dict[str, Any] = {"Environment": environment} if environment else {}
    cloud.config("why", {"ModelName": cloud.model("why", code, **container)})
    cloud.api.create_endpoint(EndpointName="why", EndpointConfigName="why")
    assert cloud.settled("why")["FailureReason"].startswith(PING_SENTENCE + reason)


def test_model_data_that_is_missing_or_no_archive_says_so(cloud: Cloud) -> None:
    cloud.config("text", {"ModelName": cloud.model("text", b"no archive")})
    url = "s3://models/nowhere.tar.gz"
    cloud.config("none", {"ModelName": cloud.model("none", ModelDataUrl=url)})
    for name in ("text", "none"):
        cloud.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    text = cloud.settled("text")["FailureReason"]
    assert text.startswith("Failed to extract model data archive for container")
    assert "s3://models/text.tar.gz" in text
    none = cloud.settled("none")["FailureReason"]
    assert none.startswith("Failed to download model data for container")
    assert url in none
    assert "NoSuchKey" in none


def test_silence_is_waited_on_until_the_health_check_times_out(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_cloud.sagemaker.instances.container.STARTUP_TIMEOUT_SECONDS", 1)
    description = cloud.deploy("mute", "import time\ntime.sleep(60)")
    assert description["FailureReason"].endswith("did not answer /ping within 1 seconds.")


def test_code_may_be_in_s3_apart_from_the_model(cloud: Cloud) -> None:
    code = cloud.upload("apart/sourcedir.tar.gz", packed({"inference.py": ANSWERS.format("apart")}))
    script = SCRIPT | {"SAGEMAKER_SUBMIT_DIRECTORY": code}
    cloud.config("apart", {"ModelName": cloud.model("apart", packed({}), Environment=script)})
    cloud.api.create_endpoint(EndpointName="apart", EndpointConfigName="apart")
    assert "FailureReason" not in cloud.settled("apart")
    assert cloud.ask("apart") == "apart"


def test_an_archive_runs_from_a_model_data_source_with_nothing_of_this_repository(
    cloud: Cloud,
) -> None:
    code = """
import importlib.util, os, pathlib, sys, helper
def model_fn(d):
    return pathlib.Path(d, "weights.txt").read_text()
def transform_fn(m, body, ct, accept):
    own = ["stacks", "app", "model_artifact", "local_cloud", "inference.client", "tests"]
    found = [n for n in own if "." not in n and importlib.util.find_spec(n)]
    names = sorted(os.environ)
    return {"found": found, "weights": m, "helper": helper.WORD, "here": __file__, "env": names}
"""
    files = {"code/inference.py": code, "code/helper.py": "WORD = 'help'", "weights.txt": "w"}
    url = cloud.upload("source.tar.gz", packed(files))
    cloud.model("apart", **source(url, "S3Object", "Gzip"))
    cloud.config("apart", {"ModelName": "apart"})
    os.environ["OWN_TO_THE_USER"] = "s"
    try:
        cloud.api.create_endpoint(EndpointName="apart", EndpointConfigName="apart")
        cloud.settled("apart")
    finally:
        del os.environ["OWN_TO_THE_USER"]
    answer = json.loads(cloud.ask("apart"))
    assert answer["found"] == []
    assert (answer["weights"], answer["helper"]) == ("w", "help")
    assert answer["here"].startswith(str(cloud.home / "instances"))
    assert answer["here"].endswith("/opt/ml/code/inference.py")
    assert "AWS_ENDPOINT_URL" in answer["env"]
    assert not {"OWN_TO_THE_USER", "PYTHONPATH"} & set(answer["env"])


def test_an_update_moves_from_old_to_new_without_losing_a_request(cloud: Cloud) -> None:
    created = cloud.deploy("green", ANSWERS.format("old"))["CreationTime"]
    cloud.config("green-2", {"ModelName": cloud.model("green-2", ANSWERS.format("new"))})
    with answers_meanwhile(cloud, "green") as answers:
        cloud.api.update_endpoint(EndpointName="green", EndpointConfigName="green-2")
        updating = cloud.api.describe_endpoint(EndpointName="green")
        assert updating["EndpointStatus"] == "Updating"
        assert updating["EndpointConfigName"] == "green"
        assert updating["PendingDeploymentSummary"]["EndpointConfigName"] == "green-2"
        description = cloud.settled("green")
        until(lambda: answers[-1] == "new")
    assert set(answers) == {"old", "new"}
    assert [change for change in pairwise(answers) if change[0] != change[1]] == [("old", "new")]
    assert description["EndpointConfigName"] == "green-2"
    assert description["CreationTime"] == created
    assert len(cloud.pids()) == 1
    assert len(list(cloud.home.glob("model-data/*"))) == 1


def test_a_failed_update_rolls_back_and_the_old_instances_never_stop_answering(
    cloud: Cloud,
) -> None:
    cloud.deploy("safe", ANSWERS.format("old"))
    before = cloud.pids()
    cloud.config("safe-2", {"ModelName": cloud.model("safe-2", BROKEN)})
    with answers_meanwhile(cloud, "safe") as answers:
        cloud.api.update_endpoint(EndpointName="safe", EndpointConfigName="safe-2")
        description = cloud.settled("safe")
    assert set(answers) == {"old"}
    assert description["EndpointStatus"] == "InService"
    assert description["EndpointConfigName"] == "safe"
    assert description["FailureReason"] == PING_SENTENCE + "ValueError: boom"
    assert "ValueError: boom" in logged(cloud, "safe")
    assert cloud.pids() == before
    cloud.api.delete_endpoint_config(EndpointConfigName="safe-2")
    cloud.api.update_endpoint(EndpointName="safe", EndpointConfigName="safe")
    assert "FailureReason" not in cloud.settled("safe")


def test_a_request_under_way_is_answered_by_the_instance_that_leaves(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On SIGTERM too a container would finish its request, given the time: here it has none.
    monkeypatch.setattr("local_cloud.sagemaker.instances.container.TERMINATION_SECONDS", 0.1)
    cloud.deploy("drain", SLOW)
    cloud.config("drain-2", {"ModelName": cloud.model("drain-2", ANSWERS.format("new"))})
    with ThreadPoolExecutor() as pool:
        started = tmp_path / "started"
        cloud.api.update_endpoint(EndpointName="drain", EndpointConfigName="drain-2")
        slow = pool.submit(cloud.ask, "drain", Body=str(started).encode())
        until(started.exists)
        assert cloud.settled("drain")["EndpointConfigName"] == "drain-2"
        assert cloud.ask("drain") == "new"
        assert slow.result() == "slow"


def test_an_update_that_takes_longer_than_it_may_is_rolled_back(cloud: Cloud) -> None:
    cloud.deploy("late", ANSWERS.format("old"))
    before = cloud.pids()
    cloud.config("late-2", {"ModelName": cloud.model("late-2", "import time\ntime.sleep(60)")})
    # Not through boto3: the least that the service model takes is ten minutes.
    update = {
        "EndpointName": "late",
        "EndpointConfigName": "late-2",
        "DeploymentConfig": {"BlueGreenUpdatePolicy": {"MaximumExecutionTimeoutInSeconds": 1}},
    }
    cloud.run(cloud.service.update_endpoint(REGION, update))
    description = cloud.settled("late")
    assert "longer than its MaximumExecutionTimeoutInSeconds, 1" in description["FailureReason"]
    assert description["EndpointConfigName"] == "late"
    assert cloud.ask("late") == "old"
    assert cloud.pids() == before


def test_an_update_takes_counts_and_weights_from_the_config_unless_they_are_retained(
    cloud: Cloud,
) -> None:
    model = cloud.model("keep", ANSWERS.format("a"))
    cloud.config("keep", {"ModelName": model})
    cloud.config("keep-2", {"ModelName": model, "InitialVariantWeight": 5})
    cloud.api.create_endpoint(EndpointName="keep", EndpointConfigName="keep")
    cloud.settled("keep")
    change = {"VariantName": "AllTraffic", "DesiredInstanceCount": 2, "DesiredWeight": 3.0}
    cloud.api.update_endpoint_weights_and_capacities(
        EndpointName="keep", DesiredWeightsAndCapacities=[change]
    )
    assert cloud.settled("keep")["ProductionVariants"][0]["CurrentInstanceCount"] == 2

    def updated(**options: Any) -> tuple[int, float]:
        cloud.api.update_endpoint(EndpointName="keep", EndpointConfigName="keep-2", **options)
        [variant] = cloud.settled("keep")["ProductionVariants"]
        return variant["CurrentInstanceCount"], variant["CurrentWeight"]

    weight = [{"VariantPropertyType": "DesiredWeight"}]
    assert updated(RetainAllVariantProperties=True) == (2, 3.0)
    assert updated(RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=weight) == (
        2,
        5.0,
    )
    assert updated() == (1, 5.0)


def test_scaling_adds_and_drains_instances_while_others_answer(cloud: Cloud) -> None:
    cloud.deploy("scale", ANSWERS.format("a"))
    with answers_meanwhile(cloud, "scale") as answers:
        for count in (3, 1):
            change = {"VariantName": "AllTraffic", "DesiredInstanceCount": count}
            cloud.api.update_endpoint_weights_and_capacities(
                EndpointName="scale", DesiredWeightsAndCapacities=[change]
            )
            [variant] = cloud.settled("scale")["ProductionVariants"]
            assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == count
            assert len(cloud.pids()) == count
    assert set(answers) == {"a"}


def test_a_failed_scale_out_leaves_every_variant_at_the_count_before(
    cloud: Cloud, tmp_path: Path
) -> None:
    once = f"import os\nos.mkdir({str(tmp_path / 'once')!r})\n"
    models = {
        "Good": cloud.model("good", ANSWERS.format("a")),
        "Once": cloud.model("once", once + ANSWERS.format("a")),
    }
    cloud.config("out", *({"VariantName": key, "ModelName": models[key]} for key in models))
    cloud.api.create_endpoint(EndpointName="out", EndpointConfigName="out")
    cloud.settled("out")
    cloud.api.update_endpoint_weights_and_capacities(
        EndpointName="out",
        DesiredWeightsAndCapacities=[
            {"VariantName": name, "DesiredInstanceCount": 2} for name in models
        ],
    )
    description = cloud.settled("out")
    assert "FileExistsError" in description["FailureReason"]
    for variant in description["ProductionVariants"]:
        assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == 1
    assert cloud.ask("out") == "a"


def test_an_instance_that_dies_is_replaced_while_the_others_answer(cloud: Cloud) -> None:
    cloud.deploy("dies", ANSWERS.format("a"), InitialInstanceCount=2)
    before = cloud.pids()
    victim = min(before)

    def instance_count() -> int:
        [variant] = cloud.api.describe_endpoint(EndpointName="dies")["ProductionVariants"]
        return int(variant["CurrentInstanceCount"])

    os.kill(victim, signal.SIGKILL)
    until(lambda: instance_count() == 1)  # a request before that may be one that it takes along
    for _ in range(20):
        assert cloud.ask("dies") == "a"
    until(lambda: instance_count() == 2)
    assert len(cloud.pids() - before) == 1
    assert cloud.api.describe_endpoint(EndpointName="dies")["EndpointStatus"] == "InService"


def test_a_request_beyond_the_time_limit_is_a_model_error_and_its_instance_is_replaced(
    make_cloud: Callable[..., Cloud],
) -> None:
    cloud = make_cloud(invocation_timeout_seconds=0.5)
    code = """
import time
def model_fn(d):
    return "quick"
def transform_fn(m, body, ct, accept):
    if body == "slow":
        time.sleep(60)
    return m
"""
    cloud.deploy("stuck", code)
    before = cloud.pids()
    with pytest.raises(ClientError) as caught:
        cloud.ask("stuck", Body=b"slow")
    assert caught.value.response["OriginalStatusCode"] == 0
    message = caught.value.response["Error"]["Message"]
    assert message.startswith(
        'Received server error (0) from primary with message "Your invocation timed out while '
        "waiting for a response from container primary."
    )

    def answers() -> bool:
        try:
            return cloud.ask("stuck") == "quick"
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ServiceUnavailable"  # noqa: PT017
            return False

    until(answers)
    assert not before & cloud.pids()


def test_a_container_that_dies_during_a_request_is_a_model_error(cloud: Cloud) -> None:
    cloud.deploy("die", ANSWERS.format(1).replace("return m\n", "import os; os._exit(1)\n"))
    with pytest.raises(ClientError, match="as the model process exited") as caught:
        cloud.ask("die")
    assert caught.value.response["Error"]["Code"] == "ModelError"


def test_a_machine_that_cannot_start_another_leaves_the_count_before(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.deploy("full", ANSWERS.format("a"))

    def fill(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("local_cloud.sagemaker.instances.container._fill", fill)
    change = {"VariantName": "AllTraffic", "DesiredInstanceCount": 2}
    cloud.api.update_endpoint_weights_and_capacities(
        EndpointName="full", DesiredWeightsAndCapacities=[change]
    )
    description = cloud.settled("full")
    assert "No space left on device" in description["FailureReason"]
    [variant] = description["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == 1
    assert cloud.ask("full") == "a"


def test_an_endpoint_under_way_is_neither_updated_nor_deleted(cloud: Cloud, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gated = (
        f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
    )
    cloud.config("busy", {"ModelName": cloud.model("busy", gated + ANSWERS.format("a"))})
    cloud.api.create_endpoint(EndpointName="busy", EndpointConfigName="busy")
    change = {"VariantName": "AllTraffic", "DesiredInstanceCount": 2}
    for call, arguments in (
        (cloud.api.delete_endpoint, {}),
        (cloud.api.update_endpoint, {"EndpointConfigName": "busy"}),
        (
            cloud.api.update_endpoint_weights_and_capacities,
            {"DesiredWeightsAndCapacities": [change]},
        ),
    ):
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            call(EndpointName="busy", **arguments)
    with pytest.raises(ClientError, match="is Creating, not InService"):
        cloud.ask("busy")
    gate.touch()
    assert cloud.settled("busy")["EndpointStatus"] == "InService"


def test_a_deleted_endpoint_is_gone_with_its_instances(cloud: Cloud) -> None:
    cloud.deploy("gone", ANSWERS.format("a"))
    cloud.api.delete_endpoint(EndpointName="gone")
    cloud.gone("gone")
    assert not cloud.pids()
    assert not list(cloud.home.glob("instances/*"))
    assert not list(cloud.home.glob("model-data/*"))
    with pytest.raises(ClientError, match=r'Could not find endpoint "arn:aws:sagemaker:'):
        cloud.api.describe_endpoint(EndpointName="gone")
    with pytest.raises(ClientError, match="Endpoint gone of account 123456789012 not found"):
        cloud.ask("gone")


def test_closing_in_the_middle_of_everything_leaves_no_process_and_no_folder(
    cloud: Cloud,
) -> None:
    sleeper = "import subprocess\nsubprocess.Popen(['sleep', '60'])\n"
    cloud.deploy("runs", sleeper + ANSWERS.format("a"), InitialInstanceCount=2)
    cloud.config("new", {"ModelName": cloud.model("new", "import time\ntime.sleep(60)")})
    cloud.api.update_endpoint(EndpointName="runs", EndpointConfigName="new")
    cloud.api.create_endpoint(EndpointName="new", EndpointConfigName="new")
    until(lambda: len(cloud.pids()) == 4)
    cloud.run(cloud.service.close())
    assert not cloud.pids()
    assert not list(cloud.home.iterdir())


PARENT = """
import asyncio, io, json, sys, tarfile
from pathlib import Path
from types import SimpleNamespace
from local_cloud.sagemaker import SageMaker

CODE = b"def model_fn(d): pass"
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w:gz") as tar:
    member = tarfile.TarInfo("code/inference.py")
    member.size = len(CODE)
    tar.addfile(member, io.BytesIO(CODE))

def anything(**_):
    return {"Body": io.BytesIO(archive.getvalue())}

client = SimpleNamespace(
    get_object=anything, create_log_group=anything, create_log_stream=anything,
    put_log_events=anything, meta=SimpleNamespace(endpoint_url="http://localhost:1"),
)

async def run():
    service = SageMaker(lambda *_: client, Path(sys.argv[1]))
    container = {"Image": "sagemaker-scikit-learn", "ModelDataUrl": "s3://b/k"}
    container["Environment"] = json.loads(sys.argv[2])
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "t", "InitialInstanceCount": 2}
    await service.create_model("r", {"ModelName": "m", "PrimaryContainer": container})
    config = {"EndpointConfigName": "c", "ProductionVariants": [variant]}
    await service.create_endpoint_config("r", config)
    await service.create_endpoint("r", {"EndpointName": "e", "EndpointConfigName": "c"})
    description = {"EndpointStatus": "Creating"}
    while description["EndpointStatus"] != "InService":
        await asyncio.sleep(0.01)
        description = await service.describe_endpoint("r", {"EndpointName": "e"})
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(run())
"""


def test_instances_end_with_the_local_cloud_even_when_it_is_killed(cloud: Cloud) -> None:
    command = [sys.executable, "-c", PARENT, str(cloud.home), json.dumps(SCRIPT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as parent:
        try:
            assert parent.stdout
            assert parent.stdout.readline() == b"ready\n"
            assert len(cloud.pids()) == 2
        finally:
            parent.kill()
    until(lambda: not cloud.pids())
