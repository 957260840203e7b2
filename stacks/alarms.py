"""What alarms watch, and the alarms that roll an update back."""

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
    """Alarms on the metrics of an endpoint's variants. They roll an update back.

    The dimensions name the endpoint literally: a reference would be a cycle, since the endpoint
    names the alarms. Without requests there is no data, and no reason to roll back. One alarm
    covers all variants, since a deployment config takes only ten alarms.
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
    """Return a metric; with several variants, the worst of theirs."""
    metrics = {
        f"m{index}": CloudWatchMetric(
            namespace=INVOCATIONS, metric_name=metric_name, dimensions=each, statistic=statistic
        )
        for index, each in enumerate(dimensions)
    }
    if len(metrics) == 1:
        return metrics["m0"]
    # A variant without requests has no data. It must not hide the data of the others.
    filled = ", ".join(f"FILL({name}, 0)" for name in metrics)
    return MathMetric(expression=f"MAX([{filled}])", metrics=metrics)


def watched(metric: CloudWatchMetric | MathMetric, result: str, period: int) -> dict[str, Any]:
    """Return the arguments that tell an alarm what to watch; period is in seconds.

    The metrics have their dimensions. result is the id of the result of an expression.
    """
    if isinstance(metric, CloudWatchMetric):
        return arguments(metric, period=period)
    return measured(metric, result, period)


def measured(
    metric: CloudWatchMetric | MathMetric, result: str, period: int | None = None
) -> dict[str, Any]:
    """Return what an alarm watches or, without a period, what a target tracks, in camelCase."""
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
