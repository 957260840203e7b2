"""What SageMaker accepts and the local cloud does not run: refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import EllipsisType
from typing import Any, TypeAlias

from local_cloud.sagemaker.control import definition
from local_cloud.wire import validation_error

Honoured: TypeAlias = "EllipsisType | frozenset[Any] | Mapping[str, Honoured]"
"""Any value (...), one of these values, or a structure with only these members."""

_CONTAINER: Honoured = {
    "ContainerHostname": ...,
    "Image": ...,
    "Mode": frozenset({"SingleModel", "MultiModel"}),
    "ModelDataUrl": ...,
    "ModelDataSource": {
        "S3DataSource": {
            "S3Uri": ...,
            "S3DataType": frozenset({"S3Object", "S3Prefix"}),
            "CompressionType": frozenset({"Gzip", "None"}),
        },
    },
    "MultiModelConfig": {"ModelCacheSetting": frozenset({"Enabled", "Disabled"})},
    "Environment": ...,
}

_MODEL: Honoured = {
    "ModelName": ...,
    "ExecutionRoleArn": ...,
    "Tags": ...,
    "EnableNetworkIsolation": ...,
    "PrimaryContainer": _CONTAINER,
    "Containers": _CONTAINER,
    "InferenceExecutionConfig": {"Mode": frozenset({"Serial", "Direct"})},
}

_VARIANTS: Honoured = {
    "VariantName": ...,
    "ModelName": ...,
    "InstanceType": ...,
    # Of any type: every instance is a process of this machine, which never runs out of a type.
    "InstancePools": ...,
    "VariantInstanceProvisionTimeoutInSeconds": ...,
    "InitialInstanceCount": ...,
    "InitialVariantWeight": ...,
    "VolumeSizeInGB": ...,
    "EnableSSMAccess": frozenset({False}),
    "ModelDataDownloadTimeoutInSeconds": ...,
    "ContainerStartupHealthCheckTimeoutInSeconds": ...,
    "RoutingConfig": {"RoutingStrategy": frozenset({"RANDOM", "LEAST_OUTSTANDING_REQUESTS"})},
    "ServerlessConfig": {
        "MemorySizeInMB": ...,
        "MaxConcurrency": ...,
        "ProvisionedConcurrency": ...,
    },
}

_ENDPOINT_CONFIG: Honoured = {
    "AsyncInferenceConfig": {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": ...},
        "OutputConfig": {
            "KmsKeyId": ...,
            "NotificationConfig": ...,
            "S3FailurePath": ...,
            "S3OutputPath": ...,
        },
    },
    "EndpointConfigName": ...,
    "Tags": ...,
    "EnableNetworkIsolation": ...,
    "ProductionVariants": _VARIANTS,
    "ShadowProductionVariants": _VARIANTS,
}

_DEPLOYMENT: Honoured = {
    "DeploymentConfig": {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": ...,
                "WaitIntervalInSeconds": ...,
                "CanarySize": ...,
                "LinearStepSize": ...,
            },
            "TerminationWaitInSeconds": ...,
            "MaximumExecutionTimeoutInSeconds": ...,
        },
        "RollingUpdatePolicy": {
            "MaximumBatchSize": ...,
            "WaitIntervalInSeconds": ...,
            "MaximumExecutionTimeoutInSeconds": ...,
            "RollbackMaximumBatchSize": ...,
        },
        "AutoRollbackConfiguration": {"Alarms": {"AlarmName": ...}},
    },
    "EndpointName": ...,
    "EndpointConfigName": ...,
    "ExcludeRetainedVariantProperties": ...,
    "RetainAllVariantProperties": ...,
    "RetainDeploymentConfig": ...,
    "Tags": ...,
}

_CAPACITIES: Honoured = {
    "EndpointName": ...,
    "DesiredWeightsAndCapacities": {
        "VariantName": ...,
        "DesiredWeight": ...,
        "DesiredInstanceCount": ...,
        "ServerlessUpdateConfig": {"MaxConcurrency": ..., "ProvisionedConcurrency": ...},
    },
}

_ALSO_KNOWN_AS = {
    "DataCaptureConfig": "data capture",
    "ExplainerConfig": "online explanations",
    "ImageConfig": "a private registry",
    "KmsKeyId": "encrypted volumes",
    "ManagedInstanceScaling": "inference components",
    "ModelPackageName": "model packages",
    "VpcConfig": "a VPC",
}


def check_model(parameters: Mapping[str, Any]) -> None:
    """Refuse (ValidationException) a CreateModel that the local cloud could not run."""
    _refuse(parameters, _MODEL)
    definition.check(parameters)


def check_endpoint_config(parameters: Mapping[str, Any]) -> None:
    """Refuse (ValidationException) a CreateEndpointConfig that the local cloud could not run."""
    _refuse(parameters, _ENDPOINT_CONFIG)
    shadows = parameters.get("ShadowProductionVariants", [])
    variants = [*parameters["ProductionVariants"], *shadows]
    if shadows and len(variants) != 2:
        raise validation_error(
            "With ShadowProductionVariants, give one variant in ProductionVariants and one in "
            f"ShadowProductionVariants; this config has {len(variants) - len(shadows)} and "
            f"{len(shadows)}"
        )
    if shadows and "AsyncInferenceConfig" in parameters:
        raise validation_error("A shadow variant excludes an AsyncInferenceConfig: remove one")
    if shadows and any("ServerlessConfig" in variant for variant in variants):
        raise validation_error("A shadow variant excludes a ServerlessConfig: remove one")
    for variant in variants:
        needed = {"ModelName"}
        if "ServerlessConfig" not in variant:
            types = "InstancePools" if "InstancePools" in variant else "InstanceType"
            needed |= {types, "InitialInstanceCount"}
        if needed := needed - variant.keys():
            raise validation_error(
                f"Variant {variant['VariantName']} needs {', '.join(sorted(needed))}"
            )
    _check_names(variants)


def check_deployment(parameters: Mapping[str, Any]) -> None:
    """Refuse (ValidationException) a CreateEndpoint or UpdateEndpoint that could not be run."""
    _refuse(parameters, _DEPLOYMENT)


def check_capacities(parameters: Mapping[str, Any]) -> None:
    """Refuse (ValidationException) an UpdateEndpointWeightsAndCapacities that could not be run."""
    _refuse(parameters, _CAPACITIES)
    _check_names(parameters["DesiredWeightsAndCapacities"])


def _check_names(variants: list[Mapping[str, Any]]) -> None:
    names = [variant["VariantName"] for variant in variants]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise validation_error(f"Variant names must be unique; used twice: {', '.join(twice)}")


def _refuse(parameters: Mapping[str, Any], honoured: Honoured) -> None:
    if problems := list(_beyond(parameters, honoured, "")):
        raise validation_error(
            f"The local cloud does not run {', '.join(problems)}: remove it to try the rest here; "
            "on AWS it may be valid"
        )


def _beyond(value: Any, honoured: Honoured, path: str) -> Iterator[str]:
    if isinstance(honoured, EllipsisType):
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _beyond(item, honoured, f"{path}[{index}]")
    elif isinstance(honoured, frozenset):
        if value not in honoured:
            yield f"{path} {value} (only {' or '.join(sorted(map(str, honoured)))})"
    else:
        for name, member in value.items():
            where = f"{path}.{name}" if path else name
            if name in honoured:
                yield from _beyond(member, honoured[name], where)
            elif member not in (None, [], {}):
                known_as = _ALSO_KNOWN_AS.get(name)
                yield f"{where} ({known_as})" if known_as else where
