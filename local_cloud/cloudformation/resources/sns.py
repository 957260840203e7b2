"""AWS::SNS."""

from __future__ import annotations

from local_cloud.cloudformation.resources.resource_type import (
    Context,
    Properties,
    ResourceType,
    tag_changes,
    tag_list,
    tag_map,
)

_ATTRIBUTES = ("DisplayName", "KmsMasterKeyId")


class Topic(ResourceType):
    """AWS::SNS::Topic; its subscriptions are not supported."""

    type_name = "AWS::SNS::Topic"
    honours = ("TopicName", *_ATTRIBUTES, "Tags")
    attributes = ("TopicArn", "TopicName")
    name_property = "TopicName"
    gone = ("NotFound",)

    def create(self, context: Context, properties: Properties) -> str:
        """Create the topic; its physical id is its ARN."""
        arn: str = context.client("sns").create_topic(
            Name=properties.get("TopicName") or context.unique_name(256),
            Attributes={name: properties[name] for name in _ATTRIBUTES if name in properties},
            Tags=tag_list(tag_map(properties)),
        )["TopicArn"]
        return arn

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Set the attributes and tags that differ."""
        sns = context.client("sns")
        for name in _ATTRIBUTES:
            if old.get(name) != new.get(name):
                sns.set_topic_attributes(
                    TopicArn=physical_id, AttributeName=name, AttributeValue=new.get(name, "")
                )
        changed, removed = tag_changes(old, new)
        if changed:
            sns.tag_resource(ResourceArn=physical_id, Tags=tag_list(changed))
        if removed:
            sns.untag_resource(ResourceArn=physical_id, TagKeys=removed)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the topic."""
        del properties
        context.client("sns").delete_topic(TopicArn=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN and the name in it."""
        del context, properties
        return {"TopicArn": physical_id, "TopicName": physical_id.rpartition(":")[2]}
