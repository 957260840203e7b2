"""Automatic scaling of one count: a variant's instances or concurrency, a component's copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from settings.metrics import CloudWatchMetric, MathMetric, Metric
from settings.scaling import Scaling, TargetTracking
from settings.schedule import ScheduledAction
from settings.steps import StepScaling
from stacks.alarms import measured, watched
from stacks.metrics import PREDEFINED, Scaled, dimensions_of, named_metric
from stacks.render import arguments, properties


class CountScaling(Construct):
    """A scalable target, and the policies that change its count.

    The target has no role: SageMaker scales with its own service-linked role. The resource id
    contains an attribute of what is scaled, so the target is deregistered before that is deleted.
    from_zero are steps in addition to those of the stage.
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
            **arguments(
                scaling, scheduledActions=[_scheduled(each) for each in scaling.schedule] or None
            ),
        )
        for target in scaling.targets:
            self._track(target, scaling)
        for step in (*scaling.steps, *from_zero):
            self._step(step)

    def _track(self, target: TargetTracking, scaling: Scaling) -> None:
        metric = target.metric
        predefined = PREDEFINED.get(metric) if isinstance(metric, str) else None
        self._policy(
            target.policy_name,
            policy_type="TargetTrackingScaling",
            target_tracking_scaling_policy_configuration=properties(
                target,
                predefinedMetricSpecification={"predefinedMetricType": predefined}
                if predefined
                else None,
                customizedMetricSpecification=None
                if predefined
                else measured(self._placed(metric), "target"),
                **properties(scaling, TargetTracking.cloudformation),
            ),
        )

    def _step(self, step: StepScaling) -> None:
        """Declare a policy, with steps relative to a threshold, and the alarm that starts it."""
        metric = self._placed(step.metric)
        statistic = "Average" if isinstance(metric, MathMetric) else metric.statistic
        policy = self._policy(
            step.policy_name,
            policy_type="StepScaling",
            step_scaling_policy_configuration=properties(
                step, metricAggregationType=AGGREGATIONS.get(statistic, "Average")
            ),
        )
        cloudwatch.CfnAlarm(
            self,
            f"{step.policy_name}Alarm",
            alarm_actions=[policy.attr_arn],
            datapoints_to_alarm=step.evaluation_periods,
            # Without requests there is no data, and no reason to change the count.
            treat_missing_data="notBreaching",
            **arguments(step, "AWS::CloudWatch::Alarm", metricName=None, period=None)
            | watched(metric, "watched", step.period),
        )

    def _policy(self, name: str, **configuration: Any) -> autoscaling.CfnScalingPolicy:
        return autoscaling.CfnScalingPolicy(
            self,
            f"{name}Policy",
            policy_name=name,
            scaling_target_id=self._target.ref,
            **configuration,
        )

    def _placed(self, metric: Metric) -> CloudWatchMetric | MathMetric:
        """Return a metric with the dimensions of what is scaled."""
        match metric:
            case MathMetric(metrics=metrics):
                return metric.model_copy(
                    update={"metrics": {name: self._placed(each) for name, each in metrics.items()}}
                )
            case CloudWatchMetric():
                dimensions = dict(dimensions_of(metric, self._scaled))
                return metric.model_copy(update={"dimensions": dimensions})
        return self._placed(named_metric(metric))


AGGREGATIONS = {"Minimum": "Minimum", "Maximum": "Maximum", "Sum": "Maximum"}
"""How a step policy combines the data points of its alarm, by the alarm's statistic."""


def _scheduled(action: ScheduledAction) -> dict[str, Any]:
    # Only cron expressions and times have a time zone (Application Auto Scaling API reference).
    repeats = action.schedule.startswith("rate")
    return properties(action, timezone=None if repeats else action.timezone)
