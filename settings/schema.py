"""How JSON Schema says what a table of TOML may hold, for editors that complete and check it."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema


class TomlSchema(GenerateJsonSchema):
    """A schema without null, which TOML does not have: what is not given is absent.

    A default that is a table or an array is left out as well, since editors would write it down.
    """

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        """Return the schema of a table, in which the settings are described by their docstrings."""
        table = super().model_schema(schema)
        for name, text in docstrings(schema["cls"]).items():
            if name in table.get("properties", {}):
                table["properties"][name]["description"] = text
        return table

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        """Return the schema of what may be absent, as that of what it is."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        """Return a schema with a default that an editor can propose, if there is one."""
        given = super().default_schema(schema)
        if given.get("default", ()) in (None, (), [], {}) or isinstance(given["default"], dict):
            given.pop("default", None)
        return given


def docstrings(table: type[BaseModel]) -> dict[str, str]:
    """Return what stands below each setting of a table.

    pydantic would read it whenever a stage is loaded, which is 0.05 seconds of every synth.
    """
    found: dict[str, str] = {}
    for base in reversed(table.__mro__):
        if base is BaseModel or not issubclass(base, BaseModel):
            continue
        (definition,) = ast.parse(inspect.getsource(base)).body
        assert isinstance(definition, ast.ClassDef)  # noqa: S101 - as getsource has it
        for setting, below in pairwise(definition.body):
            match setting, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[name] = inspect.cleandoc(text)
    return found
