"""From settings to CloudFormation: a setting becomes the property in its annotation.

A new setting is therefore one field. Names are those of the CDK's L1 constructs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from settings.table import Settings


def properties(settings: Settings, within: str = "", **computed: Any) -> dict[str, Any]:
    """Return the properties that a table sets, in camelCase, and the computed ones.

    They lie below within, a path such as "AWS::SageMaker::EndpointConfig/ProductionVariants", or
    below the table's own property. A setting that leaves its value to AWS is left out. A computed
    property replaces a setting's; None removes it.
    """
    within = f"{within or settings.cloudformation}/"
    found: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        given = getattr(settings, name)
        value = _rendered(given)
        if given in (None, ()) or value == {} or value is field.default is False:
            continue
        for path in settings.paths(name):
            if path.startswith(within):
                *outer, leaf = map(_camel, path.removeprefix(within).split("/"))
                at = found
                for part in outer:
                    at = at.setdefault(part, {})
                at[leaf] = value
    return {name: value for name, value in (found | computed).items() if value is not None}


def arguments(settings: Settings, within: str = "", **computed: Any) -> dict[str, Any]:
    """Return the same properties as arguments of an L1 construct: outer names in snake_case."""
    found = properties(settings, within, **computed)
    return {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower(): found[name] for name in found}


def _rendered(value: Any) -> Any:
    match value:
        case Settings():
            return properties(value)
        case tuple():
            return [_rendered(each) for each in value]
        case Mapping():
            return [{"name": name, "value": each} for name, each in value.items()]
    return value


def _camel(name: str) -> str:
    """Spell a name as the CDK does: "RoutingConfig" and "volume_size_in_gb" as routingConfig, …"""
    first, *rest = name.split("_")
    return first[:1].lower() + first[1:] + "".join(part.capitalize() for part in rest)
