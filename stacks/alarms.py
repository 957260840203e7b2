"""What alarms watch, and those that put an update back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from settings.metrics import INVOCATIONS, CloudWatchMetric, MathMetric, Statistic
from settings.update import Rollback
from stacks.render import arguments, properties

_PERIOD_SECONDS = 60


class RollbackAlarms(Construct):
    """Alarms on what an endpoint's variants publish, which put an update back.

    The dimensions name the endpoint literally: a reference would be a cycle, since the endpoint
    names the alarms. Without a request there is no data, and no reason to go back. One alarm
    covers all of the variants: a deployment config takes ten.
    """

    def __init__(
        self, scope: Construct, id: str, *, dimensions: Sequence[dict[str, str]], rollback: Rollback
    ) -> None:
        super().__init__(scope, id)
        alarms = [
            cloudwatch.CfnAlarm(
                self,
                metric_name,
                alarm_description="Puts an update of the endpoint back.",
                comparison_operator="GreaterThanThreshold",
                threshold=threshold,
                evaluation_periods=1,
                treat_missing_data="notBreaching",
                **watched(_worst(metric_name, statistic, dimensions), "worst", _PERIOD_SECONDS),
            )
            for metric_name, statistic, threshold in rollback.thresholds
        ]
        self.names = [*(alarm.ref for alarm in alarms), *rollback.alarms]


def _worst(
    metric_name: str, statistic: Statistic, dimensions: Sequence[dict[str, str]]
) -> CloudWatchMetric | MathMetric:
    """Return a metric, of several variants that of the worst."""
    metrics = {
        f"m{index}": CloudWatchMetric(
            namespace=INVOCATIONS, metric_name=metric_name, dimensions=each, statistic=statistic
        )
        for index, each in enumerate(dimensions)
    }
    if len(metrics) == 1:
        return metrics["m0"]
    # A variant without a request has no data, and shall not take the others' away.
    filled = ", ".join(f"FILL({name}, 0)" for name in metrics)
    return MathMetric(expression=f"MAX([{filled}])", metrics=metrics)


def watched(metric: CloudWatchMetric | MathMetric, result: str, period: int) -> dict[str, Any]:
    """Return the arguments of an alarm that say what it watches, in periods of so many seconds.

    The metrics have their dimensions. result is the id of what an expression yields.
    """
    if isinstance(metric, CloudWatchMetric):
        return arguments(metric, period=period)
    return measured(metric, result, period)


def measured(
    metric: CloudWatchMetric | MathMetric, result: str, period: int | None = None
) -> dict[str, Any]:
    """Return what an alarm watches, or without a period what a target tracks, in camelCase."""
    if isinstance(metric, CloudWatchMetric):
        return properties(metric)
    computed = {"id": metric.id_of_result(result), "expression": metric.expression}
    return {
        "metrics": [
            *(_query(name, each, period) for name, each in metric.metrics.items()),
            {**computed, "returnData": True},
        ]
    }


def _query(name: str, metric: CloudWatchMetric, period: int | None) -> dict[str, Any]:
    measured = properties(metric, period=period)
    statistic = {"stat": measured.pop("statistic")}
    of_statistic = {key: measured.pop(key) for key in ("period", "unit") if key in measured}
    return {
        "id": name,
        "metricStat": {"metric": measured, **statistic, **of_statistic},
        "returnData": False,
    }
