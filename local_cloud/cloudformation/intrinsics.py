"""Intrinsic functions: a template's expressions into values."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_cloud.cloudformation.references import (
    SUB_VARIABLE,
    get_att_target,
    sub_parts,
    sub_targets,
)
from local_cloud.cloudformation.template import Template, TemplateError

NO_VALUE = object()
"""What AWS::NoValue stands for: the property or list item that holds it disappears."""


@dataclass(frozen=True)
class Unresolved:
    """A value that is known only once a resource exists, such as "Key.Arn"."""

    source: str


@dataclass(frozen=True)
class Scope:
    """What expressions are evaluated against.

    `parameters` has the pseudo parameters as well. `lookup` gives the Ref (attribute None) or an
    attribute of a resource, and may answer Unresolved. `exports` are those of other stacks.
    """

    template: Template
    parameters: Mapping[str, Any]
    lookup: Callable[[str, str | None], Any]
    exports: Mapping[str, str] = field(default_factory=dict)
    imported: set[str] = field(default_factory=set)
    """The names of the exports that were asked for so far."""
    _conditions: dict[str, bool | None] = field(default_factory=dict)

    def condition(self, name: str) -> bool:
        """Evaluate one of the template's conditions, once."""
        if name not in self._conditions:
            self._conditions[name] = None
            try:
                self._conditions[name] = truth(self.template.section("Conditions")[name], self)
            except TemplateError as error:
                raise error.inside(f"Conditions.{name}") from None
        value = self._conditions[name]
        if value is None:
            raise TemplateError(f"Conditions.{name}: the condition depends on itself")
        return value

    def conditions(self) -> Mapping[str, bool]:
        """Evaluate all conditions of the template."""
        return {name: self.condition(name) for name in self.template.section("Conditions")}


def resolve(value: Any, scope: Scope) -> Any:
    """Evaluate every function in a value; what is not yet known comes back as Unresolved.

    Raises TemplateError, which names the place within the value.
    """
    if isinstance(value, dict):
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return _ref(argument, scope)
            if name in _LAZY:
                return _LAZY[name](argument, scope)
            if name in _FUNCTIONS:
                return _call(name, argument, scope)
        items = {key: _at(str(key), item, scope) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not NO_VALUE}
    if isinstance(value, list):
        members = [_at(f"[{index}]", item, scope) for index, item in enumerate(value)]
        return [item for item in members if item is not NO_VALUE]
    return value


def truth(value: Any, scope: Scope) -> bool:
    """Evaluate a condition or an assertion."""
    match value:
        case {"Condition": str(name)} if len(value) == 1:
            return scope.condition(name)
    result = resolve(value, scope)
    if not isinstance(result, bool):
        raise TemplateError(f"{result!r} is not a condition")
    return result


def unresolved(value: Any) -> Unresolved | None:
    """Find something Unresolved within a value."""
    if isinstance(value, Unresolved):
        return value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for found in map(unresolved, items) if found), None)


def _at(key: str, value: Any, scope: Scope) -> Any:
    try:
        return resolve(value, scope)
    except TemplateError as error:
        raise error.inside(key) from None


def _call(name: str, argument: Any, scope: Scope) -> Any:
    resolved = _at(name, argument, scope)
    waiting = unresolved(resolved)
    if waiting:
        return waiting
    try:
        return _FUNCTIONS[name](resolved, scope)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise TemplateError(f"{name}: {error} (argument: {resolved!r})") from None


def _ref(name: str, scope: Scope) -> Any:
    if name == "AWS::NoValue":
        return NO_VALUE
    if name in scope.parameters:
        return scope.parameters[name]
    return scope.lookup(name, None)


def _get_att(argument: Any, scope: Scope) -> Any:
    return scope.lookup(*get_att_target(argument))


def _if(argument: Any, scope: Scope) -> Any:
    name, yes, no = argument
    return resolve(yes if scope.condition(name) else no, scope)


def _sub(argument: Any, scope: Scope) -> Any:
    text, own = sub_parts(argument)
    values = _at("Fn::Sub", dict(own), scope)
    for variable, (name, attribute) in sub_targets(text, own).items():
        values[variable] = scope.lookup(name, attribute) if attribute else _ref(name, scope)
    waiting = unresolved(values)
    if waiting:
        return waiting
    # Split at the variables: values may hold "${!" themselves, which must stay.
    parts = SUB_VARIABLE.split(text)
    literals = [part.replace("${!", "${") for part in parts[::2]]
    texts = [_text(values[variable]) for variable in parts[1::2]]
    return "".join(part for pair in zip(literals, [*texts, ""], strict=True) for part in pair)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TemplateError(f"{value!r} is not text")


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return [_text(item) for item in value]


def _join(argument: Any, _: Scope) -> str:
    delimiter, items = argument
    return _text(delimiter).join(_strings(items))


def _select(argument: Any, _: Scope) -> Any:
    index, items = int(argument[0]), argument[1]
    if not 0 <= index < len(items):
        raise IndexError(f"item {index} does not exist in a list of {len(items)}")
    return items[index]


def _find_in_map(argument: Any, scope: Scope) -> Any:
    value: Any = scope.template.section("Mappings")
    for key in argument:
        if _text(key) not in value:
            raise KeyError(
                f"the mapping has no {_text(key)!r}; it has {', '.join(map(str, value))}"
            )
        value = value[_text(key)]
    return value


def _import_value(name: Any, scope: Scope) -> str:
    if name not in scope.exports:
        raise TemplateError(f"No export named {name} found.")
    scope.imported.add(name)
    return scope.exports[name]


def _equals(argument: Any, _: Scope) -> bool:
    left, right = argument
    plain = (str, int, float, bool)
    if isinstance(left, plain) and isinstance(right, plain):
        return _text(left) == _text(right)
    return bool(left == right)


def _zones(argument: Any, scope: Scope) -> list[str]:
    """Give zones a to c: every region has zones with these names, or offers zones under them."""
    region = argument or scope.parameters["AWS::Region"]
    return [f"{region}{zone}" for zone in "abc"]


_LAZY: Mapping[str, Callable[[Any, Scope], Any]] = {
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::Sub": _sub,
    "Fn::And": lambda items, scope: all(truth(item, scope) for item in items),
    "Fn::Or": lambda items, scope: any(truth(item, scope) for item in items),
    "Fn::Not": lambda items, scope: not truth(items[0], scope),
}
"""Functions that decide themselves which of their arguments are evaluated, and how."""

_FUNCTIONS: Mapping[str, Callable[[Any, Scope], Any]] = {
    "Fn::Base64": lambda text, _: base64.b64encode(_text(text).encode()).decode(),
    "Fn::Contains": lambda pair, _: _text(pair[1]) in _strings(pair[0]),
    "Fn::EachMemberEquals": lambda pair, _: set(_strings(pair[0])) <= {_text(pair[1])},
    "Fn::EachMemberIn": lambda pair, _: set(_strings(pair[0])) <= set(_strings(pair[1])),
    "Fn::Equals": _equals,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _zones,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": lambda pair, _: _text(pair[1]).split(_text(pair[0])),
}
"""Functions of values: their arguments are evaluated first."""
