"""The [model] table of a stage: what is deployed, in an image of AWS's or of your own."""

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
from settings.errors import Problem, refuse
from settings.table import Cfn, Settings


class Model(Settings):
    """What is deployed, whatever the image: the model's files and the code that serves them."""

    cloudformation: ClassVar[str] = "AWS::SageMaker::Model/PrimaryContainer"

    artifact: Annotated[Artifact, Cfn("ModelDataUrl")] = Path("model_artifact/model")
    """The folder with the model's files, which lie at the root of the archive; or an archive in S3,
    "s3://BUCKET/KEY.tar.gz"; or files in S3, "s3://BUCKET/PREFIX/", for a very large model.

    A folder is packed, inspected and uploaded; what is in S3 already is deployed as it is.
    """
    artifact_account: Annotated[str | None, Cfn("")] = Field(
        default=None, pattern=r"^[0-9]{12}$", examples=["111122223333"]
    )
    """The account of the bucket in S3, if it is not the one that is deployed to.

    For a bucket that a training account shares; its policy has to let the execution role read.
    """
    code: Annotated[Code, Cfn("")] = None
    """The folder with inference.py, which becomes code/ in the archive: "inference/code" if absent.
    An artifact in S3 has its own code/. false: no script, the image serves the files by itself.

    false for servers such as TensorFlow Serving or XGBoost's, which know their models' formats.
    """
    vendor_requirements: Annotated[bool, Cfn("")] = False
    """Pack what code/requirements.txt names, rather than have the container install it.

    For instances that start sooner, that always have the same versions, and that have no network.
    """
    environment: dict[str, str] = Field(default={})
    """Environment variables of the container, besides those that Slipway renders itself.

    No secrets: whoever may describe the model reads them.
    """
    network_isolation: Annotated[bool, Cfn("../EnableNetworkIsolation")] = False
    """Let the container call nobody, not even S3 or CloudWatch; it can install no requirements.txt
    then, unless vendor_requirements packs them.

    For code or data that you would rather not let out.
    """

    multi_model: Annotated[bool, Cfn("Mode")] = False
    """Serve every archive below an artifact "s3://BUCKET/PREFIX/", each loaded when a request asks
    for it by its name.

    For many small models of one kind, which may come and go without a deployment. With sklearn and
    xgboost the code is one for all of them, and may not answer with a flask.Response.
    """

    @model_validator(mode="before")
    @classmethod
    def _check_one_image(cls, table: Any) -> Any:
        named = [key for key in _MODELS if key in table] if isinstance(table, dict) else []
        if len(named) > 1:
            why = f"the image is already chosen by {named[0]}"
            refuse([Problem(named[1], table[named[1]], why, "keep one of the two")])
        return table

    @property
    def has_code_apart(self) -> bool:
        """Whether the code is uploaded by itself, for a container that downloads it to start."""
        return False

    @property
    def code_folder(self) -> Path | None:
        """The folder to pack, as code/ or apart, if there is one to pack."""
        in_s3 = isinstance(self.artifact, S3Artifact)
        if self.code is False or (in_s3 and not self.has_code_apart):
            return None
        return self.code or Path("inference/code")

    def rendered_environment(self, region: str) -> dict[str, str]:  # noqa: ARG002
        """Return the variables that Slipway sets itself: none, for an image it does not know."""
        return {}

    def image_for(self, region: str, instance_type: str) -> str:
        """Return what tells the image for an instance type from others. Raises ImageError."""
        raise NotImplementedError

    def problems(self) -> Iterator[Problem]:
        """Yield what contradicts where the model lies, and variables that cannot be set."""
        yield from self._artifact_problems()
        yield from self._environment_problems()

    def _artifact_problems(self) -> Iterator[Problem]:
        in_s3 = isinstance(self.artifact, S3Artifact)
        if in_s3 and self.code and not self.has_code_apart:
            yield Problem(
                "code",
                self.code,
                f"{self.artifact} is deployed as it is, and nothing is added to it",
                "remove it, and put the code into code/ there; or write false if there is none",
            )
        if self.multi_model and not (
            isinstance(self.artifact, S3Artifact) and self.artifact.is_prefix
        ):
            yield Problem(
                "artifact",
                self.artifact,
                "a multi-model container loads its archives from below a prefix in S3",
                'write "s3://BUCKET/PREFIX/", and put the archives there',
            )
        if self.has_code_apart and self.network_isolation:
            yield Problem(
                "network_isolation",
                "true",
                "a multi-model container downloads its code when it starts, and then could not",
                "remove it, or use an image of your own that has the code",
            )
        if self.artifact_account and not in_s3:
            yield Problem(
                "artifact_account",
                self.artifact_account,
                f"{self.artifact} is a folder, which is uploaded to the account deployed to",
                "remove it",
            )
        if self.vendor_requirements and (in_s3 or self.code is False):
            yield Problem(
                "vendor_requirements",
                "true",
                "nothing is packed" if in_s3 else "there is no code that could require anything",
                "remove it" + (f", and put the packages into {self.artifact}" if in_s3 else ""),
            )

    def _environment_problems(self) -> Iterator[Problem]:
        """Yield names that are Slipway's own, and what exceeds AWS's limits (CreateModel)."""
        rendered = self.rendered_environment("").keys()
        for name in sorted(rendered & self.environment.keys()):
            yield Problem(
                f"environment.{name}",
                self.environment[name],
                "Slipway sets this variable itself, or the container would not start",
                "remove it",
            )
        for name, value in self.environment.items():
            if max(len(name.encode()), len(value.encode())) > 1024:
                yield Problem(
                    f"environment.{name}",
                    f"{len(value.encode())} bytes",
                    "a name or a value may have 1024 bytes at most",
                    "put it into a file in the model's folder",
                )
        if len(self.environment) + len(rendered) > 100:
            yield Problem(
                "environment",
                f"{len(self.environment)} variables",
                f"a container may have 100, and {len(rendered)} are Slipway's",
                "put them into a file in the model's folder",
            )


class FrameworkModel(Model):
    """A model in one of the images that AWS publishes; its table is catalogue/images.json."""

    framework: Annotated[str, Cfn("Image")] = Field(json_schema_extra={"enum": list(frameworks())})
    """The image family, by the name that the SageMaker SDK gives it."""
    version: Annotated[str, Cfn("Image")]
    """The framework's version, such as "1.9-0"; "1.9" is the newest that begins so.

    That of the framework which trained the model: another may not load it, or predict otherwise.
    """
    py_version: Annotated[str | None, Cfn("Image")] = None
    """Which Python, such as "py312", where there are images for several."""
    base_framework_version: Annotated[str | None, Cfn("Image")] = None
    """For "huggingface" where there are several: such as "pytorch1.13.1"."""

    @property
    def has_code_apart(self) -> bool:
        """Whether the code is uploaded by itself: no model is there when these start with many."""
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
        """Yield the one framework whose container does not start without a script."""
        if self.framework == "sklearn" and self.code is False:
            yield Problem(
                "code",
                "false",
                "the container for sklearn imports its handler functions from a script",
                "remove it, or name the folder with inference.py",
            )
        yield from super().problems()


class OwnImageModel(Model):
    """A model in an image of your own, of which Slipway knows nothing."""

    def problems(self) -> Iterator[Problem]:
        """Yield the wish for packages for a Python that is not known."""
        if self.vendor_requirements:
            yield Problem(
                "vendor_requirements",
                "true",
                "which Python an image of your own has is not known",
                "install them in the image, and remove this",
            )
        yield from super().problems()


class ImageModel(OwnImageModel):
    """A model in an image of your own, in a registry of Amazon ECR."""

    image: Annotated[str, Cfn("Image")] = Field(max_length=255)
    """The image's URI, with a tag or a digest.

    A digest, if the tag may be moved: an instance that is added later pulls what the tag is then.
    """

    def image_for(self, region: str, instance_type: str) -> str:  # noqa: ARG002
        """Return the URI, which may be of an image for several platforms."""
        return self.image

    def problems(self) -> Iterator[Problem]:
        """Yield a URI that SageMaker does not pull."""
        if not ECR_IMAGE.fullmatch(self.image):
            yield Problem(
                "image",
                self.image,
                "SageMaker pulls from Amazon ECR, by a tag or a digest",
                'write "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG"',
            )
        yield from super().problems()


class RepositoryModel(OwnImageModel):
    """A model in an image of your own, in an ECR repository of the account and the region."""

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
    """The image's tag, or its digest.

    One that is never moved: only then is an update an update, and a rollback a rollback.
    """

    def image_for(self, region: str, instance_type: str) -> str:  # noqa: ARG002
        """Return the repository and the tag, which may be of an image for several platforms."""
        return f"{self.repository}{'@' if self.tag.startswith('sha256:') else ':'}{self.tag}"


class DockerfileModel(OwnImageModel):
    """A model in an image that `cdk deploy` builds, with Docker on this machine."""

    dockerfile: Annotated[Path, Cfn("Image")] = Field(strict=False)
    """The folder with the Dockerfile."""

    def image_for(self, region: str, instance_type: str) -> str:  # noqa: ARG002
        """Return the platform to build for, whatever that of this machine is."""
        return "linux/arm64" if is_graviton(instance_type) else "linux/amd64"


_MODELS: dict[str, type[Model]] = {
    "framework": FrameworkModel,
    "image": ImageModel,
    "repository": RepositoryModel,
    "dockerfile": DockerfileModel,
}


def _kind_of_model(value: Any) -> str:
    """Name the settings that a [model] table is to be read as, by the key that only they have."""
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
