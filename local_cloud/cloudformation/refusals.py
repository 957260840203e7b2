"""What the local cloud does not support in a template that is valid by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from local_cloud.cloudformation import schemas
from local_cloud.cloudformation.references import references
from local_cloud.cloudformation.resources import RESOURCE_TYPES
from local_cloud.cloudformation.template import ResourceDefinition, Template
from local_cloud.cloudformation.wellformed import nearest

Definitions = Mapping[str, ResourceDefinition]


def unknown_types(definitions: Definitions, region: str) -> Iterator[str]:
    """Yield the resources of a type that is not supported."""
    for definition in definitions.values():
        if definition.type_name not in RESOURCE_TYPES:
            near = ", ".join(nearest(definition.type_name, RESOURCE_TYPES))
            yield (
                f"{definition}: this resource type is not supported by the local cloud; "
                f"it supports {near}"
            )
        elif schemas.find(definition.type_name, region) is None:
            yield f"{definition}: this resource type does not exist in {region}"


def unknown_attributes(template: Template, definitions: Definitions) -> Iterator[str]:
    """Yield each Fn::GetAtt for an attribute that its resource does not have."""
    places: dict[str, Any] = {f"Outputs.{k}": v for k, v in template.section("Outputs").items()}
    places |= {str(definition): definition.properties for definition in definitions.values()}
    for place, value in places.items():
        for reference in references(value):
            target = definitions.get(reference.name)
            if target is None or reference.attribute is None:
                continue
            known = RESOURCE_TYPES[target.type_name].attributes
            if reference.attribute not in known:
                yield (
                    f"{place}: {reference.where}: {target} has no attribute "
                    f"{reference.attribute!r} here; it has {', '.join(known) or 'none'}"
                )


def refused_properties(
    definition: ResourceDefinition, region: str, properties: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the properties that the registry does not know or the local cloud does not support."""
    kind, schema = RESOURCE_TYPES[definition.type_name], schemas.find(definition.type_name, region)
    problems = list(schema.problems(properties)) if schema else []
    if not problems:
        problems += _unhonoured(properties, kind.honours)
        problems += _dynamic_references(properties, "")
        problems += kind.refuses(properties)
    for problem in problems:
        yield f"{definition}: {problem}"


def _unhonoured(properties: Mapping[str, Any], honours: tuple[str, ...]) -> Iterator[str]:
    known = [tuple(path.split(".")) for path in honours]

    def walk(value: Any, path: tuple[str, ...]) -> Iterator[str]:
        if any(path[: len(other)] == other for other in known):
            return
        if not any(other[: len(path)] == path for other in known):
            yield ".".join(path)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                yield from walk(item, (*path, key))
        elif isinstance(value, list):
            for item in value:
                yield from walk(item, path)

    for path in dict.fromkeys(walk(properties, ())):
        near = ", ".join(nearest(path, honours))
        yield f"{path}: not supported by the local cloud; it supports {near}"


def _dynamic_references(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, str) and "{{resolve:" in value:
        yield f"{where}: {value!r}: dynamic references are not supported by the local cloud"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _dynamic_references(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _dynamic_references(item, f"{where}[{index}]")
