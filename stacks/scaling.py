"""Automatic scaling of one count: a variant's instances or concurrency, a component's copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.metrics import PREDEFINED, Scaled, named_metric
from stacks.stage_metrics import CloudWatchMetric, MathMetric, Metric
from stacks.stage_scaling import Scaling, ScheduledAction, StepScaling, TargetTracking

_Policy = autoscaling.CfnScalingPolicy


class CountScaling(Construct):
    """A scalable target, and the policies that move its count.

    The target has no role: SageMaker scales by its own service-linked role. Its resource id is
    made of an attribute of what is scaled, so that it is deregistered before that is deleted.
    from_zero are steps that are added to those of the stage.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        scaled: Scaled,
        scaling: Scaling,
        from_zero: Sequence[StepScaling] = (),
    ) -> None:
        super().__init__(scope, id)
        self._scaled = scaled
        self._target = autoscaling.CfnScalableTarget(
            self,
            "ScalableTarget",
            service_namespace="sagemaker",
            scalable_dimension=scaled.scalable_dimension,
            resource_id=scaled.resource_id,
            min_capacity=scaling.min_capacity,
            max_capacity=scaling.max_capacity,
            scheduled_actions=[_scheduled(action) for action in scaling.schedule] or None,
        )
        for target in scaling.targets:
            self._track(target, scaling)
        for step in (*scaling.steps, *from_zero):
            self._step(step)

    def _track(self, target: TargetTracking, scaling: Scaling) -> None:
        metric = target.metric
        predefined = PREDEFINED.get(metric) if isinstance(metric, str) else None
        _Policy(
            self,
            f"{_id(target.policy_name)}Policy",
            policy_name=target.policy_name,
            policy_type="TargetTrackingScaling",
            scaling_target_id=self._target.ref,
            target_tracking_scaling_policy_configuration=(
                _Policy.TargetTrackingScalingPolicyConfigurationProperty(
                    target_value=target.value,
                    predefined_metric_specification=_Policy.PredefinedMetricSpecificationProperty(
                        predefined_metric_type=predefined
                    )
                    if predefined
                    else None,
                    customized_metric_specification=None
                    if predefined
                    else self._customized(metric),
                    scale_in_cooldown=scaling.scale_in_cooldown_seconds,
                    scale_out_cooldown=scaling.scale_out_cooldown_seconds,
                )
            ),
        )

    def _customized(
        self, metric: Metric
    ) -> autoscaling.CfnScalingPolicy.CustomizedMetricSpecificationProperty:
        if isinstance(metric, MathMetric):
            return _Policy.CustomizedMetricSpecificationProperty(
                metrics=[
                    *(
                        _Policy.TargetTrackingMetricDataQueryProperty(
                            id=name,
                            metric_stat=_Policy.TargetTrackingMetricStatProperty(
                                metric=_Policy.TargetTrackingMetricProperty(
                                    namespace=each.namespace,
                                    metric_name=each.metric_name,
                                    dimensions=[
                                        _Policy.TargetTrackingMetricDimensionProperty(
                                            name=key, value=value
                                        )
                                        for key, value in self._dimensions(each).items()
                                    ],
                                ),
                                stat=each.statistic,
                                unit=each.unit,
                            ),
                            return_data=False,
                        )
                        for name, each in metric.metrics.items()
                    ),
                    _Policy.TargetTrackingMetricDataQueryProperty(
                        id="target", expression=metric.expression, return_data=True
                    ),
                ]
            )
        simple = self._simple(metric)
        return _Policy.CustomizedMetricSpecificationProperty(
            namespace=simple.namespace,
            metric_name=simple.metric_name,
            dimensions=[
                _Policy.MetricDimensionProperty(name=name, value=value)
                for name, value in self._dimensions(simple).items()
            ],
            statistic=simple.statistic,
            unit=simple.unit,
        )

    def _step(self, step: StepScaling) -> None:
        """Have an alarm start a policy; the bounds of its steps are relative to the threshold."""
        policy = _Policy(
            self,
            f"{_id(step.policy_name)}Policy",
            policy_name=step.policy_name,
            policy_type="StepScaling",
            scaling_target_id=self._target.ref,
            step_scaling_policy_configuration=_Policy.StepScalingPolicyConfigurationProperty(
                adjustment_type=step.adjustment_type,
                cooldown=step.cooldown,
                metric_aggregation_type=_AGGREGATIONS.get(self._statistic(step.metric), "Average"),
                step_adjustments=[
                    _Policy.StepAdjustmentProperty(**adjustment.model_dump(exclude_none=True))
                    for adjustment in step.step_adjustments
                ],
            ),
        )
        cloudwatch.CfnAlarm(
            self,
            f"{_id(step.policy_name)}Alarm",
            alarm_actions=[policy.attr_arn],
            comparison_operator=step.comparison_operator,
            threshold=step.threshold,
            evaluation_periods=step.evaluation_periods,
            datapoints_to_alarm=step.evaluation_periods,
            # Without requests there are no data, and no reason to change anything.
            treat_missing_data="notBreaching",
            **self._watched(step.metric, step.period),
        )

    def _watched(self, metric: Metric, period: int) -> dict[str, Any]:
        """Return the properties of an alarm that say what it watches."""
        if not isinstance(metric, MathMetric):
            simple = self._simple(metric)
            return {
                "namespace": simple.namespace,
                "metric_name": simple.metric_name,
                "dimensions": self._alarm_dimensions(simple),
                "statistic": simple.statistic,
                "unit": simple.unit,
                "period": period,
            }
        return {
            "metrics": [
                *(
                    cloudwatch.CfnAlarm.MetricDataQueryProperty(
                        id=name,
                        metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
                            metric=cloudwatch.CfnAlarm.MetricProperty(
                                namespace=each.namespace,
                                metric_name=each.metric_name,
                                dimensions=self._alarm_dimensions(each),
                            ),
                            period=period,
                            stat=each.statistic,
                            unit=each.unit,
                        ),
                        return_data=False,
                    )
                    for name, each in metric.metrics.items()
                ),
                cloudwatch.CfnAlarm.MetricDataQueryProperty(
                    id="watched", expression=metric.expression, return_data=True
                ),
            ]
        }

    def _simple(self, metric: Metric) -> CloudWatchMetric:
        if isinstance(metric, CloudWatchMetric):
            return metric
        assert isinstance(metric, str)  # noqa: S101 - math metrics are told apart before
        return named_metric(metric, self._scaled)

    def _statistic(self, metric: Metric) -> str:
        return "Average" if isinstance(metric, MathMetric) else self._simple(metric).statistic

    def _dimensions(self, metric: CloudWatchMetric) -> Mapping[str, str]:
        return self._scaled.dimensions if metric.dimensions is None else metric.dimensions

    def _alarm_dimensions(
        self, metric: CloudWatchMetric
    ) -> list[cloudwatch.CfnAlarm.DimensionProperty]:
        return [
            cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value)
            for name, value in self._dimensions(metric).items()
        ]


# How a step policy sums up its alarm's data points: it knows three of the statistics.
_AGGREGATIONS = {"Minimum": "Minimum", "Maximum": "Maximum", "Sum": "Maximum"}


def _scheduled(action: ScheduledAction) -> autoscaling.CfnScalableTarget.ScheduledActionProperty:
    return autoscaling.CfnScalableTarget.ScheduledActionProperty(
        scheduled_action_name=action.name,
        schedule=action.schedule,
        timezone=action.timezone,
        start_time=action.start_time,
        end_time=action.end_time,
        scalable_target_action=autoscaling.CfnScalableTarget.ScalableTargetActionProperty(
            min_capacity=action.min_capacity, max_capacity=action.max_capacity
        ),
    )


def _id(policy_name: str) -> str:
    """Make a construct's id of a policy's name."""
    return "".join(part[:1].upper() + part[1:] for part in policy_name.replace(".", "-").split("-"))
