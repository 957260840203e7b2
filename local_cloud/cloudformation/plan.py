"""From a revision of a stack to what has to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.cloudformation import graph, schemas
from local_cloud.cloudformation.changes import Change, PropertyChange
from local_cloud.cloudformation.intrinsics import Scope, Unresolved, resolve, unresolved
from local_cloud.cloudformation.references import references
from local_cloud.cloudformation.refusals import (
    refused_properties,
    unknown_attributes,
    unknown_types,
)
from local_cloud.cloudformation.resources import RESOURCE_TYPES
from local_cloud.cloudformation.resources.resource_type import Properties, tag_list, tag_map
from local_cloud.cloudformation.stack import StackResource
from local_cloud.cloudformation.template import ResourceDefinition, TemplateError

Lookup = Callable[[str, str | None], Any]
"""What Ref (attribute None) and Fn::GetAtt of a resource answer."""


@dataclass(frozen=True)
class Design:
    """The resources that a template asks for, given its conditions, and their dependencies."""

    scope: Scope
    definitions: Mapping[str, ResourceDefinition]
    dependencies: graph.Graph


def design(scope: Scope) -> Design:
    """Choose the resources whose condition holds. Raises TemplateError for a dependency cycle."""
    conditions = scope.conditions()
    definitions = {
        name: definition
        for name, definition in scope.template.resources.items()
        if conditions.get(definition.body.get("Condition", ""), True)
    }
    dependencies = {
        name: {
            *(item.name for item in references(definition.properties, conditions=conditions)),
            *definition.depends_on,
        }
        & definitions.keys()
        for name, definition in definitions.items()
    }
    cycle = graph.find_cycle(dependencies)
    if cycle:
        raise TemplateError(f"Circular dependency between resources: {' -> '.join(cycle)}")
    return Design(scope, definitions, dependencies)


def evaluate(
    definition: ResourceDefinition, scope: Scope, stack_tags: Mapping[str, str]
) -> Properties:
    """Evaluate a resource's properties, in the schema's types and with the stack's tags.

    Raises TemplateError, which names the resource, the type and the property.
    """
    try:
        properties: dict[str, Any] = resolve(definition.properties, scope)
    except TemplateError as error:
        raise TemplateError(*(f"{definition}: {problem}" for problem in error.problems)) from None
    schema = schemas.find(definition.type_name, scope.parameters["AWS::Region"])
    if schema is None:
        return properties
    properties = schema.coerce(properties)
    taggable = "Tags" in RESOURCE_TYPES[definition.type_name].honours
    if stack_tags and taggable and not unresolved(properties.get("Tags")):
        tags = {**stack_tags, **tag_map(properties)}
        properties["Tags"] = tags if schema.tags == "map" else tag_list(tags)
    return properties


def compare(
    type_name: str, region: str, old: Properties, new: Properties
) -> tuple[PropertyChange, ...]:
    """List the properties that differ."""
    schema = schemas.find(type_name, region)
    recreating = schema.recreates(old, new) if schema else frozenset()
    return tuple(
        PropertyChange(name, name in recreating, unresolved(new.get(name)) is None)
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def plan(
    scope_around: Callable[[Lookup], Scope],
    stack_tags: Mapping[str, str],
    existing: Mapping[str, StackResource],
) -> tuple[Change, ...]:
    """Say what a revision changes about the existing resources, in the order of dependencies.

    `scope_around` makes the revision's scope around a lookup. A resource that is replaced gets
    a new id, so whatever refers to it changes as well. Raises TemplateError with everything
    that is not supported.
    """
    foreseen: dict[str, Callable[[str | None], Any]] = {}

    def lookup(name: str, attribute: str | None) -> Any:
        if name not in foreseen:
            raise TemplateError(f"refers to {name}, whose condition is false")
        return foreseen[name](attribute)

    designed = design(scope_around(lookup))
    scope, definitions = designed.scope, designed.definitions
    region = scope.parameters["AWS::Region"]
    problems = list(unknown_types(definitions, region)) or list(
        unknown_attributes(scope.template, definitions)
    )
    if problems:
        raise TemplateError(*problems)
    changes = []
    for name in graph.order(designed.dependencies):
        definition, old = definitions[name], existing.get(name)
        foreseen[name] = _unborn(name)
        try:
            new = evaluate(definition, scope, stack_tags)
        except TemplateError as error:
            problems += error.problems
            continue
        problems += refused_properties(definition, region, new)
        problems += _changed_type(definition, old)
        change = _change(definition, region, old, new)
        if change is not None:
            changes.append(change)
        if old is not None and not (change and change.makes_new):
            foreseen[name] = _foresee(old, new, change)
    try:
        resolve_outputs(scope)
    except TemplateError as error:
        problems += error.problems
    if problems:
        raise TemplateError(*problems)
    removals = (_removal(old) for name, old in existing.items() if name not in definitions)
    return (*changes, *removals)


def resolve_outputs(scope: Scope) -> Mapping[str, tuple[Any, str | None]]:
    """Evaluate the outputs whose condition holds: the value, and the export's name or None."""
    resolved = {}
    for name, output in scope.template.section("Outputs").items():
        if "Condition" in output and not scope.condition(output["Condition"]):
            continue
        try:
            export = resolve((output.get("Export") or {}).get("Name"), scope)
            resolved[name] = (resolve(output["Value"], scope), export)
        except TemplateError as error:
            raise error.inside(f"Outputs.{name}") from None
    return resolved


def _change(
    definition: ResourceDefinition, region: str, old: StackResource | None, new: Properties
) -> Change | None:
    name, type_name = definition.logical_id, definition.type_name
    if old is None or old.status == "CREATE_FAILED":
        return Change("Add", name, type_name, after=new)
    properties = compare(type_name, region, old.properties, new)
    metadata = old.metadata != definition.metadata
    if not properties and not metadata and not old.status.endswith("_FAILED"):
        return None
    return Change(
        action="Modify",
        logical_id=name,
        type_name=type_name,
        physical_id=old.physical_id,
        properties=properties,
        metadata=metadata,
        policy=definition.update_replace_policy,
        before=old.properties,
        after=new,
    )


def _changed_type(definition: ResourceDefinition, old: StackResource | None) -> Iterator[str]:
    if old is not None and old.type_name != definition.type_name:
        yield (
            f"{definition}: the type of a resource cannot change, and {old.logical_id} has the "
            f"type {old.type_name}; give the new resource another logical id"
        )


def _removal(old: StackResource) -> Change:
    return Change(
        action="Remove",
        logical_id=old.logical_id,
        type_name=old.type_name,
        physical_id=old.physical_id,
        policy=old.deletion_policy,
        before=old.properties,
    )


def _foresee(
    old: StackResource, new: Properties, change: Change | None
) -> Callable[[str | None], Any]:
    """Foresee the answers of a resource that stays: its id, and attributes that do not change."""
    changed = {item.name for item in change.properties} if change else set()

    def answer(attribute: str | None) -> Any:
        if attribute is None:
            return old.physical_id
        return new.get(attribute) if attribute in changed else old.attributes.get(attribute)

    return answer


def _unborn(name: str) -> Callable[[str | None], Any]:
    """Foresee the answers of a resource that does not exist yet."""
    return lambda attribute: Unresolved(f"{name}.{attribute}" if attribute else name)
