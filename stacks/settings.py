"""What all settings of a stage have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from stacks.stage_errors import Problem, refuse


class Settings(BaseModel):
    """A table of the file: frozen, without unknown keys, checked when it is read."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        refuse(self.problems())
        return self

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with these settings together, each one by itself being right."""
        yield from ()
