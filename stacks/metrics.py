"""What a metric that a stage names is to CloudWatch and to Application Auto Scaling.

SageMaker Developer Guide, "Amazon SageMaker AI metrics in Amazon CloudWatch" and "Alarms and logs
for tracking metrics from asynchronous endpoints"; Application Auto Scaling API reference,
PredefinedMetricSpecification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stacks.stage_metrics import CloudWatchMetric, NamedMetric, Statistic

INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
COMPONENTS = "/aws/sagemaker/InferenceComponents"

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
_OF_QUEUE = (
    "ApproximateBacklogSizePerInstance",
    "ApproximateBacklogSize",
    "ApproximateAgeOfOldestRequest",
)


@dataclass(frozen=True)
class Scaled:
    """What is scaled: a count of Application Auto Scaling's, and whose metrics tell its load."""

    resource_id: str
    scalable_dimension: str
    dimensions: Mapping[str, str]
    """The dimensions of its metrics in CloudWatch."""


def named_metric(name: NamedMetric, scaled: Scaled) -> CloudWatchMetric:
    """Return the metric that SageMaker publishes under a name, of what is scaled."""
    utilization = "Utilization" in name and name not in PREDEFINED
    dimensions = dict(scaled.dimensions)
    if name in _OF_QUEUE:
        # The queue is the endpoint's: with the variant's name the metric would have no data.
        del dimensions["VariantName"]
    return CloudWatchMetric(
        namespace=INVOCATIONS
        if not utilization
        else COMPONENTS
        if name.endswith("Normalized")
        else INSTANCES,
        metric_name=_PUBLISHED_AS.get(name, name),
        dimensions=dimensions,
        statistic=_STATISTICS.get(name, "Average"),
        unit="Percent" if utilization else None,
    )
