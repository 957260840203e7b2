"""What an alarm watches: a metric of CloudWatch's, or a number computed of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch

from settings.metrics import CloudWatchMetric, MathMetric

_Alarm = cloudwatch.CfnAlarm


def watched(metric: CloudWatchMetric | MathMetric, period: int, result: str) -> dict[str, Any]:
    """Return the properties of an alarm that say what it watches, in periods of so many seconds.

    The metrics have their dimensions. result is the id of what an expression yields.
    """
    if isinstance(metric, CloudWatchMetric):
        return {
            "namespace": metric.namespace,
            "metric_name": metric.metric_name,
            "dimensions": _dimensions(metric.dimensions),
            "statistic": metric.statistic,
            "unit": metric.unit,
            "period": period,
        }
    each = [
        _Alarm.MetricDataQueryProperty(
            id=name,
            metric_stat=_Alarm.MetricStatProperty(
                metric=_Alarm.MetricProperty(
                    namespace=each.namespace,
                    metric_name=each.metric_name,
                    dimensions=_dimensions(each.dimensions),
                ),
                period=period,
                stat=each.statistic,
                unit=each.unit,
            ),
            return_data=False,
        )
        for name, each in metric.metrics.items()
    ]
    computed = _Alarm.MetricDataQueryProperty(
        id=metric.id_of_result(result), expression=metric.expression, return_data=True
    )
    return {"metrics": [*each, computed]}


def _dimensions(
    dimensions: Mapping[str, str] | None,
) -> list[cloudwatch.CfnAlarm.DimensionProperty]:
    return [
        _Alarm.DimensionProperty(name=name, value=value)
        for name, value in (dimensions or {}).items()
    ]
