"""Inference components: models whose copies share an endpoint's instances."""

from __future__ import annotations

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings.components import InferenceComponent
from settings.update import Rollback, Rollout
from stacks.alarms import RollbackAlarms
from stacks.metrics import Scaled
from stacks.render import arguments
from stacks.scaling import CountScaling
from stacks.update import component_deployment_config

_TYPE = "AWS::SageMaker::InferenceComponent"


class Component(Construct):
    """One component of an endpoint, with its scaling and the alarms that roll an update back."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: InferenceComponent,
        endpoint_name: str,
        variant_name: str,
        model_name: str,
        rollout: Rollout,
        rollback: Rollback,
    ) -> None:
        super().__init__(scope, id)
        dimensions = {"InferenceComponentName": settings.name}
        alarms = RollbackAlarms(self, "RollbackAlarms", dimensions=[dimensions], rollback=rollback)
        rendered = arguments(settings, _TYPE, variantName=variant_name)
        rendered["specification"]["modelName"] = model_name
        if scheduling := rendered["specification"].get("schedulingConfig"):
            # CloudFormation requires this property, and AWS offers only one value.
            scheduling["availabilityZoneBalance"] = {"enforcementMode": "PERMISSIVE"}
        component = sagemaker.CfnInferenceComponent(
            self,
            "InferenceComponent",
            endpoint_name=endpoint_name,
            deployment_config=component_deployment_config(rollout, alarms.names),
            **rendered,
        )
        if settings.scaling:
            scaling = CountScaling(
                self,
                "Scaling",
                scaled=Scaled(
                    f"inference-component/{settings.name}", settings.scalable_dimension, dimensions
                ),
                scaling=settings.scaling,
                from_zero=settings.steps_from_zero,
            )
            # The component has no attribute with its name, so a reference cannot order the two.
            scaling.node.add_dependency(component)
