"""Is each kind of scaling what AWS documents? The documented values stand here literally.

Sources, by the letters that the tests name them by:
[P] Application Auto Scaling API reference, PredefinedMetricSpecification, RegisterScalableTarget
    and StepAdjustment; botocore's model of it has the same texts.
[M] SageMaker Developer Guide, "Amazon SageMaker AI metrics in Amazon CloudWatch".
[Q] the same, "Alarms and logs for tracking metrics from asynchronous endpoints" and "Autoscale an
    asynchronous endpoint".
[S] the same, "Monitor a serverless endpoint" and "Automatically scale Provisioned Concurrency".
[Z] the same, "Scale an endpoint to zero instances".
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.infrastructure.synthesis import TARGET, Synthesized
from tests.infrastructure.written import alarm_of, pairs, policy

VARIANT = {"EndpointName": "iris", "VariantName": "A"}
COPY = {"InferenceComponentName": "iris-trees"}


def tracked(deployed: Synthesized, name: str) -> dict[str, Any]:
    """Return what a target tracking policy tracks, once its frame is as documented."""
    properties = policy(deployed, name)
    (target,) = deployed.all_of_type(TARGET)
    assert properties["PolicyType"] == "TargetTrackingScaling"
    assert properties["ScalingTargetId"] == {"Ref": target}
    configuration: dict[str, Any] = properties["TargetTrackingScalingPolicyConfiguration"]
    assert ("PredefinedMetricSpecification" in configuration) != (
        "CustomizedMetricSpecification" in configuration
    )
    return configuration


@pytest.mark.parametrize("kind", ["realtime", "queue", "components", "serverless"])
def test_cfn_lint_and_the_cdk_find_nothing_wrong(kind: str, request: pytest.FixtureRequest) -> None:
    deployed: Synthesized = request.getfixturevalue(kind)
    assert deployed.findings() == []


@pytest.mark.parametrize(
    ("kind", "dimension", "resource"),
    [
        ("realtime", "sagemaker:variant:DesiredInstanceCount", ["endpoint/", "/variant/A"]),
        ("queue", "sagemaker:variant:DesiredInstanceCount", ["endpoint/", "/variant/A"]),
        (
            "serverless",
            "sagemaker:variant:DesiredProvisionedConcurrency",
            ["endpoint/", "/variant/A"],
        ),
    ],
)
def test_a_variants_count_is_scaled_by_its_resource_id_and_dimension(
    kind: str, dimension: str, resource: list[str], request: pytest.FixtureRequest
) -> None:
    """[P] RegisterScalableTarget, ResourceId and ScalableDimension."""
    target = request.getfixturevalue(kind).of_type(TARGET)
    assert target["ServiceNamespace"] == "sagemaker"
    assert target["ScalableDimension"] == dimension
    first, name, last = target["ResourceId"]["Fn::Join"][1]
    assert [first, last] == resource
    assert name["Fn::GetAtt"][1] == "EndpointName"


def test_a_components_copies_are_scaled_by_its_resource_id_and_dimension(
    components: Synthesized,
) -> None:
    """[P] RegisterScalableTarget, ResourceId and ScalableDimension."""
    target = components.of_type(TARGET)
    assert target["ServiceNamespace"] == "sagemaker"
    assert target["ScalableDimension"] == "sagemaker:inference-component:DesiredCopyCount"
    assert target["ResourceId"] == "inference-component/iris-trees"


@pytest.mark.parametrize(
    ("kind", "metric", "predefined", "value"),
    [
        ("realtime", "InvocationsPerInstance", "SageMakerVariantInvocationsPerInstance", 600),
        (
            "realtime",
            "ConcurrentRequestsPerModel",
            "SageMakerVariantConcurrentRequestsPerModelHighResolution",
            5,
        ),
        (
            "serverless",
            "ProvisionedConcurrencyUtilization",
            "SageMakerVariantProvisionedConcurrencyUtilization",
            0.7,
        ),
        ("components", "InvocationsPerCopy", "SageMakerInferenceComponentInvocationsPerCopy", 60),
        (
            "components",
            "ConcurrentRequestsPerCopy",
            "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
            5,
        ),
    ],
)
def test_each_predefined_metric_is_tracked_by_application_auto_scalings_name(
    kind: str, metric: str, predefined: str, value: float, request: pytest.FixtureRequest
) -> None:
    """[P] PredefinedMetricSpecification, PredefinedMetricType."""
    configuration = tracked(request.getfixturevalue(kind), metric)
    assert configuration["PredefinedMetricSpecification"] == {"PredefinedMetricType": predefined}
    assert configuration["TargetValue"] == value


def test_the_cooldowns_of_the_stage_are_those_of_each_target(realtime: Synthesized) -> None:
    for name in ("InvocationsPerInstance", "CPUUtilization", "Own", "Math"):
        configuration = tracked(realtime, name)
        assert configuration["ScaleInCooldown"] == 400
        assert configuration["ScaleOutCooldown"] == 40
        assert "DisableScaleIn" not in configuration


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("CPUUtilization", 70),
        ("MemoryUtilization", 71),
        ("GPUUtilization", 72),
        ("GPUMemoryUtilization", 73),
        ("DiskUtilization", 74),
    ],
)
def test_the_utilization_of_a_variants_instances_is_tracked_where_it_is_published(
    realtime: Synthesized, metric: str, value: int
) -> None:
    """[M] "SageMaker AI endpoint metrics": namespace, dimensions, and "Units: Percent"."""
    configuration = tracked(realtime, metric)
    specification = configuration["CustomizedMetricSpecification"]
    assert pairs(specification.pop("Dimensions")) == VARIANT
    assert specification == {
        "Namespace": "/aws/sagemaker/Endpoints",
        "MetricName": metric,
        "Statistic": "Average",
        "Unit": "Percent",
    }
    assert configuration["TargetValue"] == value


@pytest.mark.parametrize(
    "metric",
    [
        "CPUUtilizationNormalized",
        "MemoryUtilizationNormalized",
        "GPUUtilizationNormalized",
        "GPUMemoryUtilizationNormalized",
    ],
)
def test_the_utilization_of_a_components_copies_is_tracked_where_it_is_published(
    components: Synthesized, metric: str
) -> None:
    """[M] "SageMaker AI inference component metrics", which tells no unit."""
    specification = tracked(components, metric)["CustomizedMetricSpecification"]
    assert pairs(specification.pop("Dimensions")) == COPY
    assert specification == {
        "Namespace": "/aws/sagemaker/InferenceComponents",
        "MetricName": metric,
        "Statistic": "Average",
    }


def test_a_metric_of_ones_own_is_tracked_as_it_is_written(realtime: Synthesized) -> None:
    configuration = tracked(realtime, "Own")
    assert configuration["CustomizedMetricSpecification"] == {
        "Namespace": "Shop",
        "MetricName": "Baskets",
        "Dimensions": [{"Name": "Site", "Value": "north"}],
        "Statistic": "Maximum",
        "Unit": "Count",
    }
    assert configuration["TargetValue"] == 12.5


def test_a_math_metric_is_tracked_by_its_last_expression_alone(realtime: Synthesized) -> None:
    """[P] TargetTrackingMetricDataQuery: ReturnData true of the final expression alone, ids are
    unique and begin with a lower-case letter; a metric of the user's is called target as well.
    """
    *metrics, result = tracked(realtime, "Math")["CustomizedMetricSpecification"]["Metrics"]
    assert result == {"Id": "target_", "Expression": "target / watched", "ReturnData": True}
    assert [metric["Id"] for metric in metrics] == ["target", "watched"]
    assert {metric["ReturnData"] for metric in metrics} == {False}
    invocations, instances = (metric["MetricStat"] for metric in metrics)
    assert pairs(invocations["Metric"].pop("Dimensions")) == VARIANT
    assert pairs(instances["Metric"].pop("Dimensions")) == VARIANT
    assert invocations == {
        "Metric": {"Namespace": "AWS/SageMaker", "MetricName": "Invocations"},
        "Stat": "Sum",
    }
    assert instances == {
        "Metric": {"Namespace": "/aws/sagemaker/Endpoints", "MetricName": "CPUUtilization"},
        "Stat": "SampleCount",
        "Unit": "Percent",
    }


def test_scheduled_actions_are_in_their_time_zone_and_begin_and_end_in_utc(
    realtime: Synthesized,
) -> None:
    """[P] ScheduledAction: Timezone is of cron and at expressions, StartTime and EndTime are UTC.

    They are on the target itself: CloudFormation has no resource of their own.
    """
    assert realtime.of_type(TARGET)["ScheduledActions"] == [
        {
            "ScheduledActionName": "Morning",
            "Schedule": "cron(0 8 ? * MON-FRI *)",
            "Timezone": "Europe/Berlin",
            "StartTime": "2027-01-31T06:00:00Z",
            "EndTime": "2027-12-31T00:00:00Z",
            "ScalableTargetAction": {"MinCapacity": 4, "MaxCapacity": 8},
        },
        {
            "ScheduledActionName": "Each half day",
            "Schedule": "rate(12 hours)",
            "ScalableTargetAction": {"MaxCapacity": 8},
        },
        {
            "ScheduledActionName": "Sale",
            "Schedule": "at(2027-11-26T00:00:00)",
            "Timezone": "UTC",
            "ScalableTargetAction": {"MinCapacity": 8, "MaxCapacity": 16},
        },
    ]


def test_the_backlog_per_instance_is_the_queues_whose_dimension_is_the_endpoint_alone(
    queue: Synthesized,
) -> None:
    """[Q] "Define a scaling policy": this metric, namespace, statistic and dimension."""
    configuration = tracked(queue, "ApproximateBacklogSizePerInstance")
    assert configuration["CustomizedMetricSpecification"] == {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Dimensions": [{"Name": "EndpointName", "Value": "iris"}],
        "Statistic": "Average",
    }
    assert configuration["TargetValue"] == 5
    alarm = alarm_of(queue, "Old")
    assert alarm["MetricName"] == "ApproximateAgeOfOldestRequest"
    assert pairs(alarm["Dimensions"]) == {"EndpointName": "iris"}
    gpu = tracked(queue, "GPUUtilization")["CustomizedMetricSpecification"]
    assert pairs(gpu["Dimensions"]) == VARIANT


def test_the_queue_has_its_dimension_in_an_expression_as_well(queue: Synthesized) -> None:
    metrics = tracked(queue, "Queue")["CustomizedMetricSpecification"]["Metrics"]
    backlog, instances = (metric["MetricStat"]["Metric"] for metric in metrics[:-1])
    assert pairs(backlog["Dimensions"]) == {"EndpointName": "iris"}
    assert pairs(instances["Dimensions"]) == VARIANT
