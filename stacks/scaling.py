"""Automatic scaling of one count: a variant's instances or concurrency, a component's copies."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from settings.metrics import CloudWatchMetric, MathMetric, Metric
from settings.scaling import Scaling, TargetTracking
from settings.schedule import ScheduledAction
from settings.steps import StepScaling
from stacks.metrics import PREDEFINED, Scaled, dimensions_of, named_metric
from stacks.watched import watched

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
            f"{target.policy_name}Policy",
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
        placed = self._placed(metric)
        if isinstance(placed, MathMetric):
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
                                        for key, value in (each.dimensions or {}).items()
                                    ],
                                ),
                                stat=each.statistic,
                                unit=each.unit,
                            ),
                            return_data=False,
                        )
                        for name, each in placed.metrics.items()
                    ),
                    _Policy.TargetTrackingMetricDataQueryProperty(
                        id=placed.id_of_result("target"),
                        expression=placed.expression,
                        return_data=True,
                    ),
                ]
            )
        return _Policy.CustomizedMetricSpecificationProperty(
            namespace=placed.namespace,
            metric_name=placed.metric_name,
            dimensions=[
                _Policy.MetricDimensionProperty(name=name, value=value)
                for name, value in (placed.dimensions or {}).items()
            ],
            statistic=placed.statistic,
            unit=placed.unit,
        )

    def _step(self, step: StepScaling) -> None:
        """Have an alarm start a policy; the bounds of its steps are relative to the threshold."""
        metric = self._placed(step.metric)
        statistic = "Average" if isinstance(metric, MathMetric) else metric.statistic
        policy = _Policy(
            self,
            f"{step.policy_name}Policy",
            policy_name=step.policy_name,
            policy_type="StepScaling",
            scaling_target_id=self._target.ref,
            step_scaling_policy_configuration=_Policy.StepScalingPolicyConfigurationProperty(
                adjustment_type=step.adjustment_type,
                cooldown=step.cooldown,
                min_adjustment_magnitude=step.min_adjustment_magnitude,
                metric_aggregation_type=_AGGREGATIONS.get(statistic, "Average"),
                step_adjustments=[
                    _Policy.StepAdjustmentProperty(**adjustment.model_dump(exclude_none=True))
                    for adjustment in step.step_adjustments
                ],
            ),
        )
        cloudwatch.CfnAlarm(
            self,
            f"{step.policy_name}Alarm",
            alarm_actions=[policy.attr_arn],
            comparison_operator=step.comparison_operator,
            threshold=step.threshold,
            evaluation_periods=step.evaluation_periods,
            datapoints_to_alarm=step.evaluation_periods,
            # Without requests there are no data, and no reason to change anything.
            treat_missing_data="notBreaching",
            **watched(metric, step.period, "watched"),
        )

    def _placed(self, metric: Metric) -> CloudWatchMetric | MathMetric:
        """Return a metric with the dimensions that it is published under of what is scaled."""
        match metric:
            case MathMetric(metrics=metrics):
                return metric.model_copy(
                    update={"metrics": {name: self._placed(each) for name, each in metrics.items()}}
                )
            case CloudWatchMetric():
                dimensions = dict(dimensions_of(metric, self._scaled))
                return metric.model_copy(update={"dimensions": dimensions})
        return self._placed(named_metric(metric))


# How a step policy sums up its alarm's data points: it knows three of the statistics.
_AGGREGATIONS = {"Minimum": "Minimum", "Maximum": "Maximum", "Sum": "Maximum"}


def _scheduled(action: ScheduledAction) -> autoscaling.CfnScalableTarget.ScheduledActionProperty:
    return autoscaling.CfnScalableTarget.ScheduledActionProperty(
        scheduled_action_name=action.name,
        schedule=action.schedule,
        # Of cron expressions and times alone (Application Auto Scaling API reference).
        timezone=None if action.schedule.startswith("rate") else action.timezone,
        start_time=action.start_time,
        end_time=action.end_time,
        scalable_target_action=autoscaling.CfnScalableTarget.ScalableTargetActionProperty(
            min_capacity=action.min_capacity, max_capacity=action.max_capacity
        ),
    )
