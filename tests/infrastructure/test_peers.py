"""The bugs of scaling and updates that other projects ship, and ours has not.

Each was found by reading or running the other project; the tests name what goes wrong there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from settings.errors import StageError
from settings.variants import Variant
from tests.infrastructure.synthesis import (
    CONFIG,
    ENDPOINT,
    MODEL,
    POLICY,
    ROLE,
    SCALING_POLICY,
    TARGET,
    Synthesize,
)
from tests.infrastructure.written import ALARM, alarm_of, endpoint, pairs, stage
from tests.infrastructure.written import MODEL as ONE_MODEL

TARGETS = """
[endpoint.variants.scaling]
min_capacity = {low}
max_capacity = 4
targets = [{{ metric = "{metric}", value = 5 }}]
"""
COMPONENT = """
[[endpoint.components]]
name = "iris-trees"
min_memory_required_in_mb = 1024
"""
MANAGED = "managed_instance_scaling = { min_instance_count = 1, max_instance_count = 4 }\n"


def scaled(metric: str = "InvocationsPerInstance", low: int = 1) -> str:
    return TARGETS.format(metric=metric, low=low)


def variant(name: str) -> str:
    return (
        f'[[endpoint.variants]]\nname = "{name}"\ninstance_type = "ml.m5.large"\n'
        "initial_instance_count = 2\n"
    )


def refused(endpoint: str) -> str:
    with pytest.raises(StageError) as caught:
        stage(endpoint)
    return str(caught.value)


def test_a_second_variant_is_scaled_as_the_first(synthesize: Synthesize) -> None:
    """Elsewhere: There is already a Construct with name 'ScalingRole' in Endpoint."""
    head = '[endpoint]\nname = "iris"\n'
    two = synthesize(stage(head + variant("A") + scaled() + variant("B") + scaled()))
    targets = [each["Properties"] for each in two.all_of_type(TARGET).values()]
    assert [each["ResourceId"]["Fn::Join"][1][2] for each in targets] == [
        "/variant/A",
        "/variant/B",
    ]
    policies = [each["Properties"] for each in two.all_of_type(SCALING_POLICY).values()]
    assert [each["ScalingTargetId"]["Ref"] for each in policies] == list(two.all_of_type(TARGET))


def test_a_weight_of_zero_stays_zero(synthesize: Synthesize) -> None:
    """Elsewhere it becomes 1, so that there is no dark variant."""
    dark = synthesize(stage(endpoint(variants=2) + "initial_variant_weight = 0\n"))
    weights = [each["InitialVariantWeight"] for each in dark.of_type(CONFIG)["ProductionVariants"]]
    assert weights == [1, 0]


def test_a_least_capacity_of_zero_is_not_taken_for_the_initial_count(
    synthesize: Synthesize,
) -> None:
    """Elsewhere it becomes the initial count, so that nothing goes to zero."""
    queue = endpoint(count=2, mode="async") + scaled("ApproximateBacklogSizePerInstance", low=0)
    assert synthesize(stage(queue)).of_type(TARGET)["MinCapacity"] == 0
    assert "min_capacity is 0: a real-time variant does not scale to zero instances" in (
        refused(endpoint() + scaled(low=0))
    )


def test_no_instance_type_is_the_default_and_a_burstable_one_is_not_scaled() -> None:
    """Elsewhere it is ml.t2.medium, which its own scaling refuses."""
    assert Variant.model_fields["instance_type"].default is None
    without = endpoint().replace('instance_type = "ml.m5.large"\n', "")
    assert "instance_type is missing: it is required" in refused(without)
    burstable = endpoint().replace("ml.m5.large", "ml.t2.medium")
    assert stage(burstable)
    assert "SageMaker does not scale burstable instance types" in refused(burstable + scaled())


def test_the_alarm_that_wakes_an_asynchronous_endpoint_has_the_dimension_that_has_data(
    synthesize: Synthesize,
) -> None:
    """Elsewhere it has the dimensions Endpoint and Variant, under which nothing is published."""
    queue = endpoint(count=1, mode="async") + scaled("ApproximateBacklogSizePerInstance", low=0)
    alarm = alarm_of(synthesize(stage(queue)), "FromZero")
    assert pairs(alarm["Dimensions"]) == {"EndpointName": "iris"}


@pytest.mark.parametrize(
    "metric",
    [
        "ApproximateBacklogSizePerInstance",
        "ApproximateBacklogSize",
        "ApproximateAgeOfOldestRequest",
    ],
)
def test_a_real_time_endpoint_is_not_scaled_by_the_backlog_of_a_queue(metric: str) -> None:
    """Elsewhere such a policy is attached to every endpoint, and cannot be switched off."""
    assert f"metric is {metric}: real-time variants do not publish this metric" in refused(
        endpoint() + scaled(metric)
    )


def test_nothing_is_scaled_that_no_stage_says_is(synthesize: Synthesize) -> None:
    """Elsewhere each endpoint is scaled from 1 to 2, asked for or not."""
    plain = synthesize(stage(endpoint()))
    assert not plain.all_of_type(TARGET)
    assert not plain.all_of_type(SCALING_POLICY)


def test_only_a_prefix_that_ends_in_a_slash_is_of_uncompressed_files(
    synthesize: Synthesize,
) -> None:
    """Elsewhere all that does not end in .tar.gz is one, such as the CDK's own asset, a .gz."""
    folder = synthesize(stage(endpoint())).of_type(MODEL)["PrimaryContainer"]
    assert "ModelDataSource" not in folder
    assert json.dumps(folder["ModelDataUrl"]).endswith('.tar.gz"}')
    local = 'artifact = "model_artifact/model"\ncode = "inference/code"'
    files = ONE_MODEL.replace(local, 'artifact = "s3://models/iris/"')
    container = synthesize(stage(endpoint(), files)).of_type(MODEL)["PrimaryContainer"]
    source = container["ModelDataSource"]["S3DataSource"]
    assert (source["S3DataType"], source["CompressionType"]) == ("S3Prefix", "None")
    with pytest.raises(StageError, match=r"model\.artifact"):
        stage(endpoint(), ONE_MODEL.replace(local, 'artifact = "s3://models/iris/model.gz"'))


@pytest.mark.parametrize("mode", ["realtime", "async"])
def test_instances_are_not_managed_for_a_variant_with_a_model(mode: str) -> None:
    """Elsewhere it is set, and AWS answers with the sentence that ours refuses it with."""
    assert "ManagedInstanceScaling is only supported for inference component endpoints" in refused(
        endpoint(mode=mode) + MANAGED
    )


def test_managed_instances_have_their_status(synthesize: Synthesize) -> None:
    """Elsewhere the status is left out, which is needed for them to be managed."""
    components = synthesize(stage(endpoint() + MANAGED + COMPONENT))
    (instances,) = components.of_type(CONFIG)["ProductionVariants"]
    assert instances["ManagedInstanceScaling"] == {
        "Status": "ENABLED",
        "MinInstanceCount": 1,
        "MaxInstanceCount": 4,
    }
    assert "ModelName" not in instances


def test_two_syntheses_of_a_stage_are_the_same_to_the_byte(synthesize: Synthesize) -> None:
    """Elsewhere names have the time in them, so that each deployment replaces the endpoint."""
    one, other = (
        (folder / "iris.template.json").read_bytes()
        for folder in (synthesize(stage(endpoint() + scaled())).folder for _ in range(2))
    )
    assert one == other


@pytest.mark.parametrize(
    "table",
    [
        'metric = "InvocationsPerInstance"',
        'metric = { namespace = "AWS/SageMaker", metric_name = "InvocationsPerInstance" }',
    ],
)
def test_an_asynchronous_endpoint_is_not_scaled_by_invocations_which_it_does_not_publish(
    table: str,
) -> None:
    """Elsewhere it is, and stays at its count for ever."""
    text = endpoint(mode="async") + scaled().replace('metric = "InvocationsPerInstance"', table)
    assert "InvocationsPerInstance: asynchronous endpoints do not publish this metric" in refused(
        text
    )


def test_nothing_that_is_replaced_has_a_name(synthesize: Synthesize) -> None:
    """Elsewhere the endpoint config's name never changes: Cannot create already existing…."""
    template = synthesize(stage(endpoint() + scaled())).template
    named = {
        each["Type"]
        for each in template["Resources"].values()
        for key in ("ModelName", "EndpointConfigName", "EndpointName", "RoleName", "AlarmName")
        if isinstance(each["Properties"].get(key), str)
    }
    assert named == {ENDPOINT}


def _allowed(document: Mapping[str, Any]) -> list[str]:
    actions = [each["Action"] for each in document["Statement"]]
    return [a for each in actions for a in ([each] if isinstance(each, str) else each)]


@pytest.mark.parametrize(
    "text",
    [endpoint() + scaled(), endpoint() + COMPONENT, endpoint(mode="async")],
    ids=["realtime", "components", "async"],
)
def test_no_role_may_do_anything_it_does_not_need(text: str, synthesize: Synthesize) -> None:
    """Elsewhere it is AmazonSageMakerFullAccess, or sagemaker:Create* on the whole account."""
    deployed = synthesize(stage(text))
    for role in deployed.all_of_type(ROLE).values():
        assert "ManagedPolicyArns" not in role["Properties"]
        assert "Policies" not in role["Properties"]
    for each in deployed.all_of_type(POLICY).values():
        document = each["Properties"]["PolicyDocument"]
        actions = _allowed(document)
        assert not [a for a in actions if "*" in a or a.startswith(("sagemaker:", "iam:"))]
        anywhere = {s["Sid"] for s in document["Statement"] if s["Resource"] == "*"}
        # Neither has a resource that could be named; the second has a condition instead.
        assert anywhere <= {"LogInToRegistry", "WriteMetrics"}


def test_rollback_alarms_watch_what_the_mode_publishes_and_never_wait_for_data(
    synthesize: Synthesize,
) -> None:
    """Elsewhere there are none, or they have no data: an update then is never put back."""
    for mode in ("realtime", "async"):
        deployed = synthesize(stage(endpoint(mode=mode)))
        alarms = [each["Properties"] for each in deployed.all_of_type(ALARM).values()]
        assert {alarm["TreatMissingData"] for alarm in alarms} == {"notBreaching"}
        assert not {"Invocations", "OverheadLatency"} & {alarm["MetricName"] for alarm in alarms}
