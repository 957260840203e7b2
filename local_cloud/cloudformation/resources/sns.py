"""AWS::SNS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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

_ATTRIBUTES = ("DisplayName", "KmsMasterKeyId")
_SUBSCRIPTION_ATTRIBUTES: Mapping[str, str] = {
    "FilterPolicy": "{}",
    "FilterPolicyScope": "MessageAttributes",
    "RawMessageDelivery": "false",
}
"""The attributes that have an effect, each with its default."""


class Topic(ResourceType):
    """AWS::SNS::Topic; subscriptions are resources of their own here."""

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


class TopicPolicy(ResourceType):
    """AWS::SNS::TopicPolicy: stored and shown, but the local cloud lets everybody publish."""

    type_name = "AWS::SNS::TopicPolicy"
    honours = ("PolicyDocument", "Topics")
    attributes = ("Id",)
    gone = ("NotFound",)

    def create(self, context: Context, properties: Properties) -> str:
        """Put the policy on each topic; its physical id is made up."""
        self._put(context, properties["Topics"], properties["PolicyDocument"])
        return context.unique_name(128)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Put the new policy on its topics, and the default policy on topics that it leaves."""
        del physical_id
        self._put(context, new["Topics"], new["PolicyDocument"])
        self._reset(context, [topic for topic in old["Topics"] if topic not in new["Topics"]])

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Put the default policy on each topic."""
        del physical_id
        self._reset(context, properties["Topics"])

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the physical id once more, as CloudFormation does."""
        del context, properties
        return {"Id": physical_id}

    def _reset(self, context: Context, topics: Sequence[str]) -> None:
        for topic in topics:
            self._put(context, [topic], _default_policy(topic, context.account_id))

    def _put(self, context: Context, topics: Sequence[str], document: Any) -> None:
        policy = document if isinstance(document, str) else json.dumps(document)
        for topic in topics:
            context.client("sns").set_topic_attributes(
                TopicArn=topic, AttributeName="Policy", AttributeValue=policy
            )


class Subscription(ResourceType):
    """AWS::SNS::Subscription, confirmed at once; emails and SMS are not sent."""

    type_name = "AWS::SNS::Subscription"
    honours = ("TopicArn", "Protocol", "Endpoint", *_SUBSCRIPTION_ATTRIBUTES)
    attributes = ("Arn",)
    gone = ("NotFound",)

    def create(self, context: Context, properties: Properties) -> str:
        """Subscribe; the physical id is the subscription's ARN."""
        arn: str = context.client("sns").subscribe(
            **pick(properties, "TopicArn", "Protocol", "Endpoint"),
            Attributes=_subscription_attributes(properties),
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return arn

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Set the attributes that differ."""
        before, after = _subscription_attributes(old), _subscription_attributes(new)
        for name in _SUBSCRIPTION_ATTRIBUTES:
            if before.get(name) != after.get(name):
                context.client("sns").set_subscription_attributes(
                    SubscriptionArn=physical_id,
                    AttributeName=name,
                    AttributeValue=after.get(name, _SUBSCRIPTION_ATTRIBUTES[name]),
                )

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Unsubscribe."""
        del properties
        context.client("sns").unsubscribe(SubscriptionArn=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN."""
        del context, properties
        return {"Arn": physical_id}


def _subscription_attributes(properties: Properties) -> dict[str, str]:
    """Write attributes the way the API takes them: as text."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in pick(properties, *_SUBSCRIPTION_ATTRIBUTES).items()
    }


def _default_policy(topic: str, account_id: str) -> dict[str, Any]:
    """Make the default policy of a topic: the topic's account may do everything."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "SNS:*",
        "Resource": topic,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account_id}},
    }
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
