"""The endpoint config and the endpoint: the one is replaced on every change, the other updated."""

from collections.abc import Sequence

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.stage_endpoint import Variant


class Endpoint(Construct):
    """An endpoint under a name that stays, whatever is deployed behind it.

    The endpoint config has no name: CloudFormation replaces it, and a second one of the same name
    could not be made beside the first. attr_endpoint_name is what others wire to.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str,
        model_name: str,
        variants: Sequence[Variant],
    ) -> None:
        super().__init__(scope, id)
        config = sagemaker.CfnEndpointConfig(
            self,
            "EndpointConfig",
            production_variants=[_production_variant(variant, model_name) for variant in variants],
        )
        # An update of a scaled endpoint would set its instances back to the initial count, under
        # full load. It keeps them, but takes a changed weight over. An endpoint that is not
        # scaled keeps nothing, else an edited count would be ignored.
        scaled = any(variant.scaling for variant in variants)
        endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=endpoint_name,
            endpoint_config_name=config.attr_endpoint_config_name,
            retain_all_variant_properties=True if scaled else None,
            exclude_retained_variant_properties=[
                sagemaker.CfnEndpoint.VariantPropertyProperty(variant_property_type="DesiredWeight")
            ]
            if scaled
            else None,
        )
        self.attr_endpoint_name = endpoint.attr_endpoint_name


def _production_variant(
    variant: Variant, model_name: str
) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
    return sagemaker.CfnEndpointConfig.ProductionVariantProperty(
        model_name=model_name,
        variant_name=variant.name,
        **variant.model_dump(exclude={"name", "scaling"}, exclude_none=True),
    )
