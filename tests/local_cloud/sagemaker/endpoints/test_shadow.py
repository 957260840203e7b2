"""Shadow variants: they see copies of requests, and change nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.sagemaker.cloud import ANSWERS, Cloud, until

NOTES = """
import os, pathlib
def model_fn(d):
    return pathlib.Path(os.environ["NOTES"])
def transform_fn(m, body, ct, accept):
    with m.open("a") as file:
        file.write(f"{ct} {accept} {body}\\n")
    return "shadow"
"""
RAISES = "def model_fn(d): pass\ndef transform_fn(m, body, ct, accept): raise ValueError('dim')\n"
HANGS = "import time\ndef model_fn(d): pass\ndef transform_fn(*_): time.sleep(600)\n"
DIES = "import os\ndef model_fn(d): pass\ndef transform_fn(*_): os._exit(1)\n"


def shadowed(cloud: Cloud, name: str, shadow_model: str, **shadow: Any) -> dict[str, Any]:
    """Deploy a model that answers "light", and a shadow beside it."""
    variant = {
        "VariantName": "Shadow",
        "ModelName": shadow_model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        **shadow,
    }
    model = cloud.model(f"{name}-light", ANSWERS.format("light"))
    cloud.config(name, {"ModelName": model}, ShadowProductionVariants=[variant])
    cloud.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return cloud.settled(name)


def noting(cloud: Cloud, notes: Path) -> str:
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "NOTES": str(notes),
    }
    return cloud.model("noting", NOTES, Environment=environment)


def lines(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def test_a_shadow_sees_every_request_and_changes_no_answer(cloud: Cloud, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    description = shadowed(cloud, "both", noting(cloud, notes))
    [shadow] = description["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["CurrentInstanceCount"]) == ("Shadow", 1)
    assert len(description["ProductionVariants"]) == 1
    config = cloud.api.describe_endpoint_config(EndpointConfigName="both")
    assert config["ShadowProductionVariants"][0]["ModelName"] == "noting"
    for number in range(50):
        body = str(number).encode()
        answer = cloud.runtime.invoke_endpoint(
            EndpointName="both", Body=body, ContentType="text/plain", Accept="a/b"
        )
        assert answer["Body"].read() == b"light"
        assert answer["InvokedProductionVariant"] == "AllTraffic"
    until(lambda: len(lines(notes)) >= 50)
    assert sorted(lines(notes)) == sorted(f"text/plain a/b b'{number}'" for number in range(50))
    with pytest.raises(ClientError, match="Variant Shadow of endpoint both not found"):
        cloud.ask("both", TargetVariant="Shadow")


def test_a_shadow_sees_the_share_that_its_weight_is_of_the_production_variants(
    cloud: Cloud, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    shadowed(cloud, "some", noting(cloud, notes), InitialVariantWeight=0.3)
    for _ in range(400):
        assert cloud.ask("some") == "light"
    least, most = (120 + sign * 5 * sqrt(400 * 0.3 * 0.7) for sign in (-1, 1))
    until(lambda: len(lines(notes)) >= least)
    change = {"VariantName": "Shadow", "DesiredWeight": 0.0}
    cloud.api.update_endpoint_weights_and_capacities(
        EndpointName="some", DesiredWeightsAndCapacities=[change]
    )
    [shadow] = cloud.settled("some")["ShadowProductionVariants"]
    assert shadow["CurrentWeight"] == 0
    for _ in range(20):
        cloud.ask("some")
    assert len(lines(notes)) <= most


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (RAISES, "answers with status 500"),
        (HANGS, "answers with status 0"),
        (DIES, "answers with status 0"),
    ],
    ids=["raises", "hangs", "dies"],
)
def test_a_shadow_that_fails_changes_nothing(
    make_cloud: Callable[..., Cloud], caplog: pytest.LogCaptureFixture, code: str, said: str
) -> None:
    cloud = make_cloud(invocation_timeout_seconds=1)
    shadowed(cloud, "dim", cloud.model("dim", code))
    for _ in range(20):
        assert cloud.ask("dim") == "light"
    until(lambda: f"shadow variant Shadow of endpoint dim {said}" in caplog.text)
    assert cloud.ask("dim") == "light"


def test_a_shadow_that_hangs_holds_up_neither_answers_nor_updates_nor_the_end(
    cloud: Cloud,
) -> None:
    shadowed(cloud, "wait", cloud.model("wait", HANGS))
    started = time.monotonic()
    for _ in range(20):
        assert cloud.ask("wait") == "light"
    cloud.api.update_endpoint(EndpointName="wait", EndpointConfigName="wait")
    cloud.settled("wait")
    assert cloud.ask("wait") == "light"
    cloud.api.delete_endpoint(EndpointName="wait")
    cloud.gone("wait")
    assert time.monotonic() - started < 30  # a request may take the shadow 60


def test_an_endpoint_whose_shadow_cannot_start_fails(cloud: Cloud) -> None:
    description = shadowed(cloud, "night", cloud.model("night", "raise ValueError('dark')"))
    assert description["EndpointStatus"] == "Failed"
    assert "production variant Shadow did not pass the ping" in description["FailureReason"]
    assert "dark" in description["FailureReason"]
    assert not cloud.pids()


def test_a_shadow_leaves_with_an_update_that_has_none(cloud: Cloud, tmp_path: Path) -> None:
    shadowed(cloud, "leave", noting(cloud, tmp_path / "notes"))
    cloud.config("alone", {"ModelName": "leave-light"})
    cloud.api.update_endpoint(EndpointName="leave", EndpointConfigName="alone")
    assert "ShadowProductionVariants" not in cloud.settled("leave")
    assert len(cloud.pids()) == 1


def test_a_shadow_has_one_production_variant_and_a_name_of_its_own(cloud: Cloud) -> None:
    cloud.model("m")
    whole = {"ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    for production, shadows, message in (
        (("a", "b"), ("s",), "this config has 2 and 1"),
        (("a",), ("s", "t"), "this config has 1 and 2"),
        (("a",), ("a",), "used twice: a"),
    ):
        with pytest.raises(ClientError, match=message):
            cloud.config(
                "c",
                *({"VariantName": name, "ModelName": "m"} for name in production),
                ShadowProductionVariants=[{"VariantName": name, **whole} for name in shadows],
            )
    with pytest.raises(ClientError, match=r'Could not find model ".*/none"'):
        cloud.config(
            "c",
            {"ModelName": "m"},
            ShadowProductionVariants=[{**whole, "VariantName": "s", "ModelName": "none"}],
        )


@pytest.mark.parametrize(
    ("variant", "more", "named"),
    [
        ({"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}, {}, "Serverless"),
        ({}, {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/k"}}}, "Async"),
    ],
)
def test_a_shadow_excludes_serverless_and_asynchronous_inference(
    cloud: Cloud, variant: dict[str, Any], more: dict[str, Any], named: str
) -> None:
    cloud.model("m")
    shadow = {
        "VariantName": "s",
        "ModelName": "m",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    with pytest.raises(ClientError, match=f"A shadow variant excludes an? {named}"):
        cloud.config("c", {"ModelName": "m", **variant}, ShadowProductionVariants=[shadow], **more)
