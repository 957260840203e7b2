"""How JSON Schema says what a table of TOML may hold, for editors that complete and check it."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema


class TomlSchema(GenerateJsonSchema):
    """A schema without null, which TOML does not have: what is not given is absent.

    A default that is a table or an array is left out as well, since editors would write it down.
    """

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        """Return the schema of what may be absent, as that of what it is."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        """Return a schema with a default that an editor can propose, if there is one."""
        given = super().default_schema(schema)
        if given.get("default", ()) in (None, (), [], {}) or isinstance(given["default"], dict):
            given.pop("default", None)
        return given
