"""AWS::Logs."""

from __future__ import annotations

from local_cloud.cloudformation.resources.resource_type import (
    Context,
    Properties,
    ResourceType,
    tag_changes,
    tag_map,
)


class LogGroup(ResourceType):
    """AWS::Logs::LogGroup."""

    type_name = "AWS::Logs::LogGroup"
    honours = ("LogGroupName", "RetentionInDays", "KmsKeyId", "Tags")
    attributes = ("Arn",)
    name_property = "LogGroupName"
    gone = ("ResourceNotFoundException",)

    def create(self, context: Context, properties: Properties) -> str:
        """Create the group; its physical id is its name."""
        name = properties.get("LogGroupName") or context.unique_name(512)
        key = {"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}
        context.client("logs").create_log_group(logGroupName=name, tags=tag_map(properties), **key)
        return str(name)

    def complete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Set the retention, which creation does not take."""
        if "RetentionInDays" in properties:
            self._retain(context, physical_id, properties)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Set the retention, key and tags that differ."""
        logs = context.client("logs")
        if old.get("RetentionInDays") != new.get("RetentionInDays"):
            self._retain(context, physical_id, new)
        if old.get("KmsKeyId") != new.get("KmsKeyId"):
            if "KmsKeyId" in new:
                logs.associate_kms_key(logGroupName=physical_id, kmsKeyId=new["KmsKeyId"])
            else:
                logs.disassociate_kms_key(logGroupName=physical_id)
        changed, removed = tag_changes(old, new)
        arn = _arn(context, physical_id)
        if changed:
            logs.tag_resource(resourceArn=arn, tags=changed)
        if removed:
            logs.untag_resource(resourceArn=arn, tagKeys=removed)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the group with its streams."""
        del properties
        context.client("logs").delete_log_group(logGroupName=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN, which ends in ":*" as CloudFormation's does."""
        del properties
        return {"Arn": f"{_arn(context, physical_id)}:*"}

    def _retain(self, context: Context, name: str, properties: Properties) -> None:
        logs = context.client("logs")
        if "RetentionInDays" in properties:
            logs.put_retention_policy(
                logGroupName=name, retentionInDays=properties["RetentionInDays"]
            )
        else:
            logs.delete_retention_policy(logGroupName=name)


def _arn(context: Context, name: str) -> str:
    return context.arn("logs", f"log-group:{name}")
