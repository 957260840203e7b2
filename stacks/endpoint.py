"""The endpoint config and the endpoint: the one is replaced on every change, the other updated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings.modes import AnyEndpoint
from settings.realtime import RealtimeEndpoint
from settings.variants import ServerlessVariant, Variant

_Config = sagemaker.CfnEndpointConfig


class Endpoint(Construct):
    """An endpoint under a name that stays, whatever is deployed behind it.

    The endpoint config has no name: CloudFormation replaces it, and a second one of the same name
    could not be made beside the first. attr_endpoint_name is what others wire to. model_names are
    the models by the names that the variants have for them; a variant that carries inference
    components has none, and its role is given, with the policy of that.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: AnyEndpoint,
        model_names: Mapping[str, str],
        deployment_config: sagemaker.CfnEndpoint.DeploymentConfigProperty | None,
        async_inference_config: sagemaker.CfnEndpointConfig.AsyncInferenceConfigProperty
        | None = None,
        execution_role: tuple[iam.Role, iam.Policy] | None = None,
    ) -> None:
        super().__init__(scope, id)
        shadow = settings.shadow if isinstance(settings, RealtimeEndpoint) else None
        config = _Config(
            self,
            "EndpointConfig",
            production_variants=[
                _production_variant(variant, model_names) for variant in settings.variants
            ],
            shadow_production_variants=[_production_variant(shadow, model_names)]
            if shadow
            else None,
            async_inference_config=async_inference_config,
            execution_role_arn=execution_role[0].role_arn if execution_role else None,
        )
        if execution_role:
            config.node.add_dependency(execution_role[1])
        # An update of a scaled endpoint would set its instances back to the initial count, under
        # full load. It keeps them, but takes a changed weight over. An endpoint that is not
        # scaled keeps nothing, else an edited count would be ignored.
        scaled = any(
            variant.scaling for variant in settings.variants if isinstance(variant, Variant)
        )
        endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=settings.name,
            endpoint_config_name=config.attr_endpoint_config_name,
            deployment_config=deployment_config,
            retain_all_variant_properties=True if scaled else None,
            exclude_retained_variant_properties=[
                sagemaker.CfnEndpoint.VariantPropertyProperty(variant_property_type="DesiredWeight")
            ]
            if scaled
            else None,
        )
        self.attr_endpoint_name = endpoint.attr_endpoint_name


def _production_variant(
    variant: Variant | ServerlessVariant, model_names: Mapping[str, str]
) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
    model_name = model_names.get(variant.model or "")
    if isinstance(variant, ServerlessVariant):
        return _Config.ProductionVariantProperty(
            variant_name=variant.name,
            model_name=model_name,
            initial_variant_weight=1,
            serverless_config=_Config.ServerlessConfigProperty(
                memory_size_in_mb=variant.memory_size_in_mb,
                max_concurrency=variant.max_concurrency,
                provisioned_concurrency=variant.provisioned_concurrency,
            ),
        )
    return _Config.ProductionVariantProperty(
        variant_name=variant.name,
        model_name=model_name,
        enable_ssm_access=variant.enable_ssm_access or None,
        **variant.model_dump(include=_MIRRORED, exclude_none=True),
        **_nested(variant),
    )


def _nested(variant: Variant) -> dict[str, Any]:
    """Return the properties that have a structure of their own in CloudFormation."""
    nested: dict[str, Any] = {}
    if variant.instance_pools:
        nested["instance_pools"] = [
            _Config.InstancePoolProperty(instance_type=pool.instance_type, priority=pool.priority)
            for pool in variant.instance_pools
        ]
    if variant.routing_strategy:
        nested["routing_config"] = _Config.RoutingConfigProperty(
            routing_strategy=variant.routing_strategy
        )
    if variant.core_dump_s3_uri:
        nested["core_dump_config"] = _Config.CoreDumpConfigProperty(
            destination_s3_uri=variant.core_dump_s3_uri
        )
    if managed := variant.managed_instance_scaling:
        strategy = managed.scale_in_strategy
        nested["managed_instance_scaling"] = _Config.ManagedInstanceScalingProperty(
            status="ENABLED",
            min_instance_count=managed.min_instance_count,
            max_instance_count=managed.max_instance_count,
            scale_in_policy=_Config.ScaleInPolicyProperty(strategy=strategy) if strategy else None,
        )
    if reservation := variant.capacity_reservation:
        nested["capacity_reservation_config"] = _Config.CapacityReservationConfigProperty(
            ml_reservation_arn=reservation.ml_reservation_arn,
            capacity_reservation_preference=reservation.capacity_reservation_preference,
        )
    return nested


# The settings that are properties of the same name.
_MIRRORED = {
    "instance_type",
    "variant_instance_provision_timeout_in_seconds",
    "initial_instance_count",
    "initial_variant_weight",
    "volume_size_in_gb",
    "model_data_download_timeout_in_seconds",
    "container_startup_health_check_timeout_in_seconds",
    "inference_ami_version",
}
