"""What is said of a value that a setting does not take: in what it is wrong, and what to write."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic.fields import FieldInfo
from pydantic_core.core_schema import ErrorType

from settings.corrections import FIXES, wrong_characters
from settings.errors import StageError
from settings.stage import ModelName, Stage

DOCUMENT = """
region = "eu-central-1"
[model]
framework = "sklearn"
version = "1.9-0"
network_isolation = false
environment = { A = "b" }
[endpoint]
name = "a"
[[endpoint.variants]]
instance_type = "ml.m5.large"
initial_instance_count = 2
initial_variant_weight = 1
[endpoint.variants.scaling]
min_capacity = 2
max_capacity = 4
targets = [{ metric = "InvocationsPerInstance", value = 60 }]
[[endpoint.variants.scaling.schedule]]
name = "morning"
schedule = "rate(12 hours)"
min_capacity = 3
[endpoint.update]
policy = "CANARY"
"""
OWN = 'framework = "sklearn"\nversion = "1.9-0"'

# For each of pydantic's errors: what to change in the document, and what is said.
WRONG = {
    "bool_type": ("isolation = false", "isolation = 1", "write true or false, without quotes"),
    "datetime_type": (
        'name = "morning"',
        'name = "morning"\nstart_time = 2027-01-31',
        "start_time is 2027-01-31: it cannot be used; write like 2027-01-31T08:00:00Z",
    ),
    "dict_type": ('{ A = "b" }', '"A=b"', "write a table, [model.environment]"),
    "finite_number": ("value = 60", "value = nan", "write a finite number"),
    "float_parsing": ("value = 60", 'value = "many"', "write a number, without quotes"),
    "float_type": ("value = 60", "value = []", "write a number, without quotes"),
    "greater_than": ("value = 60", "value = 0", "write a number above 0"),
    "greater_than_equal": ("_count = 2", "_count = 0", "write 1 or more"),
    "int_parsing_size": (
        'instance_type = "ml.m5.large"\ninitial_instance_count = 2',
        f"memory_size_in_mb = {10**30}\nmax_concurrency = 5",
        "write a smaller number",
    ),
    "int_type": ("_count = 2", '_count = "2"', "write a whole number, without quotes"),
    "less_than": (
        'policy = "CANARY"',
        'policy = "CANARY"\nrollback = { max_5xx_percent = 100 }',
        "write a number below 100",
    ),
    "less_than_equal": (
        "initial_instance_count = 2",
        "initial_instance_count = 2\ncontainer_startup_health_check_timeout_in_seconds = 9999",
        "write 3600 or less",
    ),
    "literal_error": ('"CANARY"', '"sing"', 'write "ALL_AT_ONCE", "CANARY", "LINEAR" or "ROLLING"'),
    "missing": ('region = "eu-central-1"', "", "region is missing: it is required; add it"),
    "model_type": ('policy = "CANARY"', "", "write a table, [endpoint.update]"),
    "path_type": (OWN, "dockerfile = []", "write a path, in quotes"),
    "string_pattern_mismatch": ('name = "a"', 'name = ""', 'write like "my-iris-2"'),
    "string_too_long": (OWN, f'image = "{"x" * 256}"', "write 255 characters at the most"),
    "string_too_short": (OWN, 'repository = "a"\ntag = "b"', "write 2 characters or more"),
    "string_type": ('name = "a"', "name = []", "write text, in quotes"),
    "too_long": (
        'name = "a"',
        f'name = "a"\npipeline = {["a"] * 16}',
        "write 15 at the most",
    ),
    "too_short": (
        "targets = [",
        'steps = [{ metric = "CPUUtilization", name = "a", step_adjustments = [] }]\ntargets = [',
        "write 1 or more",
    ),
    "tuple_type": ('name = "a"', 'name = "a"\npipeline = "a"', "write an array, in brackets"),
}
CONSTRAINTS = {
    "gt": "greater_than",
    "ge": "greater_than_equal",
    "lt": "less_than",
    "le": "less_than_equal",
    "multiple_of": "multiple_of",
    "pattern": "string_pattern_mismatch",
    "custom_error_type": "path_type",
}
KINDS = {
    "bool": {"bool_type"},
    "datetime": {"datetime_type"},
    "dict": {"dict_type"},
    "float": {"float_type", "float_parsing", "finite_number"},
    "int": {"int_type"},
    "literal": {"literal_error", "int_parsing_size"},
    "model": {"model_type"},
    # A key that is not known, extra_forbidden, is told where it belongs instead: test_errors.py.
    "model-fields": {"missing"},
    "str": {"string_type"},
    "tuple": {"tuple_type"},
}
WITHOUT_ERRORS = {
    "default", "definition-ref", "definitions", "function-after", "function-before",
    "function-plain", "function-wrap", "is-instance", "json-or-python", "lax-or-strict",
    "model-field", "no-info", "nullable", "tagged-union", "union", "with-info",
}  # fmt: skip
"""Which pass on the errors of what is in them, or raise those that our own functions make."""


def error_types(schema: Any) -> Iterator[str]:
    """Yield the types of the errors that a schema of pydantic's can produce."""
    if isinstance(schema, list | tuple):
        for each in schema:
            yield from error_types(each)
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if isinstance(kind, str):
        assert kind in KINDS or kind in WITHOUT_ERRORS, f"which errors does {kind} produce?"
        yield from KINDS.get(kind, set())
        yield from (error for name, error in CONSTRAINTS.items() if schema.get(name) is not None)
        too = "string_too" if kind == "str" else "too"
        yield from (f"{too}_short" for _ in range("min_length" in schema))
        yield from (f"{too}_long" for _ in range("max_length" in schema))
    for each in schema.values():
        yield from error_types(each)


def said_of(document: str) -> str:
    with pytest.raises(StageError) as caught:
        Stage.read(tomllib.loads(document), Path("wrong.toml"))
    return str(caught.value)


def test_every_error_that_the_settings_can_produce_has_a_sentence_and_an_example() -> None:
    assert set(error_types(Stage.__pydantic_core_schema__)) == FIXES.keys() == WRONG.keys()
    # Pydantic makes path_type of the errors of a union, and it alone is in no list of its.
    assert FIXES.keys() - {"path_type"} <= set(get_args(ErrorType))


@pytest.mark.parametrize("error", WRONG)
def test_an_error_says_what_to_write(error: str) -> None:
    old, new, said = WRONG[error]
    assert old in DOCUMENT
    document = DOCUMENT.replace(old, new)
    if error == "model_type":
        document = document.replace("[endpoint.update]", "").replace(
            'name = "a"', 'name = "a"\nupdate = 1'
        )
    if error == "int_parsing_size":
        document = document.replace('name = "a"', 'name = "a"\nmode = "serverless"')
    assert said in said_of(document)


def test_text_that_must_look_like_something_has_an_example_of_it() -> None:
    fields = [FieldInfo.from_annotation(ModelName), *_fields(Stage, set())]
    patterned = [each for each in fields if any(hasattr(m, "pattern") for m in each.metadata)]
    assert len(patterned) > 5
    assert all(each.examples for each in patterned)


def _fields(table: Any, seen: set[Any]) -> Iterator[FieldInfo]:
    for field in table.model_fields.values() if table not in seen else ():
        seen.add(table)
        yield from _inside(field, seen)


def _inside(part: Any, seen: set[Any]) -> Iterator[FieldInfo]:
    """Yield a setting, and those of the tables in it."""
    if isinstance(part, FieldInfo):
        yield part
        yield from _inside(part.annotation, seen)
    if hasattr(part, "model_fields"):
        yield from _fields(part, seen)
    for each in get_args(part):
        yield from _inside(each, seen)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"1.9-0"', "1.9", 'model.version is 1.9: the quotes are missing; write version = "1.9"'),
        ('"1.9-0"', "2", 'model.version is 2: the quotes are missing; write version = "2"'),
        ('name = "a"', "name = true", 'the quotes are missing; write name = "true"'),
        ('A = "b"', "A = 1", 'model.environment.A is 1: the quotes are missing; write A = "1"'),
        ('name = "a"', 'name = "a"\npipeline = [1, "b"]', 'the quotes are missing; write "1"'),
        (OWN, "dockerfile = 2027-01-31", 'write dockerfile = "2027-01-31"'),
    ],
)
def test_text_without_its_quotes_is_shown_with_them(old: str, new: str, said: str) -> None:
    assert said in said_of(DOCUMENT.replace(old, new))


def test_a_name_of_a_model_that_no_model_can_have_is_told_at_its_table() -> None:
    document = DOCUMENT.replace("[model]", "[models.my_iris]").replace(
        "_count = 2", '_count = 2\nmodel = "my_iris"'
    )
    said = said_of(document)
    assert "models.my_iris is 'my_iris': \"_\" is not allowed at character 3" in said
    assert "[key]" not in said


NAME = r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"
POLICY = r"^[\w.-]+$"
ACTION = r"^[^:/|\s]([^:/|]*[^:/|\s])?$"
REGION = r"^[a-z]{2,4}(-[a-z]+)+-\d$"
ACCOUNT = r"^[0-9]{12}$"


@pytest.mark.parametrize(
    ("pattern", "text", "said"),
    [
        (NAME, "iris_dev", '"_" is not allowed at character 5'),
        (NAME, "-iris", '"-" is not allowed at character 1'),
        (NAME, "iris-", '"-" is not allowed at character 5'),
        (NAME, "-a-b-", '"-" is not allowed at characters 1, 5'),
        (NAME, "-", '"-" is not allowed at character 1'),
        (NAME, "my iris", '" " is not allowed at character 3'),
        (NAME, "ïris", '"ï" is not allowed at character 1'),
        (NAME, "a/b", '"/" is not allowed at character 2'),
        (NAME, "my_model v1", '"_" and " " are not allowed at characters 3, 9'),
        (NAME, "größe", '"ö" and "ß" are not allowed at characters 3, 4'),
        (NAME, "a\n", '"\\n" is not allowed at character 2'),
        (NAME, "a\u200bb", '"\\u200b" is not allowed at character 2'),
        (POLICY, "a/b", '"/" is not allowed at character 2'),
        (ACTION, "office:hours ", '":" and " " are not allowed at characters 7, 13'),
    ],
)
def test_the_characters_that_are_wrong_in_a_name_are_told_with_their_places(
    pattern: str, text: str, said: str
) -> None:
    assert wrong_characters(pattern, text) == said


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (NAME, ""),
        (REGION, "eu-central"),
        (REGION, "Eu-Central-1"),
        (ACCOUNT, "1111-2222-3333"),
        (r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$", "ml.M5.large"),
    ],
)
def test_no_character_is_blamed_for_a_text_of_another_shape(pattern: str, text: str) -> None:
    assert wrong_characters(pattern, text) is None
