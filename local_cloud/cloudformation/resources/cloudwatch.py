"""AWS::CloudWatch."""

from __future__ import annotations

import json

from local_cloud.cloudformation.resources.resource_type import (
    Context,
    Properties,
    ResourceType,
    pick,
    tag_changes,
    tag_list,
    tag_map,
)

_ALARM_SETTINGS = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
)


class Alarm(ResourceType):
    """AWS::CloudWatch::Alarm, whose settings are those of PutMetricAlarm."""

    type_name = "AWS::CloudWatch::Alarm"
    honours = ("AlarmName", *_ALARM_SETTINGS, "Tags")
    attributes = ("Arn",)
    name_property = "AlarmName"
    gone = ("ResourceNotFound",)

    def create(self, context: Context, properties: Properties) -> str:
        """Put the alarm; its physical id is its name."""
        name = properties.get("AlarmName") or context.unique_name(255)
        context.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Tags=tag_list(tag_map(properties)),
            **pick(properties, *_ALARM_SETTINGS),
        )
        return str(name)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Put the alarm again, which replaces all settings but not the tags."""
        cloudwatch = context.client("cloudwatch")
        cloudwatch.put_metric_alarm(AlarmName=physical_id, **pick(new, *_ALARM_SETTINGS))
        changed, removed = tag_changes(old, new)
        arn = context.arn("cloudwatch", f"alarm:{physical_id}")
        if changed:
            cloudwatch.tag_resource(ResourceARN=arn, Tags=tag_list(changed))
        if removed:
            cloudwatch.untag_resource(ResourceARN=arn, TagKeys=removed)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the alarm."""
        del properties
        context.client("cloudwatch").delete_alarms(AlarmNames=[physical_id])

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN."""
        del properties
        return {"Arn": context.arn("cloudwatch", f"alarm:{physical_id}")}


class Dashboard(ResourceType):
    """AWS::CloudWatch::Dashboard."""

    type_name = "AWS::CloudWatch::Dashboard"
    honours = ("DashboardName", "DashboardBody")
    name_property = "DashboardName"
    gone = ("ResourceNotFound", "DashboardNotFoundError")

    def create(self, context: Context, properties: Properties) -> str:
        """Put the dashboard; its physical id is its name."""
        name = properties.get("DashboardName") or context.unique_name(255)
        self._put(context, str(name), properties)
        return str(name)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Put the dashboard again."""
        del old
        self._put(context, physical_id, new)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the dashboard."""
        del properties
        context.client("cloudwatch").delete_dashboards(DashboardNames=[physical_id])

    def _put(self, context: Context, name: str, properties: Properties) -> None:
        body = properties["DashboardBody"]
        text = body if isinstance(body, str) else json.dumps(body)
        context.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=text)
