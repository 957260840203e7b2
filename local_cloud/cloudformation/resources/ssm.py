"""AWS::SSM."""

from __future__ import annotations

from local_cloud.cloudformation.resources.resource_type import (
    Context,
    Properties,
    ResourceType,
    pick,
    tag_changes,
    tag_list,
    tag_map,
)

_SETTINGS = ("Type", "Value", "Description", "AllowedPattern", "DataType", "Tier", "Policies")


class Parameter(ResourceType):
    """AWS::SSM::Parameter."""

    type_name = "AWS::SSM::Parameter"
    honours = ("Name", *_SETTINGS, "Tags")
    attributes = ("Arn", "Type", "Value")
    name_property = "Name"
    gone = ("ParameterNotFound",)

    def create(self, context: Context, properties: Properties) -> str:
        """Create the parameter; its physical id is its name."""
        name = properties.get("Name") or f"CFN-{context.unique_name(500)}"
        context.client("ssm").put_parameter(
            Name=name, Tags=tag_list(tag_map(properties)), **pick(properties, *_SETTINGS)
        )
        return str(name)

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Overwrite the parameter and set the tags that differ."""
        ssm = context.client("ssm")
        ssm.put_parameter(Name=physical_id, Overwrite=True, **pick(new, *_SETTINGS))
        changed, removed = tag_changes(old, new)
        target = {"ResourceType": "Parameter", "ResourceId": physical_id}
        if changed:
            ssm.add_tags_to_resource(**target, Tags=tag_list(changed))
        if removed:
            ssm.remove_tags_from_resource(**target, TagKeys=removed)

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Delete the parameter."""
        del properties
        context.client("ssm").delete_parameter(Name=physical_id)

    def read(self, context: Context, physical_id: str, properties: Properties) -> dict[str, str]:
        """Give the ARN, the type and the value."""
        arn = context.arn("ssm", f"parameter/{physical_id.removeprefix('/')}")
        return {"Arn": arn, "Type": properties["Type"], "Value": properties["Value"]}
