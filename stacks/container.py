"""A model's container: its image, which is pulled or built, its data and its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Fn, Stack
from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

from catalogue.images import ECR_IMAGE
from settings.errors import StageError
from settings.model import DockerfileModel, Model, RepositoryModel
from stacks.model_data import ModelData


@dataclass(frozen=True)
class ContainerImage:
    """An image, and the one repository that a role must be allowed to pull from."""

    uri: str
    repository_arn: str


@dataclass(frozen=True)
class Container:
    """An image, with the model data and the environment variables of its container."""

    image: ContainerImage
    data: ModelData
    environment: Mapping[str, str]
    multi_model: bool = False


def container_image(scope: Construct, model: Model, chosen: str, root: Path) -> ContainerImage:
    """Return a model's image: from AWS, from anyone's ECR, or built by this deployment.

    chosen is the result of the model's image_for. The folder of a Dockerfile is relative to root.
    Raises StageError if the folder has no Dockerfile.
    """
    stack = Stack.of(scope)
    match model:
        case DockerfileModel(dockerfile=folder):
            if not (root / folder / "Dockerfile").is_file():
                raise StageError(
                    f"{root / folder}: this folder has no Dockerfile; write one, or change "
                    "model.dockerfile of the stage"
                )
            asset = ecr_assets.DockerImageAsset(
                scope,
                "Image",
                directory=str(root / folder),
                platform=ecr_assets.Platform.custom(chosen),
            )
            return ContainerImage(asset.image_uri, asset.repository.repository_arn)
        case RepositoryModel(repository=repository):
            registry = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}"
            return ContainerImage(
                Fn.sub(f"{registry}/{chosen}"),
                stack.format_arn(service="ecr", resource="repository", resource_name=repository),
            )
    image = ECR_IMAGE.fullmatch(chosen)
    assert image  # noqa: S101 - the stage was checked when it was read
    return ContainerImage(
        image[0],
        stack.format_arn(
            service="ecr",
            region=image["region"],
            account=image["account"],
            resource="repository",
            resource_name=image["repository"],
        ),
    )
