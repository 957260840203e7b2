"""Scaling that AWS refuses, or that would never happen.

SageMaker Developer Guide, "Automatic scaling"; Application Auto Scaling User Guide.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from settings.stage import Stage
from tests.infrastructure.wrong import (
    Change,
    Document,
    action,
    component,
    document,
    pool,
    refused,
    scaling,
    step,
    variant,
)

SHARES = (
    {
        "metric_interval_lower_bound": 0,
        "metric_interval_upper_bound": 10,
        "scaling_adjustment": 1,
    },
    {"metric_interval_lower_bound": 20, "scaling_adjustment": 2},
)

REFUSED: dict[str, tuple[Document, Change, str]] = {
    "invocations per instance, asynchronously": (
        document(mode="async", scaling="InvocationsPerInstance"),
        variant(),
        (
            "scaling.targets.0.metric is InvocationsPerInstance: asynchronous endpoints do "
            "not publish this metric, so the count would never change; choose one of Approximate"
        ),
    ),
    "CPUUtilization in the namespace of invocations": (
        document(scaling="InvocationsPerInstance"),
        scaling(
            targets=[
                {
                    "metric": {"namespace": "AWS/SageMaker", "metric_name": "CPUUtilization"},
                    "value": 60,
                }
            ]
        ),
        (
            "targets.0.metric.namespace is AWS/SageMaker: SageMaker publishes CPUUtilization in "
            "/aws/sagemaker/Endpoints only; write"
        ),
    ),
    "a burstable type": (
        document(scaling="InvocationsPerInstance"),
        variant(instance_type="ml.t2.medium"),
        "endpoint.variants.0.instance_type is ml.t2.medium: SageMaker does not scale burstable",
    ),
    "a burstable type in a pool": (
        document(scaling="InvocationsPerInstance"),
        lambda stage: (
            stage["endpoint"]["variants"][0].pop("instance_type"),
            variant(instance_pools=[pool("ml.m5.large", 1), pool("ml.t2.large", 2)])(stage),
        ),
        "endpoint.variants.0.instance_pools.1.instance_type is ml.t2.large: SageMaker does not",
    ),
    "a minimum above the maximum": (
        document(scaling="schedule"),
        action(max_capacity=2),
        (
            "scaling.schedule.0.min_capacity is 3: it is above max_capacity, which is 2; lower it "
            "to 2 or raise"
        ),
    ),
    "a start below the least": (
        document(scaling="InvocationsPerInstance"),
        variant(initial_instance_count=1),
        (
            "endpoint.variants.0.scaling.min_capacity is 2: the variant A starts with 1 instances; "
            "raise initial_instance_count to 2 or lower min_capacity"
        ),
    ),
    "a start above the most": (
        document(scaling="InvocationsPerInstance"),
        variant(initial_instance_count=9),
        "endpoint.variants.0.scaling.max_capacity is 8: the variant A starts with 9 instances",
    ),
    "copies above the most": (
        document("components", scaling="InvocationsPerCopy"),
        component(copy_count=9),
        "endpoint.components.0.scaling.max_capacity is 8: the component A starts with 9 copies",
    ),
    "zero, in real time": (
        document(scaling="to zero"),
        variant(),
        (
            "endpoint.variants.0.scaling.min_capacity is 0: a real-time variant does not scale to "
            "zero instances; raise it to 1, or use mode async or inference components"
        ),
    ),
    "zero by the clock, in real time": (
        document(scaling="schedule"),
        action(min_capacity=0),
        "endpoint.variants.0.scaling.schedule.0.min_capacity is 0: a real-time variant",
    ),
    "zero, asynchronously, without a target for the backlog": (
        document(mode="async", scaling="utilization"),
        scaling(min_capacity=0),
        (
            "endpoint.variants.0.scaling.min_capacity is 0: only the backlog per instance shows "
            "that no instance is needed; add a target for ApproximateBacklogSizePerInstance"
        ),
    ),
    "zero warm containers": (
        document(mode="serverless", scaling="to zero"),
        variant(),
        "endpoint.variants.0.scaling.min_capacity is 0: provisioned concurrency does not scale to",
    ),
    "a share above 1": (
        document(mode="serverless", scaling="ProvisionedConcurrencyUtilization"),
        lambda stage: stage["endpoint"]["variants"][0]["scaling"]["targets"][0].update(value=70),
        (
            "scaling.targets.0.value is 70.0: this metric is a share of the provisioned"
            " concurrency and never exceeds 1; write 0.7"
        ),
    ),
    "scaling without targets, steps and schedule": (
        document(scaling="InvocationsPerInstance"),
        scaling(targets=[]),
        (
            "endpoint.variants.0.scaling.targets is missing: without targets, steps or a schedule "
            "the count would never change"
        ),
    ),
    "a cooldown without targets": (
        document(scaling="step"),
        scaling(scale_in_cooldown_seconds=60),
        (
            "endpoint.variants.0.scaling.scale_in_cooldown_seconds is 60: a cooldown here only "
            "applies to targets, and there are none"
        ),
    ),
    "steps that change nothing": (
        document(scaling="step"),
        step(step_adjustments=[{"metric_interval_lower_bound": 0, "scaling_adjustment": 0}]),
        (
            "steps.0.step_adjustments.0.scaling_adjustment is 0: all step adjustments are 0, so "
            "this policy would never change the count"
        ),
    ),
    "steps with a gap": (
        document(scaling="step"),
        step(step_adjustments=SHARES),
        (
            "scaling.steps.0.step_adjustments is one up to 10, the next from 20: steps may neither "
            "overlap nor leave a gap; let each step begin where the one before it ends"
        ),
    ),
    "an expression of five fields": (
        document(scaling="schedule"),
        action(schedule="cron(0 8 * * MON)"),
        (
            "scaling.schedule.0.schedule is cron(0 8 * * MON): Application Auto Scaling takes cron "
            "expressions of six fields"
        ),
    ),
    "an unknown time zone": (
        document(scaling="schedule"),
        action(timezone="Europe/Frankfurt"),
        (
            "scaling.schedule.0.timezone is Europe/Frankfurt: this time zone does not exist; "
            "write like"
        ),
    ),
    "an action that changes nothing": (
        document(scaling="schedule"),
        lambda stage: stage["endpoint"]["variants"][0]["scaling"]["schedule"][0].pop(
            "min_capacity"
        ),
        "scaling.schedule.0.min_capacity is missing: the action would change nothing",
    ),
    "a policy of the name that brings back from zero": (
        document(mode="async", scaling="to zero"),
        lambda stage: stage["endpoint"]["variants"][0]["scaling"]["targets"][0].update(
            name="FromZero"
        ),
        "scaling.targets.0.name is FromZero: another policy has this name",
    ),
}


@pytest.mark.parametrize(("stage", "change", "said"), REFUSED.values(), ids=REFUSED)
def test_scaling_that_does_not_work_is_refused_by_name(
    stage: Document, change: Change, said: str
) -> None:
    refused(stage, change, said)


@pytest.mark.parametrize(
    "names", [("a-b", "AB"), ("ab", "aB")], ids=lambda names: " and ".join(names)
)
def test_names_that_differ_by_hyphens_and_capitals_are_names_of_two_variants(
    names: tuple[str, str], synthesize: Callable[[Stage], object]
) -> None:
    stage = document("several variants", scaling="step")
    for index, name in enumerate(names):
        variant(index, name=name)(stage)
    assert synthesize(Stage.model_validate(stage))
