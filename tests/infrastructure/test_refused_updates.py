"""Updates that AWS refuses, or that would not be what was asked for.

SageMaker Developer Guide, "Deployment guardrails" and its exclusions; API reference,
TrafficRoutingConfig, RollingUpdatePolicy and BlueGreenUpdatePolicy.
"""

from __future__ import annotations

import pytest

from tests.infrastructure.wrong import (
    Change,
    Document,
    document,
    endpoint,
    refused,
    scaling,
    variant,
)

REFUSED: dict[str, tuple[Document, Change, str]] = {
    "canary of one instance": (
        document(update="CANARY"),
        variant(initial_instance_count=1),
        (
            "endpoint.update.policy is CANARY: CANARY moves at most half of the instances at a "
            "time, and there may be only 1; set initial_instance_count (and min_capacity, if "
            "scaled) to 2 or more, or remove policy"
        ),
    ),
    "linear where scaling leaves one": (
        document(scaling="InvocationsPerInstance", update="LINEAR"),
        scaling(min_capacity=1),
        (
            "endpoint.update.policy is LINEAR: LINEAR moves at most half of the instances at a "
            "time, and there may be only 1"
        ),
    ),
    "rolling of several variants": (
        document("several variants", update="ROLLING"),
        variant(),
        "endpoint.update.policy is ROLLING: ROLLING does not work with several variants",
    ),
    "rolling of a shadow": (
        document("shadow", update="ROLLING"),
        variant(),
        (
            "endpoint.update.policy is ROLLING: ROLLING does not work with several variants, "
            "and a shadow is a second one"
        ),
    ),
    "rolling of serverless": (
        document(mode="serverless", update="ROLLING"),
        variant(),
        "endpoint.update.policy is ROLLING: ROLLING does not work for serverless endpoints",
    ),
    "components all at once": (
        document("components", update="ALL_AT_ONCE"),
        variant(),
        "endpoint.update.policy is ALL_AT_ONCE: inference components are only updated by ROLLING",
    ),
    "canary of components": (
        document("components", update="CANARY"),
        variant(),
        "endpoint.update.policy is CANARY: inference components are only updated by ROLLING",
    ),
    "steps of Inf1": (
        {
            **document(update="CANARY"),
            "model": {"image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/a:1"},
        },
        variant(instance_type="ml.inf1.xlarge"),
        (
            "endpoint.update.policy is CANARY: AWS updates Inf1 instances all at once and without "
            "a bake"
        ),
    ),
    "a canary above half": (
        document(update="CANARY"),
        lambda stage: stage["endpoint"]["update"].update(capacity_percent=51),
        "endpoint.update.capacity_percent is 51: a step of CANARY moves 1 to 50 percent",
    ),
    "a linear step below a tenth": (
        document(update="LINEAR"),
        lambda stage: (
            variant(initial_instance_count=40)(stage),
            stage["endpoint"]["update"].update(capacity_percent=9),
        ),
        "endpoint.update.capacity_percent is 9: a step of LINEAR moves 10 to 50 percent",
    ),
    "a batch below a twentieth": (
        document(update="ROLLING"),
        lambda stage: (
            variant(initial_instance_count=40)(stage),
            stage["endpoint"]["update"].update(capacity_percent=4),
        ),
        "endpoint.update.capacity_percent is 4: a step of ROLLING moves 5 to 50 percent",
    ),
    "a batch of more than half": (
        document(update="ROLLING"),
        lambda stage: stage["endpoint"]["update"].update(instance_count=3),
        (
            "endpoint.update.instance_count is 3: a step of ROLLING moves 5 to 50 percent, and"
            " there may be only 4"
        ),
    ),
    "less time than the waits take": (
        document(update="LINEAR"),
        lambda stage: (
            variant(initial_instance_count=40)(stage),
            stage["endpoint"]["update"].update(
                capacity_percent=10, maximum_execution_timeout_in_seconds=600
            ),
        ),
        "endpoint.update.maximum_execution_timeout_in_seconds is 600: the waits alone take 3300",
    ),
    "less time than AWS allows": (
        document(),
        endpoint(update={"maximum_execution_timeout_in_seconds": 599}),
        (
            "endpoint.update.maximum_execution_timeout_in_seconds is 599: it cannot be used; write"
            " 600 or more"
        ),
    ),
    "a wait between steps, all at once": (
        document(),
        lambda stage: (
            variant(initial_instance_count=1)(stage),
            endpoint(update={"wait_interval_in_seconds": 600})(stage),
        ),
        (
            "endpoint.update.wait_interval_in_seconds is 600: ALL_AT_ONCE (a variant may have "
            "one instance, which cannot be moved in steps) has no second step to wait for"
        ),
    ),
    "a termination wait of rolling components": (
        document("components"),
        endpoint(update={"termination_wait_in_seconds": 600}),
        (
            "endpoint.update.termination_wait_in_seconds is 600: ROLLING (inference components are "
            "only updated by ROLLING) ends the old instances batch by batch"
        ),
    ),
    "more alarms than ten": (
        document(),
        endpoint(update={"rollback": {"alarms": [f"alarm-{number}" for number in range(8)]}}),
        "endpoint.update.rollback.alarms is ['alarm-0',",
    ),
    "failures of a queue, in real time": (
        document(),
        endpoint(update={"rollback": {"max_failures_per_minute": 9}}),
        (
            "endpoint.update.rollback.max_failures_per_minute is given: it is a setting of mode "
            "async alone"
        ),
    ),
}


@pytest.mark.parametrize(("stage", "change", "said"), REFUSED.values(), ids=REFUSED)
def test_an_update_that_does_not_work_is_refused_by_name(
    stage: Document, change: Change, said: str
) -> None:
    refused(stage, change, said)
