"""Which image a model's container runs, and what its role may pull: that one and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from settings.errors import StageError
from settings.stage import Stage
from tests.infrastructure.synthesis import MODEL, POLICY, Synthesize, Synthesized


def with_image(**model: Any) -> Stage:
    """Return the stage dev with another image."""
    document = Stage.load("dev").model_dump()
    document["model"] = model
    return Stage.model_validate(document)


def pullable(deployed: Synthesized) -> Any:
    """Return the resource of the statement that permits to pull the image."""
    statements = deployed.of_type(POLICY)["PolicyDocument"]["Statement"]
    (statement,) = (statement for statement in statements if statement["Sid"] == "PullImage")
    return statement["Resource"]


def container(deployed: Synthesized) -> dict[str, Any]:
    primary: dict[str, Any] = deployed.of_type(MODEL)["PrimaryContainer"]
    return primary


def test_another_framework_gets_its_image_and_the_variables_of_its_toolkit(
    synthesize: Synthesize,
) -> None:
    deployed = synthesize(with_image(framework="pytorch", version="2.6"))
    image = "763104351884.dkr.ecr.eu-central-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
    assert container(deployed)["Image"] == image
    assert container(deployed)["Environment"] == {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_REGION": "eu-central-1",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
    }


def test_an_image_of_another_account_and_region_is_pulled_from_there(
    synthesize: Synthesize,
) -> None:
    image = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/iris:1.0"
    deployed = synthesize(with_image(image=image))
    assert container(deployed)["Image"] == image
    assert "Environment" not in container(deployed)
    assert pullable(deployed) == "arn:aws:ecr:eu-west-1:111122223333:repository/team/iris"


@pytest.mark.parametrize(
    ("tag", "reference"), [("1.0", ":1.0"), (f"sha256:{'0' * 64}", f"@sha256:{'0' * 64}")]
)
def test_a_repository_of_the_account_is_named_without_the_account(
    synthesize: Synthesize, tag: str, reference: str
) -> None:
    deployed = synthesize(with_image(repository="team/iris", tag=tag))
    assert container(deployed)["Image"] == {
        "Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/team/iris"
        f"{reference}"
    }
    resource = pullable(deployed)["Fn::Join"][1]
    assert {"Ref": "AWS::AccountId"} in resource
    assert resource[-1] == ":repository/team/iris"


@pytest.mark.parametrize(
    ("instance_type", "platform"),
    [("ml.m5.large", "linux/amd64"), ("ml.m8g.large", "linux/arm64")],
)
def test_a_dockerfile_is_built_for_the_instances_processor_and_only_that_image_can_be_pulled(
    synthesize: Synthesize, tmp_path: Path, instance_type: str, platform: str
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    document = with_image(dockerfile=tmp_path).model_dump()
    document["endpoint"]["variants"][0]["instance_type"] = instance_type
    deployed = synthesize(Stage.model_validate(document))
    ((hash_, asset),) = deployed.assets["dockerImages"].items()
    assert asset["source"]["platform"] == platform
    assert (deployed.folder / asset["source"]["directory"] / "Dockerfile").is_file()
    (destination,) = asset["destinations"].values()
    assert container(deployed)["Image"]["Fn::Sub"].endswith(
        f"/{destination['repositoryName']}:{hash_}"
    )
    assert pullable(deployed)["Fn::Join"][1][-2:] == [
        ":repository/",
        {"Fn::Sub": destination["repositoryName"]},
    ]


def test_a_folder_without_a_dockerfile_is_refused_by_name(
    synthesize: Synthesize, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match=f"{tmp_path}: this folder has no Dockerfile"):
        synthesize(with_image(dockerfile=tmp_path))
