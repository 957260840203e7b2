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

from tests.infrastructure.synthesis import CONFIG, SCALING_POLICY, TARGET, Synthesize, Synthesized
from tests.infrastructure.written import ALARM, alarm_of, endpoint, pairs, policy, stage

VARIANT = {"EndpointName": "iris", "VariantName": "A"}
COPY = {"InferenceComponentName": "iris-trees"}

REALTIME = (
    endpoint()
    + """
[endpoint.variants.scaling]
min_capacity = 2
max_capacity = 8
scale_in_cooldown_seconds = 400
scale_out_cooldown_seconds = 40

[[endpoint.variants.scaling.targets]]
metric = "InvocationsPerInstance"
value = 600

[[endpoint.variants.scaling.targets]]
metric = "ConcurrentRequestsPerModel"
value = 5

[[endpoint.variants.scaling.targets]]
metric = "CPUUtilization"
value = 70

[[endpoint.variants.scaling.targets]]
metric = "MemoryUtilization"
value = 71

[[endpoint.variants.scaling.targets]]
metric = "GPUUtilization"
value = 72

[[endpoint.variants.scaling.targets]]
metric = "GPUMemoryUtilization"
value = 73

[[endpoint.variants.scaling.targets]]
metric = "DiskUtilization"
value = 74

[[endpoint.variants.scaling.targets]]
name = "Own"
value = 12.5
[endpoint.variants.scaling.targets.metric]
namespace = "Shop"
metric_name = "Baskets"
dimensions = { Site = "north" }
statistic = "Maximum"
unit = "Count"

[[endpoint.variants.scaling.targets]]
name = "Math"
value = 20
[endpoint.variants.scaling.targets.metric]
expression = "target / watched"
metrics.target = { namespace = "AWS/SageMaker", metric_name = "Invocations", statistic = "Sum" }
[endpoint.variants.scaling.targets.metric.metrics.watched]
namespace = "/aws/sagemaker/Endpoints"
metric_name = "CPUUtilization"
statistic = "SampleCount"
unit = "Percent"

[[endpoint.variants.scaling.steps]]
name = "Busy"
metric = "ConcurrentRequestsPerModel"
threshold = 5
period = 10
evaluation_periods = 3
adjustment_type = "PercentChangeInCapacity"
min_adjustment_magnitude = 2
cooldown = 120
step_adjustments = [
    { metric_interval_lower_bound = 0, metric_interval_upper_bound = 5, scaling_adjustment = 10 },
    { metric_interval_lower_bound = 5, scaling_adjustment = 50 },
]

[[endpoint.variants.scaling.steps]]
name = "Idle"
metric = "InvocationsPerInstance"
threshold = 10
comparison_operator = "LessThanThreshold"
step_adjustments = [{ metric_interval_upper_bound = 0, scaling_adjustment = -1 }]

[[endpoint.variants.scaling.steps]]
name = "Ratio"
threshold = 1
step_adjustments = [{ metric_interval_lower_bound = 0, scaling_adjustment = 1 }]
[endpoint.variants.scaling.steps.metric]
expression = "IF(target > 0, watched)"
metrics.target = { namespace = "AWS/SageMaker", metric_name = "Invocations", statistic = "Sum" }
metrics.watched = { namespace = "Shop", metric_name = "Baskets", dimensions = {} }

[[endpoint.variants.scaling.schedule]]
name = "Morning"
schedule = "cron(0 8 ? * MON-FRI *)"
timezone = "Europe/Berlin"
start_time = 2027-01-31T08:00:00+02:00
end_time = 2027-12-31T00:00:00Z
min_capacity = 4
max_capacity = 8

[[endpoint.variants.scaling.schedule]]
name = "Each half day"
schedule = "rate(12 hours)"
max_capacity = 8

[[endpoint.variants.scaling.schedule]]
name = "Sale"
schedule = "at(2027-11-26T00:00:00)"
min_capacity = 8
max_capacity = 16
"""
)

ASYNC = (
    endpoint(count=1, mode="async")
    + """
[endpoint.variants.scaling]
min_capacity = 0
max_capacity = 5

[[endpoint.variants.scaling.targets]]
metric = "ApproximateBacklogSizePerInstance"
value = 5

[[endpoint.variants.scaling.targets]]
metric = "GPUUtilization"
value = 70
[[endpoint.variants.scaling.steps]]
name = "Old"
metric = "ApproximateAgeOfOldestRequest"
threshold = 600
step_adjustments = [{ metric_interval_lower_bound = 0, scaling_adjustment = 2 }]

[[endpoint.variants.scaling.targets]]
name = "Queue"
value = 20
[endpoint.variants.scaling.targets.metric]
expression = "queue / FILL(instances, 1)"
metrics.queue = { namespace = "AWS/SageMaker", metric_name = "ApproximateBacklogSize" }
[endpoint.variants.scaling.targets.metric.metrics.instances]
namespace = "/aws/sagemaker/Endpoints"
metric_name = "CPUUtilization"
statistic = "SampleCount"
"""
)

COMPONENTS = (
    endpoint()
    + """managed_instance_scaling = { min_instance_count = 0, max_instance_count = 4 }

[[endpoint.components]]
name = "iris-trees"
min_memory_required_in_mb = 1024

[endpoint.components.scaling]
min_capacity = 0
max_capacity = 4

[[endpoint.components.scaling.targets]]
metric = "InvocationsPerCopy"
value = 60

[[endpoint.components.scaling.targets]]
metric = "ConcurrentRequestsPerCopy"
value = 5

[[endpoint.components.scaling.targets]]
metric = "CPUUtilizationNormalized"
value = 70

[[endpoint.components.scaling.targets]]
metric = "MemoryUtilizationNormalized"
value = 71

[[endpoint.components.scaling.targets]]
metric = "GPUUtilizationNormalized"
value = 72

[[endpoint.components.scaling.targets]]
metric = "GPUMemoryUtilizationNormalized"
value = 73

[[endpoint.components]]
name = "iris-lines"
min_memory_required_in_mb = 1024
"""
)

SERVERLESS = """
[endpoint]
name = "iris"
mode = "serverless"

[[endpoint.variants]]
name = "A"
memory_size_in_mb = 2048
max_concurrency = 20
provisioned_concurrency = 2

[endpoint.variants.scaling]
min_capacity = 1
max_capacity = 10

[[endpoint.variants.scaling.targets]]
metric = "ProvisionedConcurrencyUtilization"
value = 0.7

[[endpoint.variants.scaling.steps]]
name = "Full"
metric = "ProvisionedConcurrencyUtilization"
threshold = 0.9
step_adjustments = [{ metric_interval_lower_bound = 0, scaling_adjustment = 5 }]
"""


@pytest.fixture(scope="module")
def realtime(synthesize: Synthesize) -> Synthesized:
    return synthesize(stage(REALTIME))


@pytest.fixture(scope="module")
def queue(synthesize: Synthesize) -> Synthesized:
    return synthesize(stage(ASYNC))


@pytest.fixture(scope="module")
def components(synthesize: Synthesize) -> Synthesized:
    return synthesize(stage(COMPONENTS))


@pytest.fixture(scope="module")
def serverless(synthesize: Synthesize) -> Synthesized:
    return synthesize(stage(SERVERLESS))


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


def test_an_alarm_starts_a_step_policy_by_its_distance_from_the_threshold(
    realtime: Synthesized,
) -> None:
    """[P] StepAdjustment: bounds are relative to the threshold. [M] ConcurrentRequestsPerModel:
    "Valid statistics: Min, Max", each 10 seconds, without a unit.
    """
    properties = policy(realtime, "Busy")
    assert properties["PolicyType"] == "StepScaling"
    assert properties["ScalingTargetId"] == {"Ref": next(iter(realtime.all_of_type(TARGET)))}
    assert properties["StepScalingPolicyConfiguration"] == {
        "AdjustmentType": "PercentChangeInCapacity",
        "MinAdjustmentMagnitude": 2,
        "Cooldown": 120,
        "MetricAggregationType": "Maximum",
        "StepAdjustments": [
            {
                "MetricIntervalLowerBound": 0,
                "MetricIntervalUpperBound": 5,
                "ScalingAdjustment": 10,
            },
            {"MetricIntervalLowerBound": 5, "ScalingAdjustment": 50},
        ],
    }
    alarm = alarm_of(realtime, "Busy")
    assert alarm.pop("AlarmActions")
    assert pairs(alarm.pop("Dimensions")) == VARIANT
    assert alarm == {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ConcurrentRequestsPerModel",
        "Statistic": "Maximum",
        "Period": 10,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 3,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }


def test_a_step_policy_that_removes_has_an_alarm_below_its_threshold(
    realtime: Synthesized,
) -> None:
    """[M] InvocationsPerInstance: "Valid statistics: Sum"."""
    assert policy(realtime, "Idle")["StepScalingPolicyConfiguration"]["StepAdjustments"] == [
        {"MetricIntervalUpperBound": 0, "ScalingAdjustment": -1}
    ]
    alarm = alarm_of(realtime, "Idle")
    assert (alarm["MetricName"], alarm["Statistic"]) == ("InvocationsPerInstance", "Sum")
    assert (alarm["Threshold"], alarm["Period"]) == (10, 60)
    assert alarm["ComparisonOperator"] == "LessThanThreshold"


def test_an_alarm_of_a_math_metric_watches_its_expression_alone(realtime: Synthesized) -> None:
    """CloudWatch API reference, PutMetricAlarm: with Metrics, nothing of one metric is given."""
    alarm = alarm_of(realtime, "Ratio")
    one_metric = {"Namespace", "MetricName", "Dimensions", "Statistic", "Period", "Unit"}
    assert not one_metric & alarm.keys()
    *metrics, result = alarm["Metrics"]
    assert result == {
        "Id": "watched_",
        "Expression": "IF(target > 0, watched)",
        "ReturnData": True,
    }
    assert [(m["Id"], m["ReturnData"]) for m in metrics] == [("target", False), ("watched", False)]
    assert {m["MetricStat"]["Period"] for m in metrics} == {60}
    assert pairs(metrics[0]["MetricStat"]["Metric"]["Dimensions"]) == VARIANT
    assert pairs(metrics[1]["MetricStat"]["Metric"]["Dimensions"]) == {}


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


def test_an_asynchronous_endpoint_goes_to_zero_and_comes_back(queue: Synthesized) -> None:
    """[Q] "Define a scaling policy that scales up from zero for new requests": all its figures, but
    that missing data are not taken for a reason to scale.
    """
    target = queue.of_type(TARGET)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 5)
    back = policy(queue, "FromZero")
    assert back["PolicyType"] == "StepScaling"
    down = policy(queue, "ApproximateBacklogSizePerInstance")
    assert back["ScalingTargetId"] == down["ScalingTargetId"]
    assert back["StepScalingPolicyConfiguration"] == {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Average",
        "Cooldown": 300,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    }
    alarm = alarm_of(queue, "FromZero")
    assert alarm.pop("AlarmActions")
    assert alarm == {
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": [{"Name": "EndpointName", "Value": "iris"}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }


def test_an_asynchronous_endpoint_that_keeps_an_instance_needs_no_way_back(
    synthesize: Synthesize,
) -> None:
    kept = synthesize(stage(ASYNC.replace("min_capacity = 0", "min_capacity = 1")))
    names = [each["Properties"]["PolicyName"] for each in kept.all_of_type(SCALING_POLICY).values()]
    assert sorted(names) == ["ApproximateBacklogSizePerInstance", "GPUUtilization", "Old", "Queue"]


def test_an_asynchronous_endpoint_that_is_sent_to_zero_by_the_clock_comes_back(
    synthesize: Synthesize,
) -> None:
    night = """
[[endpoint.variants.scaling.schedule]]
name = "Night"
schedule = "cron(0 22 ? * * *)"
min_capacity = 0
max_capacity = 5
"""
    scheduled = synthesize(stage(ASYNC.replace("min_capacity = 0", "min_capacity = 1") + night))
    assert policy(scheduled, "FromZero")["PolicyType"] == "StepScaling"


def test_inference_components_go_to_zero_and_come_back(components: Synthesized) -> None:
    """[Z]: all its figures, but that its alarm is above 1, and ours at 1: at the first request."""
    target = components.of_type(TARGET)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 4)
    (variant,) = components.of_type(CONFIG)["ProductionVariants"]
    assert variant["ManagedInstanceScaling"] == {
        "Status": "ENABLED",
        "MinInstanceCount": 0,
        "MaxInstanceCount": 4,
    }
    assert policy(components, "FromZero")["StepScalingPolicyConfiguration"] == {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Maximum",
        "Cooldown": 60,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    }
    alarm = alarm_of(components, "FromZero")
    assert alarm.pop("AlarmActions")
    assert alarm == {
        "Namespace": "AWS/SageMaker",
        "MetricName": "NoCapacityInvocationFailures",
        "Dimensions": [{"Name": "InferenceComponentName", "Value": "iris-trees"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }


def test_an_alarm_of_provisioned_concurrency_has_the_name_that_it_is_published_by(
    serverless: Synthesized,
) -> None:
    """[S]: ServerlessProvisionedConcurrencyUtilization, "Units: None", "Average, Max, Min"."""
    alarm = alarm_of(serverless, "Full")
    assert pairs(alarm["Dimensions"]) == VARIANT
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == (
        "AWS/SageMaker",
        "ServerlessProvisionedConcurrencyUtilization",
        "Average",
        0.9,
    )
    assert "Unit" not in alarm


def test_a_component_that_is_not_scaled_has_no_target_and_no_policy(
    components: Synthesized,
) -> None:
    assert len(components.all_of_type(TARGET)) == 1
    assert all(
        "iris-lines" not in str(each["Properties"].get("AlarmActions"))
        for each in components.all_of_type(ALARM).values()
    )
