"""Every metric, statistic and unit that a stage can name, as AWS documents it: literally, and all.

Sources: SageMaker Developer Guide, "Amazon SageMaker AI metrics in Amazon CloudWatch", "Alarms and
logs for tracking metrics from asynchronous endpoints" and "Monitor a serverless endpoint";
Application Auto Scaling API reference, PredefinedMetricSpecification and
StepScalingPolicyConfiguration.
"""

from __future__ import annotations

from typing import get_args

import pytest

from settings.errors import StageError
from settings.metrics import CloudWatchMetric, NamedMetric, Statistic, Utilization
from stacks.metrics import PREDEFINED, Scaled, dimensions_of, named_metric
from stacks.scaling import AGGREGATIONS
from tests.infrastructure.written import OWN_IMAGE, endpoint, stage

INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
COPIES = "/aws/sagemaker/InferenceComponents"

PUBLISHED: dict[str, tuple[str, str, str, str | None]] = {
    "InvocationsPerInstance": (INVOCATIONS, "InvocationsPerInstance", "Sum", None),
    "ConcurrentRequestsPerModel": (INVOCATIONS, "ConcurrentRequestsPerModel", "Maximum", None),
    "ProvisionedConcurrencyUtilization": (
        INVOCATIONS,
        "ServerlessProvisionedConcurrencyUtilization",
        "Average",
        None,
    ),
    "InvocationsPerCopy": (INVOCATIONS, "InvocationsPerCopy", "Sum", None),
    "ConcurrentRequestsPerCopy": (INVOCATIONS, "ConcurrentRequestsPerCopy", "Maximum", None),
    "CPUUtilization": (INSTANCES, "CPUUtilization", "Average", "Percent"),
    "MemoryUtilization": (INSTANCES, "MemoryUtilization", "Average", "Percent"),
    "GPUUtilization": (INSTANCES, "GPUUtilization", "Average", "Percent"),
    "GPUMemoryUtilization": (INSTANCES, "GPUMemoryUtilization", "Average", "Percent"),
    "DiskUtilization": (INSTANCES, "DiskUtilization", "Average", "Percent"),
    "CPUUtilizationNormalized": (COPIES, "CPUUtilizationNormalized", "Average", None),
    "MemoryUtilizationNormalized": (COPIES, "MemoryUtilizationNormalized", "Average", None),
    "GPUUtilizationNormalized": (COPIES, "GPUUtilizationNormalized", "Average", None),
    "GPUMemoryUtilizationNormalized": (COPIES, "GPUMemoryUtilizationNormalized", "Average", None),
    "ApproximateBacklogSizePerInstance": (
        INVOCATIONS,
        "ApproximateBacklogSizePerInstance",
        "Average",
        None,
    ),
    "ApproximateBacklogSize": (INVOCATIONS, "ApproximateBacklogSize", "Average", None),
    "ApproximateAgeOfOldestRequest": (
        INVOCATIONS,
        "ApproximateAgeOfOldestRequest",
        "Average",
        None,
    ),
}
OF_QUEUES = {
    "ApproximateBacklogSizePerInstance",
    "ApproximateBacklogSize",
    "ApproximateAgeOfOldestRequest",
    "HasBacklogWithoutCapacity",
}
# What 100 % is of, on an instance type of 48 cores and 4 GPUs.
LARGE = "ml.g4dn.12xlarge"
HIGHEST = {
    "CPUUtilization": 4800,
    "MemoryUtilization": 100,
    "GPUUtilization": 400,
    "GPUMemoryUtilization": 400,
    "DiskUtilization": 100,
}


def test_every_metric_that_has_a_name_is_known_here() -> None:
    assert PUBLISHED.keys() == set(get_args(NamedMetric))
    assert HIGHEST.keys() == set(get_args(Utilization))


@pytest.mark.parametrize("name", get_args(NamedMetric))
def test_a_named_metric_is_the_one_that_is_published(name: NamedMetric) -> None:
    metric = named_metric(name)
    given = (metric.namespace, metric.metric_name, metric.statistic, metric.unit)
    assert given == PUBLISHED[name]


def test_application_auto_scaling_knows_five_metrics_by_itself() -> None:
    assert PREDEFINED == {
        "InvocationsPerInstance": "SageMakerVariantInvocationsPerInstance",
        "ConcurrentRequestsPerModel": "SageMakerVariantConcurrentRequestsPerModelHighResolution",
        "ProvisionedConcurrencyUtilization": "SageMakerVariantProvisionedConcurrencyUtilization",
        "InvocationsPerCopy": "SageMakerInferenceComponentInvocationsPerCopy",
        "ConcurrentRequestsPerCopy": (
            "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
        ),
    }


@pytest.mark.parametrize("name", sorted({*get_args(NamedMetric), *OF_QUEUES}))
def test_a_queue_is_the_endpoints_and_all_else_the_variants(name: str) -> None:
    variant = {"EndpointName": "iris", "VariantName": "A"}
    metric = CloudWatchMetric.model_construct(
        namespace=INVOCATIONS, metric_name=name, dimensions=None
    )
    expected = {"EndpointName": "iris"} if name in OF_QUEUES else variant
    assert dimensions_of(metric, Scaled("", "", variant)) == expected


def test_a_step_policy_sums_up_by_the_statistic_nearest_to_the_alarms() -> None:
    aggregations = {name: AGGREGATIONS.get(name, "Average") for name in get_args(Statistic)}
    assert aggregations == {
        "Average": "Average",
        "Minimum": "Minimum",
        "Maximum": "Maximum",
        "SampleCount": "Average",
        "Sum": "Maximum",
    }


@pytest.mark.parametrize(("metric", "highest"), HIGHEST.items())
def test_a_target_of_all_that_an_instance_has_would_never_be_exceeded(
    metric: str, highest: int
) -> None:
    def scaled(value: float) -> str:
        return (
            endpoint(instance_type=LARGE)
            + "[endpoint.variants.scaling]\nmin_capacity = 2\nmax_capacity = 4\n"
            + f'targets = [{{ metric = "{metric}", value = {value} }}]\n'
        )

    assert stage(scaled(highest - 1), OWN_IMAGE)
    with pytest.raises(StageError, match=f"{metric} is at most {highest} and never exceeds"):
        stage(scaled(highest), OWN_IMAGE)
