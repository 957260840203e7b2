"""The [model] table of a stage: what is deployed, in an image from AWS or in your own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, Tag, model_validator

from catalogue.images import (
    CODE_SUBMITTED,
    ECR_IMAGE,
    frameworks,
    image_uri,
    is_graviton,
    serving_environment,
)
from settings.artifact import Artifact, Code, S3Artifact
from settings.table import Cfn, Problem, Settings, refuse


class Model(Settings):
    """What is deployed, whatever the image: the model's files and the code that serves them."""

    cloudformation: ClassVar[str] = "AWS::SageMaker::Model/PrimaryContainer"

    artifact: Annotated[Artifact, Cfn("ModelDataUrl")] = Path("model_artifact/model")
    """The folder with the model's files; they become the root of the archive. Or an archive in S3,
    "s3://BUCKET/KEY.tar.gz"; or files in S3, "s3://BUCKET/PREFIX/", for a very large model.

    Slipway packs, inspects and uploads a folder. A model in S3 is deployed as it is.
    """
    artifact_account: Annotated[str | None, Cfn("")] = Field(
        default=None, pattern=r"^[0-9]{12}$", examples=["111122223333"]
    )
    """The account that owns the bucket in S3, if it is not the account of the deployment.

    For a bucket that a training account shares. The bucket policy must let the execution role read.
    """
    code: Annotated[Code, Cfn("")] = None
    """The folder with inference.py, "inference/code" if absent. It becomes code/ in the archive. An
    artifact in S3 has its own code/. false: no script; the image serves the files by itself.

    false for servers that read the model by themselves, such as TensorFlow Serving or XGBoost's.
    """
    vendor_requirements: Annotated[bool, Cfn("")] = False
    """Pack the packages of code/requirements.txt into the archive; the container installs none.

    Instances then start sooner, always have the same versions, and need no network.
    """
    environment: dict[str, str] = Field(default={})
    """Environment variables of the container, in addition to those that Slipway sets.

    No secrets: everybody who may describe the model can read them.
    """
    network_isolation: Annotated[bool, Cfn("../EnableNetworkIsolation")] = False
    """Give the container no network, not even to S3 or CloudWatch. Then it cannot install
    requirements.txt; use vendor_requirements.

    For code or data that must not get out.
    """

    multi_model: Annotated[bool, Cfn("Mode")] = False
    """Serve every archive below an artifact "s3://BUCKET/PREFIX/". An archive is loaded when a
    request names it.

    For many small models of one kind, added and removed without a deployment. With sklearn and
    xgboost they share one code folder. Its functions may not return a flask.Response.
    """

    @model_validator(mode="before")
    @classmethod
    def _check_one_image(cls, table: Any) -> Any:
        named = [key for key in _MODELS if key in table] if isinstance(table, dict) else []
        if len(named) > 1:
            why = f"{named[0]} chooses the image already"
            refuse([Problem(named[1], table[named[1]], why, "keep one of the two")])
        return table

    @property
    def has_code_apart(self) -> bool:
        """Whether the code is uploaded by itself, and the container downloads it when it starts."""
        return False

    @property
    def code_folder(self) -> Path | None:
        """The folder to pack, as code/ or by itself, or None if nothing is to be packed."""
        in_s3 = isinstance(self.artifact, S3Artifact)
        if self.code is False or (in_s3 and not self.has_code_apart):
            return None
        return self.code or Path("inference/code")

    def rendered_environment(self, region: str) -> dict[str, str]:  # noqa: ARG002
        """Return the variables that Slipway sets: none for an image that it does not know."""
        return {}

    def image_for(self, region: str, instance_type: str) -> str:
        """Return what identifies the image for an instance type. Raises ImageError."""
        raise NotImplementedError

    def problems(self) -> Iterator[Problem]:
        """Yield settings that do not fit where the model lies, and variables that cannot be set."""
        yield from self._artifact_problems()
        yield from self._environment_problems()

    def _artifact_problems(self) -> Iterator[Problem]:
        in_s3 = isinstance(self.artifact, S3Artifact)
        if in_s3 and self.code and not self.has_code_apart:
            why = f"{self.artifact} is deployed as it is, without added code"
            fix = "remove code, and put the script into code/ of that artifact; or write false"
            yield self.wrong("code", why, fix)
        if self.multi_model and not (
            isinstance(self.artifact, S3Artifact) and self.artifact.is_prefix
        ):
            why = "a multi-model container loads its archives from a prefix in S3"
            fix = 'write "s3://BUCKET/PREFIX/", and put the archives there'
            yield self.wrong("artifact", why, fix)
        if self.has_code_apart and self.network_isolation:
            why = "a multi-model container needs a network to download its code when it starts"
            fix = "remove network_isolation, or use your own image that contains the code"
            yield self.wrong("network_isolation", why, fix)
        if self.artifact_account and not in_s3:
            why = f"{self.artifact} is a folder, and is uploaded to the account of the deployment"
            yield self.wrong("artifact_account", why, "remove it")
        if self.vendor_requirements and (in_s3 or self.code is False):
            why = "nothing is packed" if in_s3 else "without code nothing requires packages"
            fix = "remove it" + (f", and put the packages into {self.artifact}" if in_s3 else "")
            yield self.wrong("vendor_requirements", why, fix)

    def _environment_problems(self) -> Iterator[Problem]:
        """Yield variables that Slipway sets itself, and those beyond AWS's limits (CreateModel)."""
        rendered = self.rendered_environment("").keys()
        for name in sorted(rendered & self.environment.keys()):
            why = "Slipway sets this variable, and with another value the container would not start"
            yield Problem(f"environment.{name}", self.environment[name], why, "remove it")
        for name, value in self.environment.items():
            if max(len(name.encode()), len(value.encode())) > 1024:
                got = f"{len(value.encode())} bytes"
                why = "a name or a value may have at most 1024 bytes"
                fix = "put the value into a file in the model's folder"
                yield Problem(f"environment.{name}", got, why, fix)
        if len(self.environment) + len(rendered) > 100:
            got = f"{len(self.environment)} variables"
            why = f"a container may have 100 variables, and Slipway sets {len(rendered)} of them"
            fix = "put some of them into a file in the model's folder"
            yield Problem("environment", got, why, fix)


class FrameworkModel(Model):
    """A model in one of the images that AWS publishes; its table is catalogue/images.json."""

    framework: Annotated[str, Cfn("Image")] = Field(json_schema_extra={"enum": list(frameworks())})
    """The image family, by its name in the SageMaker SDK."""
    version: Annotated[str, Cfn("Image")]
    """The framework's version, such as "1.9-0". "1.9" is the newest version that begins with 1.9.

    Take the version that trained the model: another may fail to load it, or predict differently.
    """
    py_version: Annotated[str | None, Cfn("Image")] = None
    """The Python version, such as "py312", where the framework has images for several."""
    base_framework_version: Annotated[str | None, Cfn("Image")] = None
    """For "huggingface", where there are several: the framework below, such as "pytorch1.13.1"."""

    @property
    def has_code_apart(self) -> bool:
        """Whether the code is uploaded by itself: such a container starts without a model."""
        return self.multi_model and self.code is not False and self.framework in CODE_SUBMITTED

    def rendered_environment(self, region: str) -> dict[str, str]:
        """Return the variables by which the framework's container finds its script."""
        return serving_environment(self.framework, region, script=self.code is not False)

    def image_for(self, region: str, instance_type: str) -> str:
        """Return the URI of the image for an instance type. Raises ImageError."""
        return image_uri(
            self.framework,
            self.version,
            region,
            instance_type,
            py_version=self.py_version,
            base_framework_version=self.base_framework_version,
        )

    def problems(self) -> Iterator[Problem]:
        """Yield that the container for sklearn does not start without a script."""
        if self.framework == "sklearn" and self.code is False:
            why = "the container for sklearn needs a script with the handler functions"
            yield self.wrong("code", why, "remove code, or write the folder that has inference.py")
        yield from super().problems()


class OwnImageModel(Model):
    """A model in your own image. Slipway knows nothing about its contents."""

    def problems(self) -> Iterator[Problem]:
        """Yield that packages cannot be chosen for an unknown Python."""
        if self.vendor_requirements:
            why = "Slipway does not know which Python your own image has"
            fix = "install the packages in the image, and remove vendor_requirements"
            yield self.wrong("vendor_requirements", why, fix)
        yield from super().problems()


class ImageModel(OwnImageModel):
    """A model in your own image, in a registry of Amazon ECR."""

    image: Annotated[str, Cfn("Image")] = Field(max_length=255)
    """The image's URI, with a tag or a digest.

    Write a digest if the tag may be moved: an instance that is added later pulls the image that the
    tag names then.
    """

    def image_for(self, region: str, instance_type: str) -> str:  # noqa: ARG002
        """Return the URI. The image may be for several platforms."""
        return self.image

    def problems(self) -> Iterator[Problem]:
        """Yield a URI that SageMaker does not pull."""
        if not ECR_IMAGE.fullmatch(self.image):
            why = "SageMaker only pulls from Amazon ECR, by tag or digest"
            fix = 'write "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG"'
            yield self.wrong("image", why, fix)
        yield from super().problems()


class RepositoryModel(OwnImageModel):
    """A model in your own image, in an ECR repository of the account and region."""

    repository: Annotated[str, Cfn("Image")] = Field(
        pattern=r"^[a-z0-9]+([._/-]+[a-z0-9]+)*$",
        min_length=2,
        max_length=256,
        examples=["team/iris"],
    )
    """The repository's name."""
    tag: Annotated[str, Cfn("Image")] = Field(
        pattern=r"^(\w[\w.-]{0,127}|sha256:[0-9a-f]{64})$", examples=["1.0"]
    )
    """The image's tag or digest.

    Use a tag that is never moved: after a move, a rollback may pull the new image.
    """

    def image_for(self, region: str, instance_type: str) -> str:  # noqa: ARG002
        """Return the repository and the tag. The image may be for several platforms."""
        return f"{self.repository}{'@' if self.tag.startswith('sha256:') else ':'}{self.tag}"


class DockerfileModel(OwnImageModel):
    """A model in an image that `cdk deploy` builds, with Docker on this machine."""

    dockerfile: Annotated[Path, Cfn("Image")] = Field(strict=False)
    """The folder with the Dockerfile."""

    def image_for(self, region: str, instance_type: str) -> str:  # noqa: ARG002
        """Return the platform to build for, whatever platform this machine has."""
        return "linux/arm64" if is_graviton(instance_type) else "linux/amd64"


_MODELS: dict[str, type[Model]] = {
    "framework": FrameworkModel,
    "image": ImageModel,
    "repository": RepositoryModel,
    "dockerfile": DockerfileModel,
}


def _kind_of_model(value: Any) -> str:
    """Return the class that reads a [model] table, by the key that only this class has."""
    if isinstance(value, Model):
        return type(value).__name__
    keys = value if isinstance(value, dict) else ()
    return next((_MODELS[key] for key in _MODELS if key in keys), FrameworkModel).__name__


AnyModel = Annotated[
    Annotated[FrameworkModel, Tag("FrameworkModel")]
    | Annotated[ImageModel, Tag("ImageModel")]
    | Annotated[RepositoryModel, Tag("RepositoryModel")]
    | Annotated[DockerfileModel, Tag("DockerfileModel")],
    Discriminator(_kind_of_model),
]
