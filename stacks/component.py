"""Inference components: models in copies that share an endpoint's instances."""

from __future__ import annotations

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings.components import InferenceComponent
from settings.scaling import from_zero_copies
from settings.update import Rollback, Rollout
from stacks.deployment import RollbackAlarms, component_deployment_config
from stacks.metrics import Scaled
from stacks.scaling import CountScaling

_Component = sagemaker.CfnInferenceComponent
_STARTUP = (
    "model_data_download_timeout_in_seconds",
    "container_startup_health_check_timeout_in_seconds",
)
_RESOURCES = (
    "min_memory_required_in_mb",
    "max_memory_required_in_mb",
    "number_of_cpu_cores_required",
    "number_of_accelerator_devices_required",
)


class Component(Construct):
    """One component of an endpoint, with its scaling, and the alarms that put an update back."""

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
        startup = settings.model_dump(include=set(_STARTUP), exclude_none=True)
        component = _Component(
            self,
            "InferenceComponent",
            inference_component_name=settings.name,
            endpoint_name=endpoint_name,
            variant_name=variant_name,
            specification=_Component.InferenceComponentSpecificationProperty(
                model_name=model_name,
                compute_resource_requirements=(
                    _Component.InferenceComponentComputeResourceRequirementsProperty(
                        **settings.model_dump(include=set(_RESOURCES), exclude_none=True)
                    )
                ),
                startup_parameters=_Component.InferenceComponentStartupParametersProperty(**startup)
                if startup
                else None,
                scheduling_config=_Component.InferenceComponentSchedulingConfigProperty(
                    placement_strategy=settings.placement_strategy,
                    # CloudFormation requires it; permissive is all that AWS offers.
                    availability_zone_balance=(
                        _Component.InferenceComponentAvailabilityZoneBalanceProperty(
                            enforcement_mode="PERMISSIVE"
                        )
                    ),
                )
                if settings.placement_strategy
                else None,
                data_cache_config=None
                if settings.enable_caching is None
                else _Component.InferenceComponentDataCacheConfigProperty(
                    enable_caching=settings.enable_caching
                ),
            ),
            runtime_config=_Component.InferenceComponentRuntimeConfigProperty(
                copy_count=settings.copy_count
            ),
            deployment_config=component_deployment_config(rollout, alarms.names),
        )
        if settings.scaling:
            scaling = CountScaling(
                self,
                "Scaling",
                scaled=Scaled(
                    f"inference-component/{settings.name}",
                    "sagemaker:inference-component:DesiredCopyCount",
                    dimensions,
                ),
                scaling=settings.scaling,
                from_zero=[] if settings.scaling.lowest else [from_zero_copies(settings.name)],
            )
            # The component has no attribute with its name that could be referred to instead.
            scaling.node.add_dependency(component)
