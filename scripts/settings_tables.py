"""The settings of a stage as rows of a table: type, unit, default, and CloudFormation property."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic.fields import FieldInfo

from local_cloud.cloudformation.schemas import find
from settings.metrics import NamedMetric
from settings.schema import TomlSchema, docstrings
from settings.table import Settings

_UNITS = {
    "_seconds": "seconds",
    "_in_mb": "MB",
    "_in_gb": "GB",
    "_percent": "percent",
    "_per_minute": "per minute",
    "cooldown": "seconds",
    "period": "seconds",
}
# What text must look like, in words: if you change a pattern, change its words too.
_PATTERNS = {
    r"^[a-z]{2,4}(-[a-z]+)+-\d$": "a region's name",
    r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$": "letters, digits and, between them, hyphens",
    r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$": 'an instance type, "ml.FAMILY.SIZE", that the region offers',
    r"^s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/[^*?$]*)?$": '"s3://BUCKET" or "s3://BUCKET/PREFIX/"',
    r"^[0-9]{12}$": "12 digits",
    r"^[a-z0-9]+([._/-]+[a-z0-9]+)*$": "lower-case letters, digits and, between them, . _ - and /",
    r"^(\w[\w.-]{0,127}|sha256:[0-9a-f]{64})$": (
        'letters, digits, _ . and -, up to 128 characters; or "sha256:" and 64 hexadecimal digits'
    ),
    r"^[\w.-]+$": "letters, digits, _ . and -",
    r"^[^:/|\s]([^:/|]*[^:/|\s])?$": "text without : / and |",
    r"^arn:aws[a-z-]*:sns:[a-z0-9-]*:[0-9]{12}:[a-zA-Z0-9_.-]+$": "a topic's ARN",
    r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:[a-z0-9-]{1,14}/.*$": "a reservation's ARN",
}
# More values than these are not listed in a row.
_LISTED = 8


class UnknownPropertyError(Exception):
    """A setting that names a property that CloudFormation does not have."""


@dataclass(frozen=True)
class Row:
    """One setting."""

    name: str
    type: str
    unit: str
    default: str
    about: str
    """What it is, and when to change it."""
    cloudformation: str
    """The property's path, such as "AWS::CloudWatch::Alarm/Threshold", or "" if there is none."""


def rows(tables: Sequence[type[Settings]], *, shared: bool) -> Iterator[Row]:
    """Yield the settings that all of several tables have, or those that only the first has."""
    first, *others = tables
    schemas, texts = [_schema(table) for table in tables], docstrings(first)
    for name, field in first.model_fields.items():
        if others and all(name in table.model_fields for table in others) != shared:
            continue
        types = [schema["properties"][name] for schema in schemas if name in schema["properties"]]
        yield Row(
            name,
            " or ".join(dict.fromkeys(_type(each) for each in types)),
            next((unit for end, unit in _UNITS.items() if name.endswith(end)), "-"),
            _default(field),
            _about(texts[name]),
            property_of(first, name),
        )


def property_of(table: type[Settings], name: str) -> str:
    """Return the property behind a setting as the registry spells it. Raises UnknownPropertyError.

    Its path, such as "AWS::CloudWatch::Alarm/Threshold"; "" for a setting of Slipway's own.
    """
    try:
        return next((spelled(path) for path in table.paths(name)), "")
    except UnknownPropertyError as error:
        raise UnknownPropertyError(f"{table.__name__}.{name}: {error}") from None


def spelled(path: str) -> str:
    """Return a property's path as the registry spells it. Raises UnknownPropertyError."""
    type_name, *names = path.split("/")
    schema = find(type_name, "us-east-1")
    if schema is None:
        raise UnknownPropertyError(f"{type_name!r} is not a resource type of CloudFormation")
    node, known = schema.body, [type_name]
    for name in names:
        properties = _below(schema.body, node)
        spelling = {each.lower(): each for each in properties}.get(name.replace("_", "").lower())
        if spelling is None:
            listed = ", ".join(properties)
            raise UnknownPropertyError(f"{'/'.join(known)} has no {name!r}; it has {listed}")
        node, known = properties[spelling], [*known, spelling]
    return "/".join(known)


def _below(body: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of what a node describes, or of the items of its list."""
    while "$ref" in node or "items" in node:
        if "items" in node:
            node = node["items"]
            continue
        target: Any = body
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target
    properties: dict[str, Any] = node.get("properties", {})
    return properties


def _schema(table: type[Settings]) -> dict[str, Any]:
    return table.model_json_schema(schema_generator=TomlSchema)


def _type(schema: dict[str, Any]) -> str:
    """Say in words what a setting may be, its bounds included."""
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[several]))
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return _one_of(schema["enum"])
    match schema["type"]:
        case "array":
            return f"array of {_type(schema['items'])}{_counted(schema, 'Items')}"
        case "object":
            inner = schema.get("additionalProperties") or {}
            patterns = [*schema.get("patternProperties", {}).values()]
            return f"table of {_type(patterns[0] if patterns else inner)}"
        case "boolean":
            return "`true` or `false`"
        case "string":
            return _text(schema)
        case number:
            return f"{number}{_range(schema)}"


def title(table: type[Settings] | str) -> str:
    """Return the heading of a table's chapter, by the table or its name."""
    name = table if isinstance(table, str) else table.__name__
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace("CloudWatch", "Cloudwatch"))
    return words.capitalize().replace("Cloudwatch", "CloudWatch")


def _link(name: str) -> str:
    words = title(name).lower()
    return f"[{words.replace('cloudwatch', 'CloudWatch')}](#{words.replace(' ', '-')})"


def _one_of(values: Sequence[object]) -> str:
    texts = [f"`{json.dumps(each)}`" for each in values]
    if set(get_args(NamedMetric)) == set(values):
        return "[a metric's name](#metrics)"
    if len(texts) > _LISTED:
        return f"one of {len(texts)} names"
    return f"one of {', '.join(texts)}"


def _text(schema: dict[str, Any]) -> str:
    if "format" in schema:
        return {"path": "path", "date-time": "date and time"}[schema["format"]]
    kind = _PATTERNS[schema["pattern"]] if "pattern" in schema else "text"
    return f"{kind}{_counted(schema, 'Length')}"


def _counted(schema: dict[str, Any], what: str) -> str:
    """Say how many items or characters there may be."""
    unit = " characters" if what == "Length" else ""
    low, high = schema.get(f"min{what}", 0), schema.get(f"max{what}")
    if high is None:
        return f", {low} or more{unit}" if low else ""
    return f", {low} to {high}{unit}" if low else f", up to {high}{unit}"


def _range(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = (
        f"{low:g} to {high:g}"
        if low is not None and high is not None
        else f"{low:g} or more"
        if low is not None
        else f"up to {high:g}"
        if high is not None
        else ""
    )
    strict = [
        f"{word} {schema[key]:g}"
        for key, word in (("exclusiveMinimum", "above"), ("exclusiveMaximum", "below"))
        if key in schema
    ]
    steps = [f"a multiple of {schema['multipleOf']}"] if "multipleOf" in schema else []
    return "".join(f", {part}" for part in (bounds, *strict, *steps) if part)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    if value is None or value in ((), {}):
        return "absent"
    if isinstance(value, Settings):
        return "its defaults"
    return f"`{json.dumps(value, default=str)}`"


def _about(text: str) -> str:
    """Return a docstring in one line: what the setting is, then when to change it."""
    what, _, when = (" ".join(part.split()) for part in text.partition("\n\n"))
    return f"{what}<br>*{when}*" if when else what
