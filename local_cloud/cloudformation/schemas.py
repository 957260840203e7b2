"""The registry schemas of resource types, as cfn-lint ships them."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from local_cloud.cloudformation.intrinsics import Unresolved
from local_cloud.cloudformation.wellformed import nearest

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Schema:
    """What the registry says about one resource type."""

    body: Mapping[str, Any]

    @cached_property
    def create_only(self) -> tuple[tuple[str, ...], ...]:
        """Paths to the properties that cannot change without a replacement."""
        return tuple(
            tuple(pointer.split("/")[2:]) for pointer in self.body.get("createOnlyProperties", ())
        )

    @property
    def tags(self) -> str | None:
        """The form that tags take in the Tags property: "list", "map" or None."""
        if "Tags" not in self.body["properties"]:
            return None
        node = self._node(self.body["properties"]["Tags"])
        return "list" if node.get("type") == "array" else "map"

    def recreates(self, old: Properties, new: Properties) -> frozenset[str]:
        """Name the top-level properties whose change from old to new asks for a new resource."""
        return frozenset(
            path[0] for path in self.create_only if _look_up(old, path) != _look_up(new, path)
        )

    def problems(self, properties: Properties) -> Iterator[str]:
        """Yield what the schema refuses, each with the property's path: unknown, missing, type."""
        for pointer in self.body.get("readOnlyProperties", ()):
            path = tuple(pointer.split("/")[2:])
            if _look_up(properties, path) is not None:
                yield f"{'.'.join(path)}: this property is read-only"
        yield from self._problems(self.body, properties, "")

    def coerce(self, properties: Properties) -> dict[str, Any]:
        """Convert text, numbers and booleans to the schema's types, as CloudFormation does."""
        coerced: dict[str, Any] = self._coerce(self.body, dict(properties))
        return coerced

    def _node(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow a $ref into the schema's definitions."""
        while "$ref" in node:
            target: Any = self.body
            for key in node["$ref"].removeprefix("#/").split("/"):
                target = target[key]
            node = target
        return node

    def _known(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """Collect a node's properties with those that its alternatives add."""
        known: dict[str, Any] = {}
        for keyword in ("allOf", "anyOf", "oneOf"):
            for alternative in node.get(keyword, ()):
                known |= self._known(self._node(alternative))
        return known | dict(node.get("properties", {}))

    def _problems(self, node: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
        node = self._node(node)
        if isinstance(value, dict):
            known = self._known(node)
            for name in node.get("required", ()):
                if name not in value:
                    yield f"{_join(where, name)}: this required property is missing"
            for name, item in value.items():
                inner = _join(where, name)
                if name in known:
                    yield from self._problems(known[name], item, inner)
                elif node.get("additionalProperties") is False and not node.get(
                    "patternProperties"
                ):
                    near = ", ".join(nearest(name, tuple(known))[:5])
                    yield f"{inner}: the registry has no such property; nearest: {near}"
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._problems(node.get("items", {}), item, f"{where}[{index}]")
        if not _fits(node, value):
            yield f"{where}: {value!r} is not of type {node['type']}"

    def _coerce(self, node: Mapping[str, Any], value: Any) -> Any:
        node = self._node(node)
        if isinstance(value, dict):
            known = self._known(node)
            patterns = list(node.get("patternProperties", {}).values())
            other = patterns[0] if patterns else {}
            return {key: self._coerce(known.get(key, other), item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._coerce(node.get("items", {}), item) for item in value]
        return _coerce_scalar(node.get("type"), value)


@cache
def find(type_name: str, region: str) -> Schema | None:
    """Read the schema of a resource type; None for a type that the region does not have."""
    digest = _index(region).get(type_name)
    if digest is None:
        return None
    return Schema(json.loads((_folder() / "resources" / f"{digest}.json").read_text("utf-8")))


@cache
def _folder() -> Path:
    """Find cfn-lint's data without importing cfn-lint, which takes a second."""
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "cfn-lint, which brings the schemas, is not installed; run make install"
        )
    return Path(spec.origin).parent / "data" / "schemas"


@cache
def _index(region: str) -> Mapping[str, str]:
    """Read which schema file each type has in a region; unknown regions are like us-east-1."""
    path = _folder() / "providers" / f"{region}.json"
    if not path.exists():
        path = path.with_name("us-east-1.json")
    index: Mapping[str, str] = json.loads(path.read_text("utf-8"))
    return index


def _look_up(properties: Any, path: tuple[str, ...]) -> Any:
    """Give the value at a path; "*" stands for every item of a list and ends the path."""
    for key in path:
        if key == "*" or not isinstance(properties, Mapping):
            break
        properties = properties.get(key)
    return properties


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def _fits(node: Mapping[str, Any], value: Any) -> bool:
    types = node.get("type")
    if types is None or isinstance(value, Unresolved):
        return True
    names = [types] if isinstance(types, str) else types
    return any(isinstance(value, _PYTHON_TYPES[name]) for name in names)


def _coerce_scalar(types: str | list[str] | None, value: Any) -> Any:
    """Convert between text, numbers and booleans; other values stay, for the checks to refuse."""
    match types, value:
        case "string", bool():
            return "true" if value else "false"
        case "string", int() | float():
            return str(value)
        case "boolean", str() if value.lower() in ("true", "false"):
            return value.lower() == "true"
        case "integer" | "number", str():
            try:
                return int(value) if types == "integer" else float(value)
            except ValueError:
                return value
        case "integer", float() if value.is_integer():
            return int(value)
    return value
