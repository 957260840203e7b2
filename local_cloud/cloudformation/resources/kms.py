"""AWS::KMS."""

from __future__ import annotations

import json
from typing import Any

from local_cloud.cloudformation.resources.resource_type import (
    Context,
    Properties,
    ResourceType,
    pick,
    tag_changes,
    tag_list,
    tag_map,
)


class Key(ResourceType):
    """AWS::KMS::Key."""

    type_name = "AWS::KMS::Key"
    honours = (
        "KeyPolicy",
        "Description",
        "Enabled",
        "EnableKeyRotation",
        "RotationPeriodInDays",
        "KeySpec",
        "KeyUsage",
        "MultiRegion",
        "PendingWindowInDays",
        "BypassPolicyLockoutSafetyCheck",
        "Tags",
    )
    attributes = ("Arn", "KeyId")
    gone = ("NotFoundException",)

    def create(self, context: Context, properties: Properties) -> str:
        """Create the key; its physical id is its key id."""
        policy = {"Policy": _text(properties["KeyPolicy"])} if "KeyPolicy" in properties else {}
        key_id: str = context.client("kms").create_key(
            **policy,
            **pick(
                properties,
                "Description",
                "KeySpec",
                "KeyUsage",
                "MultiRegion",
                "BypassPolicyLockoutSafetyCheck",
            ),
            Tags=tag_list(tag_map(properties), "TagKey", "TagValue"),
        )["KeyMetadata"]["KeyId"]
        return key_id

    def complete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Set what creation does not take: rotation, and whether the key is enabled."""
        self._switch(context, physical_id, {}, properties)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Set the policy, description, switches and tags that differ."""
        kms = context.client("kms")
        if old.get("KeyPolicy") != new.get("KeyPolicy") and "KeyPolicy" in new:
            kms.put_key_policy(KeyId=physical_id, Policy=_text(new["KeyPolicy"]))
        if old.get("Description") != new.get("Description"):
            kms.update_key_description(KeyId=physical_id, Description=new.get("Description", ""))
        self._switch(context, physical_id, old, new)
        changed, removed = tag_changes(old, new)
        if changed:
            kms.tag_resource(KeyId=physical_id, Tags=tag_list(changed, "TagKey", "TagValue"))
        if removed:
            kms.untag_resource(KeyId=physical_id, TagKeys=removed)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Schedule the key's deletion: KMS deletes no key at once."""
        context.client("kms").schedule_key_deletion(
            KeyId=physical_id, PendingWindowInDays=properties.get("PendingWindowInDays", 30)
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the key's id and ARN."""
        del properties
        return {"KeyId": physical_id, "Arn": context.arn("kms", f"key/{physical_id}")}

    def _switch(self, context: Context, key_id: str, old: Properties, new: Properties) -> None:
        kms = context.client("kms")
        rotation = pick(new, "RotationPeriodInDays")
        if old.get("EnableKeyRotation", False) != new.get("EnableKeyRotation", False) or (
            new.get("EnableKeyRotation") and rotation != pick(old, "RotationPeriodInDays")
        ):
            if new.get("EnableKeyRotation"):
                kms.enable_key_rotation(KeyId=key_id, **rotation)
            else:
                kms.disable_key_rotation(KeyId=key_id)
        if old.get("Enabled", True) != new.get("Enabled", True):
            switch = kms.enable_key if new.get("Enabled", True) else kms.disable_key
            switch(KeyId=key_id)


class Alias(ResourceType):
    """AWS::KMS::Alias."""

    type_name = "AWS::KMS::Alias"
    honours = ("AliasName", "TargetKeyId")
    name_property = "AliasName"
    gone = ("NotFoundException",)

    def create(self, context: Context, properties: Properties) -> str:
        """Create the alias; its physical id is its name."""
        context.client("kms").create_alias(**pick(properties, "AliasName", "TargetKeyId"))
        return str(properties["AliasName"])

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Point the alias at another key."""
        del old
        context.client("kms").update_alias(AliasName=physical_id, TargetKeyId=new["TargetKeyId"])

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the alias, not the key."""
        del properties
        context.client("kms").delete_alias(AliasName=physical_id)


def _text(policy: Any) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)
