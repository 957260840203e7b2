"""Templates: JSON or YAML text into a sound structure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from local_cloud.cloudformation import wellformed


class TemplateError(Exception):
    """A template that is refused: every problem found, each with its place."""

    def __init__(self, *said: str, where: str = "") -> None:
        self._said, self._where = said, where
        self.problems = [f"{where}: {problem}" if where else problem for problem in said]
        super().__init__("\n".join(self.problems))

    def inside(self, where: str) -> TemplateError:
        """Give the same problems, seen from one level further out."""
        joint = "." if self._where and not self._where.startswith("[") else ""
        return TemplateError(*self._said, where=f"{where}{joint}{self._where}")


@dataclass(frozen=True)
class ResourceDefinition:
    """One entry of a template's Resources."""

    logical_id: str
    body: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.logical_id} ({self.type_name})"

    @property
    def type_name(self) -> str:
        """The resource type, such as AWS::S3::Bucket."""
        return str(self.body["Type"])

    @property
    def properties(self) -> dict[str, Any]:
        """The properties as written, with their intrinsic functions."""
        return self.body.get("Properties") or {}

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The resource's Metadata."""
        return self.body.get("Metadata") or {}

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The logical ids under DependsOn."""
        names = self.body.get("DependsOn") or ()
        return (names,) if isinstance(names, str) else tuple(names)

    @property
    def deletion_policy(self) -> str:
        """What becomes of the resource when it leaves the stack."""
        return str(self.body.get("DeletionPolicy", "Delete"))

    @property
    def update_replace_policy(self) -> str:
        """What becomes of the old resource when a new one replaces it."""
        return str(self.body.get("UpdateReplacePolicy", "Delete"))


@dataclass(frozen=True)
class Template:
    """A template whose form and references are sound. Template.parse makes one."""

    text: str
    body: Mapping[str, Any]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template and check all that does not depend on parameters.

        Raises TemplateError with every problem of its form, functions and references.
        """
        body = _load(text)
        problems = wellformed.problems(body)
        if problems:
            raise TemplateError(*problems)
        return cls(text, body)

    def section(self, name: str) -> Mapping[str, Any]:
        """One section, such as "Parameters"; empty when the template has none."""
        return self.body.get(name) or {}

    @cached_property
    def resources(self) -> Mapping[str, ResourceDefinition]:
        """The resources by logical id, those with a false condition too."""
        entries = self.section("Resources").items()
        return {name: ResourceDefinition(name, body) for name, body in entries}

    @property
    def description(self) -> str:
        """The template's description, or an empty string."""
        return str(self.body.get("Description", ""))


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short tags for functions, dates left as text."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (the base class declares it so)
        first: [rule for rule in rules if rule[0] != "tag:yaml.org,2002:timestamp"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Read every key as text, such as an account's number or a condition named Yes."""
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


def _short_tag(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    argument: Any
    if isinstance(node, yaml.ScalarNode):
        argument = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        argument = loader.construct_mapping(node, deep=True)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": argument}


_Loader.add_multi_constructor("!", _short_tag)


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass  # JSON is tried first: a large template takes YAML's parser a second.
    try:
        return yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader with the short tags)
    except yaml.YAMLError as error:
        raise TemplateError(f"the template is neither JSON nor YAML: {error}") from None
