"""The JSON Schema, by which editors complete and check the files of stages."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cfnlint.jsonschema import StandardValidator

from tests.settings.edited import DEV, STAGES

SCHEMA: dict[str, Any] = json.loads((STAGES / "stage.schema.json").read_text())
FILES = sorted([*STAGES.rglob("*.toml"), *(STAGES.parent / "examples").rglob("stage.toml")])
VARIANT = '[[endpoint.variants]]\ninstance_type = "ml.m5.large"\ninitial_instance_count = 1\n'
SERVERLESS = "[[endpoint.variants]]\nmemory_size_in_mb = 1024\nmax_concurrency = 1\n"
SCALING = "[endpoint.variants.scaling]\nmin_capacity = 1\nmax_capacity = 2\n"
ACTION = '[[endpoint.variants.scaling.schedule]]\nname = "A"\nschedule = "rate(1 hour)"\n'


def accepted(text: str) -> bool:
    document = json.loads(json.dumps(tomllib.loads(text), default=_as_text))
    return not list(StandardValidator(SCHEMA).iter_errors(document))


def _as_text(time: datetime) -> str:
    """Give a time as an editor gives it to its validator; cfn-lint's knows it in UTC alone."""
    return time.isoformat().replace("+00:00", "Z")


def endpoint(lines: str, variants: str = VARIANT) -> str:
    return f'{DEV.partition("[endpoint]")[0]}[endpoint]\nname = "iris"\n{lines}\n{variants}'


def keys(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys(value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(STAGES.parent).as_posix())
def test_every_stage_that_ships_is_accepted(path: Path) -> None:
    assert accepted(path.read_text())


@pytest.mark.parametrize(
    ("lines", "variants"),
    [
        ("", VARIANT),
        ('mode = "realtime"\npipeline = ["a", "b"]', VARIANT),
        ('mode = "serverless"', SERVERLESS),
        ('mode = "async"\ns3_output_path = "s3://my-bucket/answers/"', VARIANT),
        ("", f"{VARIANT}scaling = {{ min_capacity = 1, max_capacity = 2 }}\n"),
    ],
)
def test_a_mode_has_its_own_keys(lines: str, variants: str) -> None:
    assert accepted(endpoint(lines, variants))


@pytest.mark.parametrize(
    ("lines", "variants"),
    [
        ('mode = "batch"', VARIANT),
        ('mode = "serverless"', VARIANT),
        ('mode = "async"', SERVERLESS),
        ("", SERVERLESS),
        ('s3_output_path = "s3://my-bucket/answers/"', VARIANT),
        ('mode = "async"\npipeline = ["a", "b"]', VARIANT),
        ("pipeline = 1", VARIANT),
        ("nmae = 1", VARIANT),
        ("update = { policy = 1 }", VARIANT),
        ("", VARIANT.replace("= 1", "= 0")),
        ("", VARIANT.replace("ml.m5.large", "m5.large")),
        ("", f"{VARIANT}volume_size_in_gb = 513\n"),
    ],
)
def test_what_a_mode_does_not_have_is_refused(lines: str, variants: str) -> None:
    assert not accepted(endpoint(lines, variants))


@pytest.mark.parametrize(
    "change",
    [
        ('framework = "sklearn"', 'framework = "sklaern"'),
        ('framework = "sklearn"', 'image = "1.dkr.ecr.eu-west-1.amazonaws.com/a:b"'),
        ("[model]", "[models.iris]\nframework = 'sklearn'\nversion = '1.9-0'\n[model]"),
        ("[model]", "[modle]"),
        ('region = "eu-central-1"', ""),
    ],
)
def test_what_no_stage_has_is_refused(change: tuple[str, str]) -> None:
    assert accepted(DEV)
    assert change[0] in DEV
    assert not accepted(DEV.replace(*change))


def test_a_time_is_a_date_of_toml_and_nothing_else() -> None:
    action = f"{VARIANT}{SCALING}{ACTION}"
    assert accepted(endpoint("", f"{action}start_time = 2027-01-31T08:00:00Z\n"))
    assert not accepted(endpoint("", f"{action}start_time = 20270131\n"))


def test_each_mode_is_told_by_a_constant_and_may_be_left_out_of_one_alone() -> None:
    modes = [SCHEMA["$defs"][each["$ref"].rpartition("/")[2]] for each in
             SCHEMA["properties"]["endpoint"]["oneOf"]]  # fmt: skip
    assert {each["properties"]["mode"]["const"]: "mode" in each["required"] for each in modes} == {
        "realtime": False,
        "serverless": True,
        "async": True,
    }


def test_nothing_is_null_and_no_default_is_a_table_which_an_editor_would_write_down() -> None:
    assert ("type", "null") not in list(keys(SCHEMA))
    defaults = [value for key, value in keys(SCHEMA) if key == "default"]
    assert defaults
    assert not [value for value in defaults if value is None or isinstance(value, dict | list)]


def test_every_setting_is_described() -> None:
    for name, table in SCHEMA["$defs"].items():
        for key, value in table["properties"].items():
            assert value.get("description"), f"{name}.{key}"
