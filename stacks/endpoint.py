"""The endpoint config, replaced on every change, and the endpoint, updated in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings.modes import AnyEndpoint
from settings.variants import ServerlessVariant, Variant
from stacks.render import properties


class Endpoint(Construct):
    """An endpoint under a name that stays, whatever is deployed behind it.

    The endpoint config has no name: CloudFormation replaces it, and two configs cannot have one
    name. Others wire to attr_endpoint_name. model_names are the SageMaker Models, by the names that
    variants use. A variant with inference components has no model; the endpoint then gets an
    execution role, with its policy.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: AnyEndpoint,
        model_names: Mapping[str, str],
        deployment_config: dict[str, Any] | None,
        async_inference_config: dict[str, Any] | None = None,
        execution_role: tuple[iam.Role, iam.Policy] | None = None,
    ) -> None:
        super().__init__(scope, id)
        config = sagemaker.CfnEndpointConfig(
            self,
            "EndpointConfig",
            production_variants=[
                _production_variant(variant, model_names) for variant in settings.variants
            ],
            shadow_production_variants=[
                _production_variant(shadow, model_names) for shadow in settings.shadow_variants
            ]
            or None,
            async_inference_config=async_inference_config,
            execution_role_arn=execution_role[0].role_arn if execution_role else None,
        )
        if execution_role:
            config.node.add_dependency(execution_role[1])
        # An update of a scaled endpoint would set its instances back to the initial count, under
        # full load. It keeps them, but takes a changed weight over. An endpoint that is not
        # scaled keeps nothing, else an edited count would be ignored.
        scaled = any(variant.scaling for variant in settings.instance_variants.values())
        endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=settings.name,
            endpoint_config_name=config.attr_endpoint_config_name,
            deployment_config=deployment_config,
            retain_all_variant_properties=True if scaled else None,
            exclude_retained_variant_properties=[{"variantPropertyType": "DesiredWeight"}]
            if scaled
            else None,
        )
        self.attr_endpoint_name = endpoint.attr_endpoint_name


def _production_variant(
    variant: Variant | ServerlessVariant, model_names: Mapping[str, str]
) -> dict[str, Any]:
    rendered = properties(
        variant,
        Variant.cloudformation,
        modelName=model_names.get(variant.model or ""),
        initialVariantWeight=variant.initial_variant_weight,
    )
    if managed := rendered.get("managedInstanceScaling"):
        managed["status"] = "ENABLED"
    return rendered
