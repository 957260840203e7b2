"""How CloudWatch and Application Auto Scaling know the metrics that a stage names.

SageMaker Developer Guide, "Amazon SageMaker AI metrics in Amazon CloudWatch" and "Alarms and logs
for tracking metrics from asynchronous endpoints"; Application Auto Scaling API reference,
PredefinedMetricSpecification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from settings.metrics import (
    INVOCATIONS,
    BacklogMetric,
    CloudWatchMetric,
    NamedMetric,
    Statistic,
    Utilization,
    namespace_of,
)

PREDEFINED: Mapping[str, str] = {
    "InvocationsPerInstance": "SageMakerVariantInvocationsPerInstance",
    "ConcurrentRequestsPerModel": "SageMakerVariantConcurrentRequestsPerModelHighResolution",
    "ProvisionedConcurrencyUtilization": "SageMakerVariantProvisionedConcurrencyUtilization",
    "InvocationsPerCopy": "SageMakerInferenceComponentInvocationsPerCopy",
    "ConcurrentRequestsPerCopy": (
        "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
    ),
}
"""The metrics that are predefined in Application Auto Scaling, with its names for them."""

_PUBLISHED_AS = {"ProvisionedConcurrencyUtilization": "ServerlessProvisionedConcurrencyUtilization"}
_STATISTICS: Mapping[str, Statistic] = {
    "InvocationsPerInstance": "Sum",
    "InvocationsPerCopy": "Sum",
    "ConcurrentRequestsPerModel": "Maximum",
    "ConcurrentRequestsPerCopy": "Maximum",
}
_OF_QUEUE = (*get_args(BacklogMetric), "HasBacklogWithoutCapacity")


@dataclass(frozen=True)
class Scaled:
    """What is scaled: a count in Application Auto Scaling, and the metrics that show its load."""

    resource_id: str
    scalable_dimension: str
    dimensions: Mapping[str, str]
    """The dimensions of its metrics in CloudWatch."""


def named_metric(name: NamedMetric) -> CloudWatchMetric:
    """Return the metric that SageMaker publishes under a name."""
    return CloudWatchMetric(
        namespace=namespace_of(name),
        metric_name=_PUBLISHED_AS.get(name, name),
        statistic=_STATISTICS.get(name, "Average"),
        # The other metrics have no documented unit, and with a wrong unit CloudWatch finds no data.
        unit="Percent" if name in get_args(Utilization) else None,
    )


def dimensions_of(metric: CloudWatchMetric, scaled: Scaled) -> Mapping[str, str]:
    """Return the dimensions that a metric of what is scaled is published with."""
    if metric.dimensions is not None:
        return metric.dimensions
    dimensions = dict(scaled.dimensions)
    if metric.namespace == INVOCATIONS and metric.metric_name in _OF_QUEUE:
        # The queue belongs to the endpoint: with the variant's name the metric has no data.
        dimensions.pop("VariantName", None)
    return dimensions
