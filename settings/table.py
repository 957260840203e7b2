"""What all settings of a stage have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

T = TypeVar("T")

Several = Annotated[tuple[T, ...], Field(strict=False)]
"""An array of the file: TOML gives a list, and settings are frozen."""


@dataclass(frozen=True)
class Cfn:
    """The CloudFormation property behind a setting whose name alone does not tell it.

    Below that of its table, with a slash between levels, or from a resource type on; "" if there
    is none. others are what it is where another part of the template takes it.
    """

    name: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a stage."""

    key: str
    """Which setting, relative to the table that reports it, such as "scaling.min_capacity"."""
    got: object
    why: str
    fix: str

    def below(self, table: str) -> Problem:
        """Return the problem as the table around the one that reports it says it."""
        return replace(self, key=f"{table}.{self.key}")


def refuse(problems: Iterable[Problem]) -> None:
    """Raise the one error in which pydantic carries several problems of a table."""
    found = tuple(problems)
    if found:
        raise PydanticCustomError("problems", "settings that cannot work", {"problems": found})


class Settings(BaseModel):
    """A table of the file: frozen, without unknown keys, checked when it is read."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    cloudformation: ClassVar[str] = ""
    """The CloudFormation property that holds those of the settings, such as "TYPE/Properties"."""

    @classmethod
    def paths(cls, name: str) -> list[str]:
        """Return the properties behind a setting, such as "AWS::SageMaker::Model/ExecutionRoleArn".

        The first is the usual one; a setting of Slipway's own has none. Names are written as in
        the annotation: without one, as the setting's own, in snake_case.
        """
        given = next((e for e in cls.model_fields[name].metadata if isinstance(e, Cfn)), Cfn(name))
        return [_below(cls.cloudformation, each) for each in (given.name, *given.others) if each]

    def is_default(self, name: str) -> bool:
        """Whether a setting is what it would be if nobody had written it."""
        return bool(getattr(self, name) == type(self).model_fields[name].default)

    @model_validator(mode="wrap")
    @classmethod
    def _check_rules(
        cls, table: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        settings = handler(table)
        if isinstance(info.context, list):
            # The rules of a table are asked later, so that a problem of one does not hide those
            # of the table around it.
            info.context.append((table, settings))
        else:
            refuse(settings.problems())
        return settings

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with these settings together, each one by itself being right.

        What they contain may break rules of its own, and has reported that itself.
        """
        yield from ()

    def wrong(self, key: str, why: str, fix: str) -> Problem:
        """Return a problem of the setting at a key, which is shown as the file has it."""
        return Problem(key, _shown(self.at(key)), why, fix)

    def at(self, key: str) -> Any:
        """Return the setting at a key, such as "scaling.schedule.0.min_capacity"."""
        value: Any = self
        for part in key.split("."):
            value = value[int(part)] if isinstance(value, tuple) else getattr(value, part)
        return value

    def above_bound(self, key: str, bound_key: str) -> Iterator[Problem]:
        """Yield that a setting is above another one, if both are given."""
        value, bound = self.at(key), self.at(bound_key)
        if value is not None and bound is not None and value > bound:
            why = f"it is above {bound_key}, which is {bound}"
            yield self.wrong(key, why, f"lower it to {bound} or raise {bound_key}")

    def repeated(self, array: str, name: str, why: str, fix: str) -> Iterator[Problem]:
        """Yield settings of an array's tables that have the value of an earlier table's."""
        keys = [f"{array}.{index}.{name}" for index in range(len(self.at(array)))]
        yield from twice([(key, self.at(key)) for key in keys], why, fix)


def twice(
    given: Iterable[tuple[str, Any]], why: str, fix: str, folded: Callable[[Any], Hashable] = str
) -> Iterator[Problem]:
    """Yield the keys whose value an earlier one has; folded tells what counts as the same."""
    seen: set[Hashable] = set()
    for key, value in given:
        if folded(value) in seen:
            yield Problem(key, value, why, fix)
        seen.add(folded(value))


def _shown(value: object) -> object:
    match value:
        case None | ():
            return "missing"
        case bool():
            return str(value).lower()
        case Settings() | tuple():
            return "given"
    return value


def _below(table: str, path: str) -> str:
    """Follow a path from a table's property on, or from a resource type."""
    if path.startswith("AWS::"):
        return path
    place = table.split("/")
    while path.startswith("../"):
        place, path = place[:-1], path[3:]
    return "/".join((*place, path))
