"""What must be true of a template before its parameters are known."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from local_cloud.cloudformation.references import Reference, references

Body = Mapping[str, Any]

_ENTRIES = ("Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs")
_SECTIONS = ("AWSTemplateFormatVersion", "Description", "Metadata", *_ENTRIES)
_RESOURCE_KEYS = (
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "Metadata",
    "DeletionPolicy",
    "UpdateReplacePolicy",
)
_POLICIES = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate"),
    "UpdateReplacePolicy": ("Delete", "Retain"),
}
_PSEUDO_PARAMETERS = (
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
)
_FUNCTIONS: Mapping[str, Collection[int] | None] = {
    "Fn::And": range(2, 11),
    "Fn::Base64": None,
    "Fn::Contains": (2,),
    "Fn::EachMemberEquals": (2,),
    "Fn::EachMemberIn": (2,),
    "Fn::Equals": (2,),
    "Fn::FindInMap": (3,),
    "Fn::GetAZs": None,
    "Fn::GetAtt": None,
    "Fn::If": (3,),
    "Fn::ImportValue": None,
    "Fn::Join": (2,),
    "Fn::Not": (1,),
    "Fn::Or": range(2, 11),
    "Fn::Select": (2,),
    "Fn::Split": (2,),
    "Fn::Sub": None,
}
"""The functions, each with the lengths that its list may have; None if it takes other values."""


def problems(body: Any) -> list[str]:
    """List everything wrong with a template's form; when that is right, its dangling references."""
    if not isinstance(body, dict):
        return ["the template is not a mapping"]
    return list(_malformed(body)) or list(_dangling(body))


def nearest(name: str, known: Collection[str]) -> list[str]:
    """Sort what is known by its likeness to a name: those alike first, then the others by name."""
    names = sorted(set(known))
    alike = get_close_matches(name, names, n=3)
    return alike + [other for other in names if other not in alike]


def _malformed(body: Body) -> Iterator[str]:
    for name in body:
        if name not in _SECTIONS:
            yield f"{name}: not supported; a template's sections are {', '.join(_SECTIONS)}"
    if not body.get("Resources"):
        yield "Resources: at least one resource is needed"
    for section in _ENTRIES:
        entries = body.get(section) or {}
        if not isinstance(entries, dict):
            yield f"{section}: not a mapping"
            continue
        for name, entry in entries.items():
            for problem in _malformed_entry(section, entry):
                yield f"{section}.{name}{problem}"
    yield from _malformed_functions(body, "")


def _malformed_entry(section: str, entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield ": not a mapping"
    elif section == "Resources":
        yield from _malformed_resource(entry)
    elif section == "Outputs" and "Value" not in entry:
        yield ": Value is missing"


def _malformed_resource(entry: Body) -> Iterator[str]:
    if not isinstance(entry.get("Type"), str):
        yield ": Type is missing"
    for key in entry:
        if key not in _RESOURCE_KEYS:
            yield f".{key}: not supported; a resource's keys are {', '.join(_RESOURCE_KEYS)}"
    if not isinstance(entry.get("Properties") or {}, dict):
        yield ".Properties: not a mapping"
    for key, allowed in _POLICIES.items():
        if entry.get(key, "Delete") not in allowed:
            yield f".{key}: {entry[key]!r} is not supported; use {' or '.join(allowed)}"


def _malformed_functions(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            inner = f"{where}.{key}" if where else str(key)
            wrong = _malformed_function(value, str(key), item)
            if wrong:
                yield f"{inner}: {wrong}"
            elif inner != "Metadata" and not _is_resource_metadata(inner):
                yield from _malformed_functions(item, inner)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _malformed_functions(item, f"{where}[{index}]")


def _is_resource_metadata(where: str) -> bool:
    parts = where.split(".")
    return len(parts) == 3 and parts[0] == "Resources" and parts[2] == "Metadata"


def _malformed_function(holder: Body, key: str, argument: Any) -> str | None:
    if key == "Ref":
        return None if isinstance(argument, str) else "Ref takes a name"
    if not key.startswith("Fn::"):
        return None
    if key not in _FUNCTIONS:
        return f"the function {key} is not supported; nearest: {nearest(key, _FUNCTIONS)[0]}"
    if len(holder) != 1:
        return f"{key} cannot stand beside other keys"
    if not _argument_fits(key, argument):
        return f"{json.dumps(argument, default=str)[:80]} is not what {key} takes"
    return None


def _argument_fits(function: str, argument: Any) -> bool:
    match function, argument:
        case "Fn::GetAtt", str():
            return "." in argument
        case "Fn::GetAtt", _:
            return isinstance(argument, list) and [type(item) for item in argument] == [str, str]
        case "Fn::Sub", str() | [str(), dict()]:
            return True
        case "Fn::Sub", _:
            return False
        case "Fn::If", [condition, _, _]:
            return isinstance(condition, str)
    lengths = _FUNCTIONS[function]
    return lengths is None or (isinstance(argument, list) and len(argument) in lengths)


def _dangling(body: Body) -> Iterator[str]:
    resources = body["Resources"]
    parameters = {*(body.get("Parameters") or {}), *_PSEUDO_PARAMETERS}
    conditions = body.get("Conditions") or {}
    for section in _ENTRIES:
        for name, entry in (body.get(section) or {}).items():
            live = {key: value for key, value in entry.items() if key != "Metadata"}
            where, is_logic = f"{section}.{name}", section in ("Conditions", "Rules")
            for condition in _conditions_in(live, where, is_logic=is_logic):
                if condition.name not in conditions:
                    yield f"{condition.where}: the condition {condition.name!r} does not exist"
            for reference in references(live, where):
                yield from _unknown(reference, {} if is_logic else resources, parameters)
    for name, entry in resources.items():
        depends_on = entry.get("DependsOn") or ()
        for other in (depends_on,) if isinstance(depends_on, str) else depends_on:
            if other not in resources:
                yield f"Resources.{name}.DependsOn: the resource {other!r} does not exist"


def _unknown(
    reference: Reference, resources: Collection[str], parameters: Collection[str]
) -> Iterator[str]:
    known = {*resources} if reference.attribute else {*resources, *parameters}
    if reference.name not in known:
        kind = "resource" if reference.attribute else "parameter or resource"
        near = nearest(reference.name, known)
        yield (
            f"{reference.where}: no {kind} with the name {reference.name!r} can be used here"
            + (f"; nearest: {near[0]}" if near else "")
        )


def _conditions_in(value: Any, where: str, *, is_logic: bool) -> Iterator[Reference]:
    """Yield mentions of conditions; outside logic, an inner Condition is only a property."""
    match value:
        case {"Fn::If": [str(name), *_]}:
            yield Reference(name, None, where)
        case {"Condition": str(name)} if is_logic or where.count(".") == 1:
            yield Reference(name, None, where)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _conditions_in(item, f"{where}.{key}", is_logic=is_logic)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _conditions_in(item, f"{where}[{index}]", is_logic=is_logic)
