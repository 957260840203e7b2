"""AWS::SageMaker hosting: models, endpoint configs, endpoints."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from local_cloud.cloudformation.resources.resource_type import (
    Context,
    Properties,
    ResourceType,
    pick,
    tag_changes,
    tag_list,
    tag_map,
)

_NAME_LENGTH = 63
_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class ResourceFailed(Exception):  # noqa: N818  (the reason is the whole message)
    """The service accepted the request, and then the resource failed for this reason."""


class _Named(ResourceType):
    """What the three types share: the physical id is the ARN, and its last part the name."""

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Set the tags that differ: nothing else of a model or an endpoint config can change."""
        sagemaker = context.client("sagemaker")
        changed, removed = tag_changes(old, new)
        if changed:
            sagemaker.add_tags(ResourceArn=physical_id, Tags=tag_list(changed))
        if removed:
            sagemaker.delete_tags(ResourceArn=physical_id, TagKeys=removed)

    def is_gone(self, error: ClientError) -> bool:
        """Tell by the message: SageMaker gives a ValidationException for nearly everything."""
        return "could not find" in error.response["Error"].get("Message", "").lower()


class Model(_Named):
    """AWS::SageMaker::Model."""

    type_name = "AWS::SageMaker::Model"
    honours = (
        "ModelName",
        "ExecutionRoleArn",
        "EnableNetworkIsolation",
        "InferenceExecutionConfig",
        *(
            f"{place}.{name}"
            for place in ("PrimaryContainer", "Containers")
            for name in (
                "Image",
                "ModelDataUrl",
                "ModelDataSource",
                "MultiModelConfig",
                "Environment",
                "Mode",
                "ContainerHostname",
            )
        ),
        "Tags",
    )
    attributes = ("ModelArn", "ModelName")
    name_property = "ModelName"

    def create(self, context: Context, properties: Properties) -> str:
        """Create the model."""
        arn: str = context.client("sagemaker").create_model(
            ModelName=properties.get("ModelName") or context.unique_name(_NAME_LENGTH),
            **pick(
                properties,
                "ExecutionRoleArn",
                "EnableNetworkIsolation",
                "PrimaryContainer",
                "Containers",
                "InferenceExecutionConfig",
            ),
            **_tags(properties),
        )["ModelArn"]
        return arn

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the model."""
        del properties
        context.client("sagemaker").delete_model(ModelName=_name(physical_id))

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN and the name."""
        del context, properties
        return {"ModelArn": physical_id, "ModelName": _name(physical_id)}


class EndpointConfig(_Named):
    """AWS::SageMaker::EndpointConfig."""

    type_name = "AWS::SageMaker::EndpointConfig"
    honours = (
        "EndpointConfigName",
        "EnableNetworkIsolation",
        *(
            f"{variants}.{name}"
            for variants in ("ProductionVariants", "ShadowProductionVariants")
            for name in (
                "VariantName",
                "ModelName",
                "InstanceType",
                "InstancePools",
                "VariantInstanceProvisionTimeoutInSeconds",
                "InitialInstanceCount",
                "InitialVariantWeight",
                "ContainerStartupHealthCheckTimeoutInSeconds",
                "ModelDataDownloadTimeoutInSeconds",
                "VolumeSizeInGB",
                "RoutingConfig",
                "ServerlessConfig",
            )
        ),
        "AsyncInferenceConfig",
        "Tags",
    )
    attributes = ("EndpointConfigArn", "EndpointConfigName")
    name_property = "EndpointConfigName"

    def create(self, context: Context, properties: Properties) -> str:
        """Create the endpoint config."""
        name = properties.get("EndpointConfigName") or context.unique_name(_NAME_LENGTH)
        arn: str = context.client("sagemaker").create_endpoint_config(
            EndpointConfigName=name,
            **pick(
                properties,
                "ProductionVariants",
                "ShadowProductionVariants",
                "EnableNetworkIsolation",
                "AsyncInferenceConfig",
            ),
            **_tags(properties),
        )["EndpointConfigArn"]
        return arn

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the endpoint config."""
        del properties
        context.client("sagemaker").delete_endpoint_config(EndpointConfigName=_name(physical_id))

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN and the name."""
        del context, properties
        return {"EndpointConfigArn": physical_id, "EndpointConfigName": _name(physical_id)}


class Endpoint(_Named):
    """AWS::SageMaker::Endpoint, updated in place from one endpoint config to the next."""

    type_name = "AWS::SageMaker::Endpoint"
    honours = (
        "EndpointName",
        "EndpointConfigName",
        "RetainAllVariantProperties",
        "ExcludeRetainedVariantProperties",
        "RetainDeploymentConfig",
        "DeploymentConfig.AutoRollbackConfiguration",
        "DeploymentConfig.BlueGreenUpdatePolicy",
        "DeploymentConfig.RollingUpdatePolicy",
        "Tags",
    )
    attributes = ("EndpointArn", "EndpointName")
    name_property = "EndpointName"

    def create(self, context: Context, properties: Properties) -> str:
        """Ask for the endpoint."""
        arn: str = context.client("sagemaker").create_endpoint(
            EndpointName=properties.get("EndpointName") or context.unique_name(_NAME_LENGTH),
            **pick(properties, "EndpointConfigName", "DeploymentConfig"),
            **_tags(properties),
        )["EndpointArn"]
        return arn

    def complete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Wait until the endpoint is in service."""
        self._settle(context, physical_id, properties["EndpointConfigName"])

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Update the endpoint to its config, unless it runs that already, and wait."""
        name, config = _name(physical_id), new["EndpointConfigName"]
        if self._stable(context, name)["EndpointConfigName"] != config:
            context.client("sagemaker").update_endpoint(
                EndpointName=name,
                **pick(
                    new,
                    "EndpointConfigName",
                    "RetainAllVariantProperties",
                    "ExcludeRetainedVariantProperties",
                    "DeploymentConfig",
                    "RetainDeploymentConfig",
                ),
            )
            self._settle(context, physical_id, config)
        super().update(context, physical_id, old, new)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Wait for what is under way, delete the endpoint, and wait until it is gone."""
        del properties
        name = _name(physical_id)
        self._stable(context, name)
        context.client("sagemaker").delete_endpoint(EndpointName=name)
        context.wait(lambda: self._is_deleted(context, name))

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN and the name."""
        del context, properties
        return {"EndpointArn": physical_id, "EndpointName": _name(physical_id)}

    def _settle(self, context: Context, arn: str, config: str) -> None:
        """Wait until the endpoint runs a config. Raises ResourceFailed with SageMaker's reason."""
        found = self._stable(context, _name(arn))
        if found["EndpointStatus"] != "InService" or found["EndpointConfigName"] != config:
            raise ResourceFailed(
                found.get("FailureReason") or f"the endpoint is {found['EndpointStatus']}"
            )

    def _stable(self, context: Context, name: str) -> dict[str, Any]:
        """Wait until nothing is under way, and describe the endpoint."""
        found: dict[str, Any] = {}

        def is_stable() -> bool:
            nonlocal found
            found = context.client("sagemaker").describe_endpoint(EndpointName=name)
            return found["EndpointStatus"] not in _BUSY

        context.wait(is_stable)
        return found

    def _is_deleted(self, context: Context, name: str) -> bool:
        try:
            found = context.client("sagemaker").describe_endpoint(EndpointName=name)
        except ClientError as error:
            if self.is_gone(error):
                return True
            raise
        if found["EndpointStatus"] == "Failed":
            raise ResourceFailed(found.get("FailureReason", "the endpoint could not be deleted"))
        return False


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _tags(properties: Properties) -> dict[str, Any]:
    return {"Tags": tag_list(tag_map(properties))} if tag_map(properties) else {}
