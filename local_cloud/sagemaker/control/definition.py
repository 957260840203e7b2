"""A model's containers, as CreateModel defines them: one, a pipeline of several, or several models.

Source: the Developer Guide, "Inference pipelines" and "Multi-model endpoints", and CreateModel's
ContainerDefinition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalogue.image_contents import family, repositories
from container.launch import FRAMEWORKS
from local_cloud.sagemaker.instances import model_data
from local_cloud.wire import validation_error

PRIMARY = "primary"
"""SageMaker's name for the only container of a model, whatever its ContainerHostname."""


@dataclass(frozen=True)
class Definition:
    """One container of a model."""

    hostname: str
    image: str
    environment: Mapping[str, str]
    source: model_data.Source | None
    """Its model data, if it has any; a container of several models has none at its start."""
    models_url: str | None = None
    """The prefix of the archives, if the container serves several models."""
    caches_models: bool = True

    @property
    def framework(self) -> str:
        """The framework in the image, such as sklearn."""
        return family(self.image)


def definitions(model: Mapping[str, Any]) -> tuple[Definition, ...]:
    """List a model's containers in the order of requests, given the model's CreateModel request."""
    return tuple(
        _definition(container, hostname)
        for hostname, container in zip(_hostnames(model), _containers(model), strict=True)
    )


def is_direct(model: Mapping[str, Any]) -> bool:
    """Tell whether each request names the one container that answers it."""
    return bool(model.get("InferenceExecutionConfig", {}).get("Mode") == "Direct")


def check(model: Mapping[str, Any]) -> None:
    """Refuse (ValidationException) a CreateModel whose containers could not be run."""
    if ("PrimaryContainer" in model) == bool(model.get("Containers")):
        raise validation_error("Give a model either a PrimaryContainer or Containers")
    for name, container in zip(_paths(model), _containers(model), strict=True):
        _check_container(name, container)
    _check_hostnames(model)
    several = [path for path, each in zip(_paths(model), _containers(model), strict=True)
               if _is_multi_model(each)]  # fmt: skip
    if len(several) > 1:
        raise validation_error(
            "More than one container in MultiModel mode is not supported with inference pipeline: "
            f"{', '.join(several)}"
        )
    if is_direct(model) and "Containers" not in model:
        raise validation_error("InferenceExecutionConfig.Mode Direct needs a model with Containers")
    if is_direct(model) and several:
        raise validation_error(
            f"The local cloud does not run {several[0]} in MultiModel mode with "
            "InferenceExecutionConfig.Mode Direct"
        )


def _containers(model: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return model.get("Containers") or [model["PrimaryContainer"]]


def _paths(model: Mapping[str, Any]) -> Sequence[str]:
    """Name each container by its path in the request."""
    if not model.get("Containers"):
        return ["PrimaryContainer"]
    return [f"Containers[{index}]" for index in range(len(model["Containers"]))]


def _hostnames(model: Mapping[str, Any]) -> Sequence[str]:
    """Name each container as SageMaker does in logs, metrics and errors."""
    if not model.get("Containers"):
        return [PRIMARY]
    return [
        container.get("ContainerHostname", f"container-{position}")
        for position, container in enumerate(model["Containers"], start=1)
    ]


def _is_multi_model(container: Mapping[str, Any]) -> bool:
    return container.get("Mode") == "MultiModel"


def _definition(container: Mapping[str, Any], hostname: str) -> Definition:
    several = _is_multi_model(container)
    cache = container.get("MultiModelConfig", {}).get("ModelCacheSetting", "Enabled")
    return Definition(
        hostname,
        container["Image"],
        container.get("Environment", {}),
        None if several else model_data.source(container),
        container["ModelDataUrl"] if several else None,
        cache == "Enabled",
    )


def _check_container(path: str, container: Mapping[str, Any]) -> None:
    image, url = container.get("Image"), container.get("ModelDataUrl")
    if image is None:
        raise validation_error(f"{path}.Image is required to run a model")
    if family(image) not in FRAMEWORKS:
        known = " or ".join(name for each in FRAMEWORKS for name in repositories(each))
        raise validation_error(
            f"The local cloud does not run the image {image}: it runs those of AWS's images "
            f"whose repository is {known}"
        )
    if url and "ModelDataSource" in container:
        raise validation_error(f"Give {path} a ModelDataUrl or a ModelDataSource")
    if _is_multi_model(container):
        _check_multi_model(path, container)
    elif "MultiModelConfig" in container:
        raise validation_error(f"{path}.MultiModelConfig needs a container in MultiModel mode")
    if source := model_data.source(container):
        _check_source(source)


def _check_multi_model(path: str, container: Mapping[str, Any]) -> None:
    if "ModelDataSource" in container:
        raise validation_error(
            f"{path}.ModelDataSource is not supported in MultiModel mode: give the prefix of the "
            "archives as ModelDataUrl"
        )
    url = container.get("ModelDataUrl", "")
    if not url.endswith("/"):
        raise validation_error(
            f"{path}.ModelDataUrl is {url or 'not given'}: in MultiModel mode it must be the S3 "
            "prefix of the archives, which ends with a forward slash"
        )


def _check_source(source: model_data.Source) -> None:
    if not source.url.startswith("s3://"):
        raise validation_error(
            f"The local cloud reads model data only from s3:// URLs, not from {source.url}"
        )
    if source.is_prefix and source.is_archive:
        raise validation_error(
            "The local cloud does not run S3DataType S3Prefix with CompressionType Gzip: give the "
            "archive as an S3Object, or its files, unpacked, with CompressionType None"
        )
    if source.is_prefix and not source.url.endswith("/"):
        raise validation_error(
            f"S3Uri is {source.url}: with S3DataType S3Prefix it must end with a forward slash"
        )


def _check_hostnames(model: Mapping[str, Any]) -> None:
    given = ["ContainerHostname" in container for container in model.get("Containers", [])]
    if any(given) and not all(given):
        raise validation_error(
            f"Containers[{given.index(False)}] has no ContainerHostname: give one to every "
            "container of the model, or to none"
        )
    if twice := [name for name, count in Counter(_hostnames(model)).items() if count > 1]:
        raise validation_error(
            f"ContainerHostname must be unique in a model; used twice: {', '.join(twice)}"
        )
