"""AWS::S3."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from local_cloud.cloudformation.resources.resource_type import (
    Context,
    Properties,
    ResourceType,
    pick,
    tag_list,
    tag_map,
)


def _lifecycle(value: Mapping[str, Any]) -> dict[str, Any]:
    """Write CloudFormation's lifecycle rules the way S3's API takes them."""
    return {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = pick(rule, "Id", "Status", "NoncurrentVersionExpiration")
    if "Id" in written:
        written["ID"] = written.pop("Id")
    expiration = {
        api: rule[name]
        for name, api in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if name in rule
    }
    if expiration:
        written["Expiration"] = expiration
    if "AbortIncompleteMultipartUpload" in rule:
        written["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    written["Filter"] = {"Prefix": rule.get("Prefix", "")}
    return written


def _encryption(value: Mapping[str, Any]) -> dict[str, Any]:
    """Write CloudFormation's encryption rules the way S3's API takes them."""
    return {
        "Rules": [
            (
                {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
                if "ServerSideEncryptionByDefault" in rule
                else {}
            )
            | pick(rule, "BucketKeyEnabled")
            for rule in value["ServerSideEncryptionConfiguration"]
        ]
    }


def _rules_in_api_case(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"Rules": list(value["Rules"])}


_SETTINGS: Mapping[str, tuple[str, str, Any]] = {
    "BucketEncryption": ("bucket_encryption", "ServerSideEncryptionConfiguration", _encryption),
    "LifecycleConfiguration": (
        "bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        _lifecycle,
    ),
    "OwnershipControls": ("bucket_ownership_controls", "OwnershipControls", _rules_in_api_case),
    "PublicAccessBlockConfiguration": (
        "public_access_block",
        "PublicAccessBlockConfiguration",
        dict,
    ),
    "VersioningConfiguration": ("bucket_versioning", "VersioningConfiguration", dict),
}
"""Property: (put_X and delete_X of the API, the API's parameter, the value as the API has it)."""

_DELETES = {"bucket_lifecycle_configuration": "delete_bucket_lifecycle"}


class Bucket(ResourceType):
    """AWS::S3::Bucket."""

    type_name = "AWS::S3::Bucket"
    honours = (
        "BucketName",
        "AccessControl",
        "BucketEncryption.ServerSideEncryptionConfiguration.ServerSideEncryptionByDefault",
        "BucketEncryption.ServerSideEncryptionConfiguration.BucketKeyEnabled",
        "LifecycleConfiguration.Rules.Id",
        "LifecycleConfiguration.Rules.Status",
        "LifecycleConfiguration.Rules.Prefix",
        "LifecycleConfiguration.Rules.ExpirationInDays",
        "LifecycleConfiguration.Rules.ExpirationDate",
        "LifecycleConfiguration.Rules.ExpiredObjectDeleteMarker",
        "LifecycleConfiguration.Rules.NoncurrentVersionExpiration",
        "LifecycleConfiguration.Rules.AbortIncompleteMultipartUpload",
        "OwnershipControls.Rules",
        "PublicAccessBlockConfiguration",
        "VersioningConfiguration",
        "Tags",
    )
    attributes = ("Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL")
    name_property = "BucketName"
    gone = ("NoSuchBucket",)

    def create(self, context: Context, properties: Properties) -> str:
        """Create the bucket; its physical id is its name."""
        name = properties.get("BucketName") or context.unique_name(63).lower()
        location = (
            {}
            if context.region == "us-east-1"
            else {"CreateBucketConfiguration": {"LocationConstraint": context.region}}
        )
        context.client("s3").create_bucket(Bucket=name, **location)
        return str(name)

    def complete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Apply every setting: creation takes the name only."""
        self.update(context, physical_id, {}, properties)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Put each setting that differs, and remove those that are no longer asked for."""
        s3, bucket = context.client("s3"), physical_id
        for name, (operation, parameter, write) in _SETTINGS.items():
            if old.get(name) == new.get(name):
                continue
            if name in new:
                getattr(s3, f"put_{operation}")(Bucket=bucket, **{parameter: write(new[name])})
            elif operation == "bucket_versioning":  # Versioning cannot be taken away, only paused.
                s3.put_bucket_versioning(
                    Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
                )
            else:
                getattr(s3, _DELETES.get(operation, f"delete_{operation}"))(Bucket=bucket)
        if old.get("AccessControl", "Private") != new.get("AccessControl", "Private"):
            s3.put_bucket_acl(Bucket=bucket, ACL=_canned_acl(new.get("AccessControl", "Private")))
        if tag_map(old) != tag_map(new):
            if tag_map(new):
                s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_list(tag_map(new))})
            else:
                s3.delete_bucket_tagging(Bucket=bucket)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the bucket, which S3 refuses while it holds objects."""
        del properties
        context.client("s3").delete_bucket(Bucket=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN and the host names."""
        del properties
        region, suffix = context.region, "amazonaws.com"
        return {
            "Arn": f"arn:{context.partition}:s3:::{physical_id}",
            "DomainName": f"{physical_id}.s3.{suffix}",
            "DualStackDomainName": f"{physical_id}.s3.dualstack.{region}.{suffix}",
            "RegionalDomainName": f"{physical_id}.s3.{region}.{suffix}",
            "WebsiteURL": f"http://{physical_id}.s3-website-{region}.{suffix}",
        }


class BucketPolicy(ResourceType):
    """AWS::S3::BucketPolicy."""

    type_name = "AWS::S3::BucketPolicy"
    honours = ("Bucket", "PolicyDocument")
    gone = ("NoSuchBucket", "NoSuchBucketPolicy")

    def create(self, context: Context, properties: Properties) -> str:
        """Put the policy; its physical id is the bucket's name."""
        self._put(context, properties)
        return str(properties["Bucket"])

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Put the new policy in place of the old."""
        del physical_id, old
        self._put(context, new)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the policy, not the bucket."""
        del properties
        context.client("s3").delete_bucket_policy(Bucket=physical_id)

    def _put(self, context: Context, properties: Properties) -> None:
        """Put the policy without its conditional denials.

        moto applies a statement whatever its Condition says. The usual denial, of requests without
        TLS, would deny every request to the local cloud.
        """
        document = properties["PolicyDocument"]
        policy = json.loads(document) if isinstance(document, str) else dict(document)
        statements = policy.get("Statement", [])
        policy["Statement"] = [
            statement
            for statement in (statements if isinstance(statements, list) else [statements])
            if statement.get("Effect") != "Deny" or "Condition" not in statement
        ]
        s3, bucket = context.client("s3"), properties["Bucket"]
        if policy["Statement"]:
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        else:
            s3.delete_bucket_policy(Bucket=bucket)


def _canned_acl(access_control: str) -> str:
    """Write PublicRead as the API does: public-read."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", access_control).lower()
