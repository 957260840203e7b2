"""Automatic scaling of one variant."""

from aws_cdk import aws_applicationautoscaling as autoscaling
from constructs import Construct

from stacks.stage_endpoint import Scaling

_METRICS = {"InvocationsPerInstance": "SageMakerVariantInvocationsPerInstance"}


class VariantScaling(Construct):
    """A scalable target, the variant's instance count, and the policy that moves it.

    The target has no role: SageMaker scales by its own service-linked role. Its resource id is
    made of the endpoint's attribute, so that it is deregistered before the endpoint is deleted.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str,
        variant_name: str,
        scaling: Scaling,
    ) -> None:
        super().__init__(scope, id)
        target = autoscaling.CfnScalableTarget(
            self,
            "ScalableTarget",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{endpoint_name}/variant/{variant_name}",
            min_capacity=scaling.min_capacity,
            max_capacity=scaling.max_capacity,
        )
        autoscaling.CfnScalingPolicy(
            self,
            "ScalingPolicy",
            policy_name=scaling.target.metric,
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=(
                autoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                    target_value=scaling.target.value,
                    predefined_metric_specification=(
                        autoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                            predefined_metric_type=_METRICS[scaling.target.metric]
                        )
                    ),
                    scale_in_cooldown=scaling.scale_in_cooldown_seconds,
                    scale_out_cooldown=scaling.scale_out_cooldown_seconds,
                )
            ),
        )
