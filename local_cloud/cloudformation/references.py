"""What a template's expressions mention: Ref, Fn::GetAtt and the variables of Fn::Sub."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SUB_VARIABLE = re.compile(r"\$\{([^!][^}]*)\}")
"""A variable in the text of Fn::Sub; ${!Name} is not one: it stands for the text ${Name}."""


@dataclass(frozen=True)
class Reference:
    """One mention of something else: a name, an attribute of it (or none), and where it stands."""

    name: str
    attribute: str | None
    where: str


def references(
    value: Any, where: str = "", conditions: Mapping[str, bool] | None = None
) -> Iterator[Reference]:
    """Yield what a value refers to; with `conditions` only the taken branch of an Fn::If counts."""
    match value:
        case {"Ref": str(name)} if len(value) == 1:
            yield Reference(name, None, where)
        case {"Fn::GetAtt": argument} if len(value) == 1:
            yield Reference(*get_att_target(argument), where)
        case {"Fn::Sub": argument} if len(value) == 1:
            text, variables = sub_parts(argument)
            for name, attribute in sub_targets(text, variables).values():
                yield Reference(name, attribute, where)
            yield from references(variables, where, conditions)
        case {"Fn::If": [str(name), yes, no]} if len(value) == 1 and conditions is not None:
            yield from references(yes if conditions[name] else no, where, conditions)
        case dict():
            for key, item in value.items():
                yield from references(item, f"{where}.{key}" if where else str(key), conditions)
        case list():
            for index, item in enumerate(value):
                yield from references(item, f"{where}[{index}]", conditions)


def get_att_target(argument: Any) -> tuple[str, str]:
    """Split the argument of Fn::GetAtt, a list or "LogicalId.Attribute"."""
    name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    return name, attribute


def sub_parts(argument: Any) -> tuple[str, Mapping[str, Any]]:
    """Give the text of an Fn::Sub, and the variables that it defines itself."""
    return (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])


def sub_targets(text: str, own: Mapping[str, Any]) -> dict[str, tuple[str, str | None]]:
    """Tell what an Fn::Sub's variables refer to, without those that it defines itself."""
    targets = {}
    for variable in SUB_VARIABLE.findall(text):
        if variable not in own:
            name, _, attribute = variable.strip().partition(".")
            targets[variable] = (name, attribute or None)
    return targets
