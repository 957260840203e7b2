"""Is each step policy what AWS documents, and the way to zero and back? As in test_scaling.py.

[P], [M], [Q], [S] and [Z] are the sources that it names.
"""

from __future__ import annotations

from tests.infrastructure.scaled_stages import ASYNC
from tests.infrastructure.synthesis import CONFIG, SCALING_POLICY, TARGET, Synthesize, Synthesized
from tests.infrastructure.written import OWN_IMAGE, alarm_of, pairs, policy, stage

VARIANT = {"EndpointName": "iris", "VariantName": "A"}


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
    kept = synthesize(stage(ASYNC.replace("min_capacity = 0", "min_capacity = 1"), OWN_IMAGE))
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
    scheduled = synthesize(
        stage(ASYNC.replace("min_capacity = 0", "min_capacity = 1") + night, OWN_IMAGE)
    )
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
    (target,) = components.all_of_type(TARGET)
    policies = components.all_of_type(SCALING_POLICY).values()
    assert {each["Properties"]["ScalingTargetId"]["Ref"] for each in policies} == {target}
