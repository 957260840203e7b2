"""Template parameters, checked and turned into values; and the template's rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud.cloudformation.intrinsics import Scope, truth
from local_cloud.cloudformation.template import Template, TemplateError

_SSM_TYPE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a stack: the text that was given and the value that Ref answers."""

    given: str
    value: str | list[str]
    no_echo: bool = False
    from_ssm: bool = False

    def describe(self, name: str) -> dict[str, str]:
        """Give the parameter as DescribeStacks shows it."""
        if self.no_echo:
            return {"ParameterKey": name, "ParameterValue": "****"}
        shown = {"ParameterKey": name, "ParameterValue": self.given}
        if self.from_ssm:
            value = self.value
            shown["ResolvedValue"] = value if isinstance(value, str) else ",".join(value)
        return shown


def settle(
    template: Template,
    given: Sequence[Mapping[str, Any]],
    previous: Mapping[str, Parameter],
    read_ssm: Callable[[str], str],
) -> dict[str, Parameter]:
    """Decide every parameter's value: given, previous or default.

    `read_ssm` gives the value of a Systems Manager parameter and raises KeyError if it does not
    exist. Raises TemplateError with every problem.
    """
    declared = template.section("Parameters")
    entries = {entry["ParameterKey"]: entry for entry in given}
    problems = [
        f"Parameters: [{name}] do not exist in the template"
        for name in entries
        if name not in declared
    ]
    settled = {}
    for name, declaration in declared.items():
        try:
            text = _given(entries.get(name), declaration, previous.get(name))
            settled[name] = _parameter(text, declaration, read_ssm)
        except TemplateError as error:
            problems += error.inside(f"Parameters.{name}").problems
    if problems:
        raise TemplateError(*problems)
    return settled


def _given(
    entry: Mapping[str, Any] | None, declaration: Mapping[str, Any], previous: Parameter | None
) -> str:
    if entry is not None and entry.get("UsePreviousValue"):
        if previous is not None:
            return previous.given
    elif entry is not None and "ParameterValue" in entry:
        return str(entry["ParameterValue"])
    if "Default" not in declaration:
        raise TemplateError("a value is needed: the parameter has no default")
    default = declaration["Default"]
    if isinstance(default, bool):
        return "true" if default else "false"
    return str(default)


def _parameter(
    text: str, declaration: Mapping[str, Any], read_ssm: Callable[[str], str]
) -> Parameter:
    problems = list(_broken_constraints(text, declaration))
    if problems:
        raise TemplateError(*problems)
    kind = str(declaration.get("Type", "String"))
    ssm = _SSM_TYPE.fullmatch(kind)
    value = text
    if ssm:
        kind = ssm[1]
        try:
            value = read_ssm(text)
        except KeyError:
            raise TemplateError(
                f"Unable to fetch parameters [{text}] from parameter store for this account."
            ) from None
    is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
    return Parameter(
        given=text,
        value=[item.strip() for item in value.split(",")] if is_list else value,
        no_echo=str(declaration.get("NoEcho", False)).lower() == "true",
        from_ssm=ssm is not None,
    )


def _broken_constraints(text: str, declaration: Mapping[str, Any]) -> Iterator[str]:
    said = declaration.get("ConstraintDescription")
    for broken in _constraints(text, declaration):
        yield f"{broken}: {said}" if said else broken


def _constraints(text: str, declaration: Mapping[str, Any]) -> Iterator[str]:
    kind = declaration.get("Type", "String")
    items = text.split(",") if kind in ("CommaDelimitedList", "List<Number>") else [text]
    allowed = [_plain(value) for value in declaration.get("AllowedValues", ())]
    pattern = declaration.get("AllowedPattern")
    for item in map(str.strip, items):
        if allowed and item not in allowed:
            yield f"{item!r} is not one of {', '.join(allowed)}"
        if pattern is not None and not re.fullmatch(pattern, item):
            yield f"{item!r} does not match the pattern {pattern}"
        if kind in ("Number", "List<Number>"):
            yield from _number_constraints(item, declaration)
    if len(text) < int(declaration.get("MinLength", 0)):
        yield f"{text!r} is shorter than {declaration['MinLength']}"
    if "MaxLength" in declaration and len(text) > int(declaration["MaxLength"]):
        yield f"{text!r} is longer than {declaration['MaxLength']}"


def _number_constraints(item: str, declaration: Mapping[str, Any]) -> Iterator[str]:
    try:
        number = float(item)
    except ValueError:
        yield f"{item!r} is not a number"
        return
    if "MinValue" in declaration and number < float(declaration["MinValue"]):
        yield f"{item} is less than {declaration['MinValue']}"
    if "MaxValue" in declaration and number > float(declaration["MaxValue"]):
        yield f"{item} is more than {declaration['MaxValue']}"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def broken_rules(scope: Scope) -> Iterator[str]:
    """Yield the assertions of the template's Rules that do not hold."""
    for name, rule in scope.template.section("Rules").items():
        try:
            if "RuleCondition" in rule and not truth(rule["RuleCondition"], scope):
                continue
            for assertion in rule.get("Assertions", ()):
                if not truth(assertion["Assert"], scope):
                    said = assertion.get("AssertDescription", "the assertion does not hold")
                    yield f"Rules.{name}: {said}"
        except TemplateError as error:
            yield from error.inside(f"Rules.{name}").problems
