"""AWS::ECR."""

from __future__ import annotations

import json

from local_cloud.cloudformation.resources.resource_type import (
    Context,
    Properties,
    ResourceType,
    tag_changes,
    tag_list,
    tag_map,
)


class Repository(ResourceType):
    """AWS::ECR::Repository."""

    type_name = "AWS::ECR::Repository"
    honours = (
        "RepositoryName",
        "ImageTagMutability",
        "ImageScanningConfiguration.ScanOnPush",
        "LifecyclePolicy.LifecyclePolicyText",
        "RepositoryPolicyText",
        "EmptyOnDelete",
        "Tags",
    )
    attributes = ("Arn", "RepositoryUri")
    name_property = "RepositoryName"
    gone = ("RepositoryNotFoundException",)

    def create(self, context: Context, properties: Properties) -> str:
        """Create the repository; its physical id is its name."""
        name = properties.get("RepositoryName") or context.unique_name(256).lower()
        context.client("ecr").create_repository(
            repositoryName=name,
            imageTagMutability=properties.get("ImageTagMutability", "MUTABLE"),
            imageScanningConfiguration=_scanning(properties),
            tags=tag_list(tag_map(properties)),
        )
        return str(name)

    def complete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Set the policies, which creation does not take."""
        self._set_policies(context, physical_id, {}, properties)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Set the mutability, scanning, policies and tags that differ."""
        ecr = context.client("ecr")
        if old.get("ImageTagMutability") != new.get("ImageTagMutability"):
            ecr.put_image_tag_mutability(
                repositoryName=physical_id,
                imageTagMutability=new.get("ImageTagMutability", "MUTABLE"),
            )
        if _scanning(old) != _scanning(new):
            ecr.put_image_scanning_configuration(
                repositoryName=physical_id, imageScanningConfiguration=_scanning(new)
            )
        self._set_policies(context, physical_id, old, new)
        changed, removed = tag_changes(old, new)
        arn = context.arn("ecr", f"repository/{physical_id}")
        if changed:
            ecr.tag_resource(resourceArn=arn, tags=tag_list(changed))
        if removed:
            ecr.untag_resource(resourceArn=arn, tagKeys=removed)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the repository; ECR refuses while it holds images, unless EmptyOnDelete is set."""
        context.client("ecr").delete_repository(
            repositoryName=physical_id, force=properties.get("EmptyOnDelete", False)
        )

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN and the address that docker pushes to."""
        del properties
        host = f"{context.account_id}.dkr.ecr.{context.region}.amazonaws.com"
        return {
            "Arn": context.arn("ecr", f"repository/{physical_id}"),
            "RepositoryUri": f"{host}/{physical_id}",
        }

    def _set_policies(self, context: Context, name: str, old: Properties, new: Properties) -> None:
        ecr = context.client("ecr")
        lifecycle = _lifecycle(new)
        if lifecycle and lifecycle != _lifecycle(old):
            ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=lifecycle)
        elif _lifecycle(old) and not lifecycle:
            ecr.delete_lifecycle_policy(repositoryName=name)
        policy, old_policy = new.get("RepositoryPolicyText"), old.get("RepositoryPolicyText")
        if policy and policy != old_policy:
            text = policy if isinstance(policy, str) else json.dumps(policy)
            ecr.set_repository_policy(repositoryName=name, policyText=text)
        elif old_policy and not policy:
            ecr.delete_repository_policy(repositoryName=name)


def _lifecycle(properties: Properties) -> str | None:
    text = properties.get("LifecyclePolicy", {}).get("LifecyclePolicyText")
    return None if text is None else str(text)


def _scanning(properties: Properties) -> dict[str, bool]:
    scanning = properties.get("ImageScanningConfiguration", {})
    return {"scanOnPush": scanning.get("ScanOnPush", False)}
