"""AWS::IAM."""

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

_PRINCIPALS = {"Roles": "role", "Users": "user", "Groups": "group"}


class Role(ResourceType):
    """AWS::IAM::Role."""

    type_name = "AWS::IAM::Role"
    honours = (
        "RoleName",
        "AssumeRolePolicyDocument",
        "Description",
        "ManagedPolicyArns",
        "MaxSessionDuration",
        "Path",
        "PermissionsBoundary",
        "Policies",
        "Tags",
    )
    attributes = ("Arn", "RoleId")
    name_property = "RoleName"
    gone = ("NoSuchEntity",)

    def create(self, context: Context, properties: Properties) -> str:
        """Create the role; its physical id is its name."""
        name = properties.get("RoleName") or context.unique_name(64)
        context.client("iam").create_role(
            RoleName=name,
            AssumeRolePolicyDocument=_text(properties["AssumeRolePolicyDocument"]),
            Tags=tag_list(tag_map(properties)),
            **pick(properties, "Description", "MaxSessionDuration", "Path", "PermissionsBoundary"),
        )
        return str(name)

    def complete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Put the role's policies."""
        self._set_policies(context, physical_id, {}, properties)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Set the trust, boundary, policies and tags that differ."""
        iam, name = context.client("iam"), physical_id
        if old.get("AssumeRolePolicyDocument") != new.get("AssumeRolePolicyDocument"):
            iam.update_assume_role_policy(
                RoleName=name, PolicyDocument=_text(new["AssumeRolePolicyDocument"])
            )
        settings = ("Description", "MaxSessionDuration")
        if pick(old, *settings) != pick(new, *settings):
            defaults = {"Description": "", "MaxSessionDuration": 3600}
            iam.update_role(RoleName=name, **(defaults | pick(new, *settings)))
        if old.get("PermissionsBoundary") != new.get("PermissionsBoundary"):
            if "PermissionsBoundary" in new:
                iam.put_role_permissions_boundary(
                    RoleName=name, PermissionsBoundary=new["PermissionsBoundary"]
                )
            else:
                iam.delete_role_permissions_boundary(RoleName=name)
        self._set_policies(context, name, old, new)
        changed, removed = tag_changes(old, new)
        if changed:
            iam.tag_role(RoleName=name, Tags=tag_list(changed))
        if removed:
            iam.untag_role(RoleName=name, TagKeys=removed)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Remove the role's policies, and delete the role."""
        bare = pick(properties, "AssumeRolePolicyDocument")
        self._set_policies(context, physical_id, properties, bare)
        context.client("iam").delete_role(RoleName=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN, which includes the path, and the unique id."""
        del properties
        role = context.client("iam").get_role(RoleName=physical_id)["Role"]
        return {"Arn": role["Arn"], "RoleId": role["RoleId"]}

    def _set_policies(self, context: Context, name: str, old: Properties, new: Properties) -> None:
        iam = context.client("iam")
        attached, wanted = set(old.get("ManagedPolicyArns", ())), new.get("ManagedPolicyArns", ())
        for arn in attached.difference(wanted):
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        for arn in set(wanted) - attached:
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        before, after = _inline(old), _inline(new)
        for policy in before.keys() - after.keys():
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for policy, document in after.items():
            if before.get(policy) != document:
                iam.put_role_policy(
                    RoleName=name, PolicyName=policy, PolicyDocument=_text(document)
                )


class Policy(ResourceType):
    """AWS::IAM::Policy: one inline policy put on roles, users and groups."""

    type_name = "AWS::IAM::Policy"
    honours = ("PolicyName", "PolicyDocument", *_PRINCIPALS)
    gone = ("NoSuchEntity",)

    def create(self, context: Context, properties: Properties) -> str:
        """Give the policy an id: an inline policy has no identity of its own."""
        del properties
        return context.unique_name(128)

    def complete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Put the policy on all its principals."""
        self.update(context, physical_id, {}, properties)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Put the policy on its principals; take it from those that are no longer named."""
        del physical_id
        iam = context.client("iam")
        stale = dict.fromkeys(_places(old))
        document = _text(new["PolicyDocument"])
        for kind, name, policy in _places(new):
            put = getattr(iam, f"put_{kind}_policy")
            put(**{f"{kind.title()}Name": name}, PolicyName=policy, PolicyDocument=document)
            stale.pop((kind, name, policy), None)
        self._take(iam, list(stale))

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Take the policy from all its principals."""
        del physical_id
        self._take(context.client("iam"), _places(properties))

    def _take(self, iam: Any, places: list[tuple[str, str, str]]) -> None:
        for kind, name, policy in places:
            take = getattr(iam, f"delete_{kind}_policy")
            try:
                take(**{f"{kind.title()}Name": name}, PolicyName=policy)
            except iam.exceptions.NoSuchEntityException:
                continue  # One principal that is gone must not keep the policy on the others.


class ManagedPolicy(ResourceType):
    """AWS::IAM::ManagedPolicy."""

    type_name = "AWS::IAM::ManagedPolicy"
    honours = ("ManagedPolicyName", "PolicyDocument", "Description", "Path", *_PRINCIPALS)
    attributes = ("PolicyArn",)
    name_property = "ManagedPolicyName"
    gone = ("NoSuchEntity",)

    def create(self, context: Context, properties: Properties) -> str:
        """Create the policy; its physical id is its ARN."""
        arn: str = context.client("iam").create_policy(
            PolicyName=properties.get("ManagedPolicyName") or context.unique_name(128),
            PolicyDocument=_text(properties["PolicyDocument"]),
            **pick(properties, "Description", "Path"),
        )["Policy"]["Arn"]
        return arn

    def complete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Attach the policy to its principals."""
        self._attach(context, physical_id, {}, properties)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Make a new default version of the document; delete the old one: IAM keeps only five."""
        iam = context.client("iam")
        if old.get("PolicyDocument") != new.get("PolicyDocument"):
            before = iam.get_policy(PolicyArn=physical_id)["Policy"]["DefaultVersionId"]
            document = _text(new["PolicyDocument"])
            iam.create_policy_version(
                PolicyArn=physical_id, PolicyDocument=document, SetAsDefault=True
            )
            iam.delete_policy_version(PolicyArn=physical_id, VersionId=before)
        self._attach(context, physical_id, old, new)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Detach the policy from its principals and delete it."""
        self._attach(context, physical_id, properties, {})
        context.client("iam").delete_policy(PolicyArn=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN."""
        del context, properties
        return {"PolicyArn": physical_id}

    def _attach(self, context: Context, arn: str, old: Properties, new: Properties) -> None:
        iam = context.client("iam")
        for group, kind in _PRINCIPALS.items():
            before, after = set(old.get(group, ())), set(new.get(group, ()))
            for name in after - before:
                attach = getattr(iam, f"attach_{kind}_policy")
                attach(**{f"{kind.title()}Name": name}, PolicyArn=arn)
            for name in before - after:
                detach = getattr(iam, f"detach_{kind}_policy")
                detach(**{f"{kind.title()}Name": name}, PolicyArn=arn)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _inline(properties: Properties) -> dict[str, Any]:
    return {
        policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies", ())
    }


def _places(properties: Properties) -> list[tuple[str, str, str]]:
    """List where an inline policy is: kind of principal, its name, the policy's name."""
    return [
        (kind, name, properties["PolicyName"])
        for group, kind in _PRINCIPALS.items()
        for name in properties.get(group, ())
    ]
