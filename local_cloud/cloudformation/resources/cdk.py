"""AWS::CDK: what the CDK leaves in a template about itself."""

from __future__ import annotations

from local_cloud.cloudformation.resources.resource_type import Context, Properties, ResourceType


class Metadata(ResourceType):
    """AWS::CDK::Metadata, which is no real resource."""

    type_name = "AWS::CDK::Metadata"
    honours = ("Analytics", "Modules")

    def create(self, context: Context, properties: Properties) -> str:
        """Give the id that stands for the entry."""
        del properties
        return context.unique_name(128)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Change nothing."""

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Remove nothing."""
