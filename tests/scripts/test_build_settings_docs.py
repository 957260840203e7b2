"""docs/settings.md is up to date, and the registry has every CloudFormation property in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args

import pytest

from scripts.build_settings_docs import document
from scripts.settings_chapters import CHAPTERS
from scripts.settings_examples import REFUSED, read
from scripts.settings_tables import UnknownPropertyError, property_of, rows
from settings.errors import StageError
from settings.stage import Stage
from settings.table import Cfn, Settings

ROOT = Path(__file__).parents[2]


def tables(settings: type[Settings]) -> set[type[Settings]]:
    """Return all tables that a table may hold, itself included."""
    found = {settings}
    for field in settings.model_fields.values():
        for each in _settings(field.annotation):
            found |= tables(each)
    return found


def _settings(annotation: Any) -> Iterator[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        yield annotation
    for argument in get_args(annotation):
        yield from _settings(argument)


TABLES = sorted(tables(Stage), key=lambda table: table.__name__)


class Renamed(Settings):
    """A table whose settings have other names in CloudFormation."""

    cloudformation: ClassVar[str] = "AWS::SageMaker::EndpointConfig/ProductionVariants"

    volume_size_in_gb: int = 1
    above: Annotated[int, Cfn("../ShadowProductionVariants/VariantName")] = 1
    far: Annotated[int, Cfn("AWS::CloudWatch::Alarm/Threshold")] = 1
    own: Annotated[int, Cfn("")] = 1
    misspelled: Annotated[int, Cfn("RoutingConfig/RoutingStrategie")] = 1
    nowhere: Annotated[int, Cfn("AWS::SageMaker::Nothing/Name")] = 1


def test_the_page_is_up_to_date() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert text == document(), "run `make schema`"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_setting_names_a_property_of_the_registry_or_none(table: type[Settings]) -> None:
    named = [property_of(table, name) for name in table.model_fields]
    assert all(path == "" or path.startswith("AWS::") for path in named)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("volume_size_in_gb", "AWS::SageMaker::EndpointConfig/ProductionVariants/VolumeSizeInGB"),
        ("above", "AWS::SageMaker::EndpointConfig/ShadowProductionVariants/VariantName"),
        ("far", "AWS::CloudWatch::Alarm/Threshold"),
        ("own", ""),
    ],
)
def test_a_property_is_spelled_as_the_registry_has_it(name: str, path: str) -> None:
    assert property_of(Renamed, name) == path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "misspelled",
            "misspelled: .*RoutingConfig has no 'RoutingStrategie'; it has .*RoutingStrat",
        ),
        ("nowhere", "nowhere: 'AWS::SageMaker::Nothing' is not a resource type"),
    ],
)
def test_a_property_that_does_not_exist_is_refused_by_its_setting(name: str, message: str) -> None:
    with pytest.raises(UnknownPropertyError, match=message):
        property_of(Renamed, name)


def test_every_table_and_every_setting_is_on_the_page() -> None:
    assert {chapter.tables[0] for chapter in CHAPTERS} == set(TABLES)
    shown: dict[type[Settings], set[str]] = {table: set() for table in TABLES}
    for chapter in CHAPTERS:
        for row in rows(chapter.tables, shared=chapter.shared):
            for table in chapter.tables if chapter.shared else chapter.tables[:1]:
                shown[table].add(row.name)
    assert shown == {table: set(table.model_fields) for table in TABLES}


@pytest.mark.parametrize("what", REFUSED)
def test_settings_that_exclude_each_other_on_the_page_are_refused(what: str) -> None:
    with pytest.raises(StageError):
        read(*REFUSED[what])
