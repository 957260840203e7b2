"""The deployment config: how an update replaces instances, or copies of a component."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from settings.update import Rollout
from stacks.render import properties

_ENDPOINT = "AWS::SageMaker::Endpoint/DeploymentConfig"
_COMPONENT = "AWS::SageMaker::InferenceComponent/DeploymentConfig"
_COPIES = {"INSTANCE_COUNT": "COPY_COUNT", "CAPACITY_PERCENT": "CAPACITY_PERCENT"}


def deployment_config(rollout: Rollout, alarm_names: Sequence[str]) -> dict[str, Any]:
    """Return the deployment config of an endpoint."""
    size = {"type": rollout.size_type, "value": rollout.size}
    if rollout.policy == "ROLLING":
        way = "rollingUpdatePolicy"
        policy = properties(
            rollout.update, f"{_ENDPOINT}/RollingUpdatePolicy", maximumBatchSize=size
        )
    else:
        way = "blueGreenUpdatePolicy"
        policy = properties(rollout.update, f"{_ENDPOINT}/BlueGreenUpdatePolicy")
        step = {"CANARY": {"canarySize": size}, "LINEAR": {"linearStepSize": size}}
        policy["trafficRoutingConfiguration"] |= step.get(rollout.policy, {})
    return {"autoRollbackConfiguration": _rollback(alarm_names), way: policy}


def component_deployment_config(rollout: Rollout, alarm_names: Sequence[str]) -> dict[str, Any]:
    """Return the deployment config of an inference component: some copies at a time."""
    return {
        "autoRollbackConfiguration": _rollback(alarm_names),
        "rollingUpdatePolicy": properties(
            rollout.update,
            f"{_COMPONENT}/RollingUpdatePolicy",
            maximumBatchSize={"type": _COPIES[rollout.size_type], "value": rollout.size},
        ),
    }


def _rollback(alarm_names: Sequence[str]) -> dict[str, Any]:
    return {"alarms": [{"alarmName": name} for name in alarm_names]}
