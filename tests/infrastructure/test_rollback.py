"""What puts an update back, and how an update is chosen: the documented values stand literally.

Sources: SageMaker Developer Guide, "Amazon SageMaker AI metrics in Amazon CloudWatch" (namespace,
dimensions, "for each 5xx response, 1 is sent; otherwise, 0 is sent", latency in microseconds),
"Alarms and logs for tracking metrics from asynchronous endpoints" (InvocationFailures: Sum), and
the API reference, DeploymentConfig, AutoRollbackConfig, CapacitySize.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from settings.errors import StageError
from tests.infrastructure.synthesis import CONFIG, ENDPOINT, Synthesize, Synthesized
from tests.infrastructure.written import ALARM, COMPONENT, MODEL, OWN_IMAGE, endpoint, pairs, stage

SERVERLESS = """
[endpoint]
name = "iris"
mode = "serverless"

[[endpoint.variants]]
name = "A"
memory_size_in_mb = 2048
max_concurrency = 20
"""
SCALED = """
[endpoint.variants.scaling]
min_capacity = {low}
max_capacity = {high}

[[endpoint.variants.scaling.targets]]
metric = "CPUUtilization"
value = 70
"""
SHADOW = """
[endpoint.shadow]
name = "Dark"
instance_type = "ml.m5.large"
initial_instance_count = 1
"""
COMPONENTS = """
[[endpoint.components]]
name = "iris-trees"
min_memory_required_in_mb = 1024
copy_count = 4

[[endpoint.components]]
name = "iris-lines"
min_memory_required_in_mb = 1024
copy_count = 5
"""


def rollback_alarms(deployed: Synthesized) -> dict[str, dict[str, Any]]:
    """Return the alarms that scale nothing, by their logical ids."""
    return {
        key: each["Properties"]
        for key, each in deployed.all_of_type(ALARM).items()
        if "AlarmActions" not in each["Properties"]
    }


def of_metric(deployed: Synthesized, name: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (
        each for each in rollback_alarms(deployed).values() if each.get("MetricName") == name
    )
    return found


@pytest.mark.parametrize(
    ("text", "metrics"),
    [
        (endpoint(), {"Invocation5XXErrors", "ModelLatency"}),
        (SERVERLESS, {"Invocation5XXErrors", "ModelLatency"}),
        (endpoint(mode="async"), {"Invocation5XXErrors", "ModelLatency", "InvocationFailures"}),
    ],
    ids=["realtime", "serverless", "async"],
)
def test_each_mode_is_put_back_by_what_it_publishes(
    text: str, metrics: set[str], synthesize: Synthesize
) -> None:
    deployed = synthesize(stage(text))
    alarms = rollback_alarms(deployed)
    assert {alarm["MetricName"] for alarm in alarms.values()} == metrics
    for alarm in alarms.values():
        assert alarm["Namespace"] == "AWS/SageMaker"
        # The literal name: a reference to the endpoint, which refers to the alarm, is a cycle.
        assert pairs(alarm["Dimensions"]) == {"EndpointName": "iris", "VariantName": "A"}
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert (alarm["Period"], alarm["EvaluationPeriods"]) == (60, 1)
        assert alarm["TreatMissingData"] == "notBreaching"
        assert "Unit" not in alarm
    config = deployed.of_type(ENDPOINT)["DeploymentConfig"]["AutoRollbackConfiguration"]
    assert [each["AlarmName"] for each in config["Alarms"]] == [{"Ref": key} for key in alarms]
    assert deployed.findings() == []


def test_a_percentage_of_errors_is_a_share_and_seconds_are_microseconds(
    synthesize: Synthesize,
) -> None:
    limits = """
[endpoint.update.rollback]
max_5xx_percent = 2.5
max_model_latency_seconds = 0.25
max_failures_per_minute = 7
"""
    deployed = synthesize(stage(endpoint(mode="async") + limits))
    errors = of_metric(deployed, "Invocation5XXErrors")
    latency = of_metric(deployed, "ModelLatency")
    failures = of_metric(deployed, "InvocationFailures")
    assert (errors["Statistic"], errors["Threshold"]) == ("Average", 0.025)
    assert (latency["Statistic"], latency["Threshold"]) == ("Average", 250_000)
    assert (failures["Statistic"], failures["Threshold"]) == ("Sum", 7)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [(endpoint(), 30_000_000), (SERVERLESS, 30_000_000), (endpoint(mode="async"), 450_000_000)],
    ids=["realtime", "serverless", "async"],
)
def test_a_model_may_take_half_the_time_that_its_mode_allows(
    text: str, microseconds: int, synthesize: Synthesize
) -> None:
    """A real-time request may take 60 seconds, an asynchronous one 900 if it says nothing else.

    API reference, InvokeEndpoint and InvokeEndpointAsync (InvocationTimeoutSeconds).
    """
    latency = of_metric(synthesize(stage(text)), "ModelLatency")
    assert latency["Threshold"] == microseconds


def test_one_alarm_watches_the_worst_of_several_variants(synthesize: Synthesize) -> None:
    deployed = synthesize(stage(endpoint(variants=3)))
    alarms = list(rollback_alarms(deployed).values())
    assert len(alarms) == 2
    for alarm, (name, threshold) in zip(
        alarms, [("Invocation5XXErrors", 0.01), ("ModelLatency", 30_000_000)], strict=True
    ):
        assert not {"Namespace", "MetricName", "Dimensions", "Statistic", "Period"} & alarm.keys()
        assert (alarm["Threshold"], alarm["TreatMissingData"]) == (threshold, "notBreaching")
        *each, worst = alarm["Metrics"]
        expression = "MAX([FILL(m0, 0), FILL(m1, 0), FILL(m2, 0)])"
        assert worst == {"Id": "worst", "Expression": expression, "ReturnData": True}
        assert [metric["Id"] for metric in each] == ["m0", "m1", "m2"]
        assert {metric["ReturnData"] for metric in each} == {False}
        statistics = [metric["MetricStat"] for metric in each]
        assert [pairs(one["Metric"]["Dimensions"]) for one in statistics] == [
            {"EndpointName": "iris", "VariantName": variant} for variant in "ABC"
        ]
        assert {
            (one["Metric"]["MetricName"], one["Stat"], one["Period"]) for one in statistics
        } == {(name, "Average", 60)}


def test_ten_variants_are_as_many_as_an_alarm_can_watch(synthesize: Synthesize) -> None:
    """CloudWatch API reference, MetricDataQuery: ten metrics and ten expressions an alarm."""
    deployed = synthesize(stage(endpoint(variants=10)))
    assert {len(alarm["Metrics"]) for alarm in rollback_alarms(deployed).values()} == {11}
    assert deployed.findings() == []


def test_an_endpoint_has_ten_alarms_at_most_with_those_of_ones_own(
    synthesize: Synthesize,
) -> None:
    """API reference, AutoRollbackConfig: 1 to 10 alarms."""
    names = [f"mine-{index}" for index in range(7)]
    text = f"\n[endpoint.update.rollback]\nalarms = {json.dumps(names)}\n"
    config = synthesize(stage(endpoint(mode="async") + text)).of_type(ENDPOINT)["DeploymentConfig"]
    alarms = [each["AlarmName"] for each in config["AutoRollbackConfiguration"]["Alarms"]]
    assert len(alarms) == 10
    assert alarms[3:] == names
    with pytest.raises(StageError, match=r"rollback\.alarms"):
        stage(endpoint() + text.replace('"mine-0"', '"mine-0", "mine-7"'))


def test_an_inference_component_is_put_back_by_its_own_alarms(synthesize: Synthesize) -> None:
    deployed = synthesize(stage(endpoint() + COMPONENTS))
    assert "DeploymentConfig" not in deployed.of_type(ENDPOINT)
    components = [each["Properties"] for each in deployed.all_of_type(COMPONENT).values()]
    assert len(components) == 2
    for component in components:
        config = component["DeploymentConfig"]
        named = config["AutoRollbackConfiguration"]["Alarms"]
        alarms = [rollback_alarms(deployed)[each["AlarmName"]["Ref"]] for each in named]
        assert [a["MetricName"] for a in alarms] == ["Invocation5XXErrors", "ModelLatency"]
        assert [pairs(alarm["Dimensions"]) for alarm in alarms] == [
            {"InferenceComponentName": component["InferenceComponentName"]}
        ] * 2
        # A quarter of the fewest copies, four, is one; of five it is one and a bit.
        assert config["RollingUpdatePolicy"] == {
            "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
            "WaitIntervalInSeconds": 300,
        }


ALL_AT_ONCE, CANARY = "ALL_AT_ONCE", "CANARY"

CHOSEN = [
    # One instance cannot be moved in steps: half of it is none.
    (endpoint(count=1), ALL_AT_ONCE, None, "a variant may have one instance, which cannot be"),
    (endpoint(count=2), CANARY, 50, "every variant has 2 instances or more"),
    (endpoint(count=3), CANARY, 34, "every variant has 3 instances or more"),
    (endpoint(count=10), CANARY, 10, "every variant has 10 instances or more"),
    (endpoint(count=200), CANARY, 1, "every variant has 200 instances or more"),
    (endpoint(variants=3, count=4), CANARY, 25, "every variant has 4 instances or more"),
    # What counts is the fewest that there may be when an update comes.
    (endpoint(count=4) + SCALED.format(low=1, high=8), ALL_AT_ONCE, None, "one instance"),
    (endpoint(count=4) + SCALED.format(low=2, high=8), CANARY, 50, "2 instances or more"),
    (endpoint(count=1, mode="async"), ALL_AT_ONCE, None, "a variant may have one instance"),
    (endpoint(count=2, mode="async"), CANARY, 50, "every variant has 2 instances or more"),
    (
        endpoint(count=2, mode="async")
        + SCALED.format(low=0, high=8).replace(
            "CPUUtilization", "ApproximateBacklogSizePerInstance"
        ),
        ALL_AT_ONCE,
        None,
        "a variant may have no instance, which cannot be moved in steps",
    ),
    (SERVERLESS, ALL_AT_ONCE, None, "a serverless endpoint has no instances to move step by step"),
    (endpoint(count=4) + SHADOW, ALL_AT_ONCE, None, "AWS does not document stepwise updates"),
    (
        endpoint(count=4).replace("ml.m5.large", "ml.inf1.xlarge"),
        ALL_AT_ONCE,
        None,
        "AWS updates Inf1 instances all at once and without a bake",
    ),
    (endpoint() + COMPONENTS, "ROLLING", 25, "inference components are only updated by ROLLING"),
]
IDS = [
    "one",
    "two",
    "three",
    "ten",
    "200",
    "three variants",
    "scaled to one",
    "scaled to two",
    "async one",
    "async two",
    "async to zero",
    "serverless",
    "shadow",
    "inf1",
    "components",
]


@pytest.mark.parametrize(("text", "policy", "size", "reason"), CHOSEN, ids=IDS)
def test_the_safest_update_that_an_endpoint_allows_is_chosen_and_told(
    text: str, policy: str, size: int | None, reason: str, synthesize: Synthesize
) -> None:
    # No image of the framework's fits Inferentia.
    written = stage(text, OWN_IMAGE if "inf1" in text else MODEL)
    deployed = synthesize(written)
    told = deployed.template["Metadata"]["Slipway"]["Update"]
    assert told == str(written.endpoint.rollout)
    assert told.startswith(f"{policy}: " if size is None else f"{policy} {size} %: ")
    assert reason in told
    if policy == "ROLLING":
        return
    blue_green = deployed.of_type(ENDPOINT)["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    routing = blue_green["TrafficRoutingConfiguration"]
    assert routing["Type"] == policy
    assert blue_green["TerminationWaitInSeconds"] == 300
    if size is None:
        assert routing == {"Type": policy, "WaitIntervalInSeconds": 0}
    else:
        assert routing["CanarySize"] == {"Type": "CAPACITY_PERCENT", "Value": size}
        assert routing["WaitIntervalInSeconds"] == 300


def update(policy: str, **values: int) -> str:
    settings = "\n".join(f"{key} = {value}" for key, value in values.items())
    return f'\n[endpoint.update]\npolicy = "{policy}"\n{settings}\n'


@pytest.mark.parametrize(
    ("policy", "key"), [("CANARY", "CanarySize"), ("LINEAR", "LinearStepSize")]
)
def test_steps_that_are_asked_for_are_those_of_the_template(
    policy: str, key: str, synthesize: Synthesize
) -> None:
    asked = update(
        policy,
        instance_count=1,
        wait_interval_in_seconds=60,
        termination_wait_in_seconds=120,
        maximum_execution_timeout_in_seconds=3600,
    )
    deployed = synthesize(stage(endpoint(count=4) + asked))
    assert deployed.of_type(ENDPOINT)["DeploymentConfig"]["BlueGreenUpdatePolicy"] == {
        "TrafficRoutingConfiguration": {
            "Type": policy,
            key: {"Type": "INSTANCE_COUNT", "Value": 1},
            "WaitIntervalInSeconds": 60,
        },
        "TerminationWaitInSeconds": 120,
        "MaximumExecutionTimeoutInSeconds": 3600,
    }
    told = deployed.template["Metadata"]["Slipway"]["Update"]
    assert told == f"{policy} 1 at a time: as the stage says"


def test_batches_that_are_asked_for_are_those_of_the_template(synthesize: Synthesize) -> None:
    deployed = synthesize(stage(endpoint(count=4) + update("ROLLING", capacity_percent=25)))
    config = deployed.of_type(ENDPOINT)["DeploymentConfig"]
    assert "BlueGreenUpdatePolicy" not in config
    assert config["RollingUpdatePolicy"] == {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
        "WaitIntervalInSeconds": 300,
    }
    assert len(config["AutoRollbackConfiguration"]["Alarms"]) == 2


def test_nothing_of_an_update_is_in_the_endpoint_config_which_it_would_replace(
    synthesize: Synthesize,
) -> None:
    plain, other = (synthesize(stage(endpoint(count=4) + text)) for text in ("", update("LINEAR")))
    assert plain.of_type(CONFIG) == other.of_type(CONFIG)


@pytest.mark.parametrize(
    ("size", "rendered"),
    [
        ("instance_count = 2", {"Type": "COPY_COUNT", "Value": 2}),
        ("capacity_percent = 40", {"Type": "CAPACITY_PERCENT", "Value": 40}),
    ],
)
def test_a_batch_of_a_component_is_counted_in_copies(
    size: str, rendered: dict[str, Any], synthesize: Synthesize
) -> None:
    update = f'\n[endpoint.update]\npolicy = "ROLLING"\n{size}\n'
    deployed = synthesize(stage(endpoint() + COMPONENTS + update))
    for component in deployed.all_of_type(COMPONENT).values():
        policy = component["Properties"]["DeploymentConfig"]["RollingUpdatePolicy"]
        assert policy["MaximumBatchSize"] == rendered
