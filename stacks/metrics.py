"""What a metric that a stage names is to CloudWatch and to Application Auto Scaling.

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
"""The names that Application Auto Scaling has for the metrics that it knows by itself."""

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
    """What is scaled: a count of Application Auto Scaling's, and whose metrics tell its load."""

    resource_id: str
    scalable_dimension: str
    dimensions: Mapping[str, str]
    """The dimensions of its metrics in CloudWatch."""


def named_metric(name: NamedMetric) -> CloudWatchMetric:
    """Return the metric that SageMaker publishes under a name, of whatever is scaled."""
    return CloudWatchMetric(
        namespace=namespace_of(name),
        metric_name=_PUBLISHED_AS.get(name, name),
        statistic=_STATISTICS.get(name, "Average"),
        # The unit of the other metrics is not documented, or there is none: a wrong one would find
        # no data.
        unit="Percent" if name in get_args(Utilization) else None,
    )


def dimensions_of(metric: CloudWatchMetric, scaled: Scaled) -> Mapping[str, str]:
    """Return the dimensions under which a metric of what is scaled is published."""
    if metric.dimensions is not None:
        return metric.dimensions
    dimensions = dict(scaled.dimensions)
    if metric.namespace == INVOCATIONS and metric.metric_name in _OF_QUEUE:
        # The queue is the endpoint's: with the variant's name the metric would have no data.
        dimensions.pop("VariantName", None)
    return dimensions
