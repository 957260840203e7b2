"""How an update replaces the instances: the deployment config, and the alarms that undo it."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings.metrics import INVOCATIONS, CloudWatchMetric, MathMetric, Statistic
from settings.update import Rollback, Rollout
from stacks.watched import watched

_MICROSECONDS = 1_000_000


class RollbackAlarms(Construct):
    """Alarms on what an endpoint's variants publish, which put an update back.

    The dimensions name the endpoint literally: a reference would be a cycle, since the endpoint
    names the alarms. Without a request there is no data, and no reason to go back. One alarm
    covers all of the variants: a deployment config takes ten.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        dimensions: Sequence[dict[str, str]],
        rollback: Rollback,
        is_async: bool = False,
    ) -> None:
        super().__init__(scope, id)
        self._dimensions = dimensions
        latency = rollback.max_model_latency_seconds or (450 if is_async else 30)
        alarms = [
            # Each request counts 1 or 0, so that the average is the share of errors.
            self._alarm("Invocation5XXErrors", "Average", rollback.max_5xx_percent / 100),
            self._alarm("ModelLatency", "Average", latency * _MICROSECONDS),
        ]
        if is_async:
            alarms.append(
                self._alarm("InvocationFailures", "Sum", rollback.max_failures_per_minute)
            )
        self.names = [*(alarm.ref for alarm in alarms), *rollback.alarms]

    def _alarm(
        self, metric_name: str, statistic: Statistic, threshold: float
    ) -> cloudwatch.CfnAlarm:
        return cloudwatch.CfnAlarm(
            self,
            metric_name,
            alarm_description="Puts an update of the endpoint back.",
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            **watched(self._worst(metric_name, statistic), 60, "worst"),
        )

    def _worst(self, metric_name: str, statistic: Statistic) -> CloudWatchMetric | MathMetric:
        """Return a metric, of several variants that of the worst."""
        metrics = {
            f"m{index}": CloudWatchMetric(
                namespace=INVOCATIONS,
                metric_name=metric_name,
                dimensions=dimensions,
                statistic=statistic,
            )
            for index, dimensions in enumerate(self._dimensions)
        }
        if len(metrics) == 1:
            return metrics["m0"]
        # A variant without a request has no data, and shall not take the others' away.
        filled = ", ".join(f"FILL({name}, 0)" for name in metrics)
        return MathMetric(expression=f"MAX([{filled}])", metrics=metrics)


_Endpoint = sagemaker.CfnEndpoint
_Component = sagemaker.CfnInferenceComponent


def deployment_config(
    rollout: Rollout, alarm_names: Sequence[str]
) -> sagemaker.CfnEndpoint.DeploymentConfigProperty:
    """Return how CloudFormation has an endpoint updated."""
    size = _Endpoint.CapacitySizeProperty(type=rollout.size_type, value=rollout.size)
    rollback = _Endpoint.AutoRollbackConfigProperty(
        alarms=[_Endpoint.AlarmProperty(alarm_name=name) for name in alarm_names]
    )
    if rollout.policy == "ROLLING":
        return _Endpoint.DeploymentConfigProperty(
            auto_rollback_configuration=rollback,
            rolling_update_policy=_Endpoint.RollingUpdatePolicyProperty(
                maximum_batch_size=size,
                wait_interval_in_seconds=rollout.wait_interval_in_seconds,
                maximum_execution_timeout_in_seconds=rollout.maximum_execution_timeout_in_seconds,
            ),
        )
    return _Endpoint.DeploymentConfigProperty(
        auto_rollback_configuration=rollback,
        blue_green_update_policy=_Endpoint.BlueGreenUpdatePolicyProperty(
            traffic_routing_configuration=_Endpoint.TrafficRoutingConfigProperty(
                type=rollout.policy,
                canary_size=size if rollout.policy == "CANARY" else None,
                linear_step_size=size if rollout.policy == "LINEAR" else None,
                wait_interval_in_seconds=rollout.wait_interval_in_seconds,
            ),
            termination_wait_in_seconds=rollout.termination_wait_in_seconds,
            maximum_execution_timeout_in_seconds=rollout.maximum_execution_timeout_in_seconds,
        ),
    )


def component_deployment_config(
    rollout: Rollout, alarm_names: Sequence[str]
) -> sagemaker.CfnInferenceComponent.InferenceComponentDeploymentConfigProperty:
    """Return how CloudFormation has an inference component updated: some copies at a time."""
    by_count = rollout.size_type == "INSTANCE_COUNT"
    return _Component.InferenceComponentDeploymentConfigProperty(
        auto_rollback_configuration=_Component.AutoRollbackConfigurationProperty(
            alarms=[_Component.AlarmProperty(alarm_name=name) for name in alarm_names]
        ),
        rolling_update_policy=_Component.InferenceComponentRollingUpdatePolicyProperty(
            maximum_batch_size=_Component.InferenceComponentCapacitySizeProperty(
                type="COPY_COUNT" if by_count else "CAPACITY_PERCENT", value=rollout.size
            ),
            wait_interval_in_seconds=rollout.wait_interval_in_seconds,
            maximum_execution_timeout_in_seconds=rollout.maximum_execution_timeout_in_seconds,
        ),
    )
