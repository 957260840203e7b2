"""What a serverless endpoint config may say, and what it may be changed to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local_cloud.sagemaker.endpoints.endpoint import Resize
from local_cloud.sagemaker.endpoints.fleet import Fleet
from local_cloud.sagemaker.serverless.fleet import ServerlessFleet
from local_cloud.wire import validation_error

_UPDATE = "ServerlessUpdateConfig"
_MEMORY_STEP_MB = 1024

_OF_INSTANCES = (
    "InstanceType",
    "InitialInstanceCount",
    "VolumeSizeInGB",
    "EnableSSMAccess",
    "ModelDataDownloadTimeoutInSeconds",
    "ContainerStartupHealthCheckTimeoutInSeconds",
    "RoutingConfig",
    "ManagedInstanceScaling",
)
_EXCLUDED_OF_CONFIG = {
    "AsyncInferenceConfig": "asynchronous inference",
    "DataCaptureConfig": "data capture",
    "EnableNetworkIsolation": "network isolation",
    "ShadowProductionVariants": "shadow variants",
    "VpcConfig": "a VPC",
}
_EXCLUDED_OF_MODEL = {
    "Containers": "inference pipelines",
    "EnableNetworkIsolation": "network isolation",
    "VpcConfig": "a VPC",
}


def is_serverless(config: Mapping[str, Any]) -> bool:
    """Tell whether an endpoint config is serverless; it then has only one variant."""
    return any("ServerlessConfig" in each for each in config["ProductionVariants"])


def check(config: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> None:
    """Refuse (ValidationException) a serverless endpoint config that SageMaker would refuse."""
    if is_serverless(config) and (problems := list(_problems(config, models))):
        raise validation_error("; ".join(problems))


def check_update(live: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Refuse (ValidationException) to make instances serverless; only the reverse is possible.

    Source: the Developer Guide, "Feature exclusions" of serverless endpoints. AWS's words for the
    error are not known.
    """
    if is_serverless(new) and not is_serverless(live):
        raise validation_error(
            "You cannot convert your instance-based, real-time endpoint to a serverless endpoint: "
            "create another endpoint"
        )


def check_desired(fleet: Fleet, desired: Mapping[str, Any]) -> None:
    """Refuse (ValidationException) serverless sizes for instances, and the reverse."""
    unfit = "DesiredInstanceCount" if isinstance(fleet, ServerlessFleet) else _UPDATE
    if desired.get(unfit) is not None:
        kind = "serverless" if isinstance(fleet, ServerlessFleet) else "instance-based"
        raise validation_error(f"Variant {fleet.variant.name} is {kind}: it takes no {unfit}")


def resize(fleet: ServerlessFleet, desired: Mapping[str, Any]) -> Resize:
    """Make the change that a ServerlessUpdateConfig asks for; raises ValidationException."""
    wanted = desired.get(_UPDATE, {})
    most = wanted.get("MaxConcurrency", fleet.max_concurrency)
    provisioned = wanted.get("ProvisionedConcurrency", fleet.desired_instance_count)
    sizes = {"MaxConcurrency": most, "ProvisionedConcurrency": provisioned}
    if problems := list(_size_problems(fleet.variant.name, sizes)):
        raise validation_error("; ".join(problems))
    return Resize(fleet, desired.get("DesiredWeight", fleet.weight), provisioned, most)


def _problems(config: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    variants = config["ProductionVariants"]
    if len(variants) > 1:
        yield f"A serverless endpoint config has exactly one variant, not {len(variants)}"
    for variant in variants:
        name = variant["VariantName"]
        for member in _OF_INSTANCES:
            if variant.get(member) is not None:
                yield f"Variant {name} has a ServerlessConfig: remove its {member}"
        yield from _size_problems(name, variant.get("ServerlessConfig", {}))
    for name, parameters, excluded in (
        ("the endpoint config", config, _EXCLUDED_OF_CONFIG),
        *((f"model {model['ModelName']}", model, _EXCLUDED_OF_MODEL) for model in models),
    ):
        for member, meaning in excluded.items():
            if parameters.get(member):
                yield f"Serverless endpoints do not support {meaning}: {name} has {member}"
        if parameters.get("PrimaryContainer", {}).get("Mode") == "MultiModel":
            yield f"Serverless endpoints do not support multi-model containers: {name} has one"


def _size_problems(name: str, serverless: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with the numbers of a ServerlessConfig, beyond their bounds."""
    memory = serverless.get("MemorySizeInMB", _MEMORY_STEP_MB)
    if memory % _MEMORY_STEP_MB:
        yield f"MemorySizeInMB of variant {name} is {memory}: it must be a multiple of 1024"
    most, provisioned = serverless.get("MaxConcurrency"), serverless.get("ProvisionedConcurrency")
    if most and provisioned and provisioned > most:
        yield (
            f"ProvisionedConcurrency of variant {name} is {provisioned}: it must be at most its "
            f"MaxConcurrency, {most}"
        )
