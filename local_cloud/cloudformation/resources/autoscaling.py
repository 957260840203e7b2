"""AWS::ApplicationAutoScaling."""

from __future__ import annotations

from typing import Any

from local_cloud.cloudformation.resources.resource_type import (
    Context,
    Properties,
    ResourceType,
    pick,
    tag_map,
)

_TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_CAPACITY = ("MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState")
_POLICY = (
    "PolicyType",
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
)


class ScalableTarget(ResourceType):
    """AWS::ApplicationAutoScaling::ScalableTarget, with its scheduled actions."""

    type_name = "AWS::ApplicationAutoScaling::ScalableTarget"
    honours = (*_TARGET, *_CAPACITY, "ScheduledActions", "Tags")
    attributes = ("Id",)
    gone = ("ObjectNotFoundException",)

    def create(self, context: Context, properties: Properties) -> str:
        """Register the target; its physical id is resource id|dimension|namespace."""
        context.client("application-autoscaling").register_scalable_target(
            **pick(properties, *_TARGET, *_CAPACITY), Tags=tag_map(properties)
        )
        _schedule(context, {}, properties)
        return "|".join(
            properties[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace")
        )

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Register the target again with its new limits.

        Its tags stay those of its creation: moto has no TagResource for scalable targets.
        """
        del physical_id
        context.client("application-autoscaling").register_scalable_target(
            **pick(new, *_TARGET, *_CAPACITY)
        )
        _schedule(context, old, new)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Deregister the target, and remove its scheduled actions."""
        _schedule(context, properties, {**properties, "ScheduledActions": []})
        context.client("application-autoscaling").deregister_scalable_target(**_target(physical_id))

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the physical id once more, as CloudFormation does."""
        del context, properties
        return {"Id": physical_id}


class ScalingPolicy(ResourceType):
    """AWS::ApplicationAutoScaling::ScalingPolicy."""

    type_name = "AWS::ApplicationAutoScaling::ScalingPolicy"
    honours = ("PolicyName", "ScalingTargetId", *_TARGET, *_POLICY)
    attributes = ("Arn",)
    gone = ("ObjectNotFoundException",)

    def create(self, context: Context, properties: Properties) -> str:
        """Put the policy; its physical id is its ARN."""
        return self._put(context, properties)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Put the policy again, which replaces its settings."""
        del physical_id, old
        self._put(context, new)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the policy."""
        del physical_id
        context.client("application-autoscaling").delete_scaling_policy(
            PolicyName=properties["PolicyName"], **_policy_target(properties)
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN."""
        del context, properties
        return {"Arn": physical_id}

    def _put(self, context: Context, properties: Properties) -> str:
        arn: str = context.client("application-autoscaling").put_scaling_policy(
            **_policy_target(properties), **pick(properties, "PolicyName"), **_settings(properties)
        )["PolicyARN"]
        return arn


def _schedule(context: Context, old: Properties, new: Properties) -> None:
    """Put the new scheduled actions, and delete the old ones that are not among them."""
    scaling, target = context.client("application-autoscaling"), pick(new, *_TARGET)
    actions = new.get("ScheduledActions", [])
    for action in actions:
        scaling.put_scheduled_action(**target, **action)
    kept = {action["ScheduledActionName"] for action in actions}
    for action in old.get("ScheduledActions", []):
        if (name := action["ScheduledActionName"]) not in kept:
            scaling.delete_scheduled_action(**target, ScheduledActionName=name)


def _target(scaling_target_id: str) -> dict[str, str]:
    resource_id, dimension, namespace = scaling_target_id.split("|")
    return {
        "ResourceId": resource_id,
        "ScalableDimension": dimension,
        "ServiceNamespace": namespace,
    }


def _policy_target(properties: Properties) -> dict[str, str]:
    """Tell what a policy scales, by the target's id or by its three parts."""
    if "ScalingTargetId" in properties:
        return _target(properties["ScalingTargetId"])
    return pick(properties, *_TARGET)


def _settings(properties: Properties) -> dict[str, Any]:
    return pick(properties, *_POLICY)
