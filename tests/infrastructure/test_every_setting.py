"""No setting can get lost: each arrives at every CloudFormation property that it is annotated with.

The stages of probes.py set every setting that there is. A setting that none of them sets, or whose
value is not found in the template, is named. So is one of which nobody has said that it is none of
CloudFormation's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from scripts.settings_tables import spelled
from settings.stage import Stage, logical_id
from settings.table import Settings
from stacks.metrics import PREDEFINED
from tests.infrastructure.probes import probes
from tests.infrastructure.synthesis import SynthesizeAll, Synthesized
from tests.scripts.test_build_settings_docs import TABLES


class Place(NamedTuple):
    """A setting of a table, and a property behind it as the registry spells it."""

    table: str
    setting: str
    path: str

    def __str__(self) -> str:
        return f"{self.table}.{self.setting} at {self.path}"


def _places(table: type[Settings]) -> set[Place]:
    return {
        Place(table.__name__, name, spelled(path))
        for name in table.model_fields
        for path in table.paths(name)
    }


PLACES = {
    place
    for place in set().union(*map(_places, TABLES))
    # An asynchronous endpoint has no component, whose update would be its own.
    if not (place.table.startswith("Async") and "InferenceComponent" in place.path)
}

OWN = {
    "Stage": {"region"},
    "Model": {"artifact_account", "code", "vendor_requirements"},
    "Endpoint": {"mode"},
    "AsyncEndpoint": {"s3_input_path"},
    "Variant": {"scaling"},
    "ServerlessVariant": {"scaling"},
    "InferenceComponent": {"scaling"},
    "Scaling": {"targets", "steps"},
}
"""The settings of Slipway's own, of each table and those that are made of it."""


def _named(found: Any, name: str) -> bool:
    """Tell whether a property is the name of a model of ours, which CloudFormation gives it."""
    model, attribute = found["Fn::GetAtt"]
    return bool(model.startswith(logical_id(name)) and attribute == "ModelName")


def _pairs(found: Any, given: Mapping[str, str]) -> bool:
    return bool({each["Name"]: each["Value"] for each in found} == given)


# How a value is found that is not in the template as it is in the stage.
ARRIVES: dict[str, Callable[[Any, Any], bool]] = {
    "model": _named,
    "pipeline": lambda found, names: [each["ContainerHostname"] for each in found] == list(names),
    "artifact": lambda found, given: found == str(given),
    "environment": lambda found, given: given.items() <= found.items(),
    "multi_model": lambda found, given: (found == "MultiModel") == given,
    "framework": lambda found, given: given.replace("sklearn", "scikit-learn") in found,
    "version": lambda found, given: given in found,
    "py_version": lambda found, given: given in found,
    "base_framework_version": lambda found, given: given.removeprefix("pytorch") in found,
    "repository": lambda found, given: f"/{given}:" in found["Fn::Sub"],
    "tag": lambda found, given: found["Fn::Sub"].endswith(f":{given}"),
    "dockerfile": lambda found, _: "container-assets" in found["Fn::Sub"],
    "max_5xx_percent": lambda found, given: found == given / 100,
    "max_model_latency_seconds": lambda found, given: found == given * 1_000_000,
    "alarms": lambda found, given: found[-1]["AlarmName"] == given[-1],
    "dimensions": _pairs,
    "start_time": lambda found, given: datetime.fromisoformat(found) == given,
    "end_time": lambda found, given: datetime.fromisoformat(found) == given,
}
METRICS: dict[str, Callable[[Any, Any], bool]] = {
    "TargetTracking": lambda found, given: found["PredefinedMetricType"] == PREDEFINED.get(given),
    "StepScaling": lambda found, given: found == given,
}


def _arrived(stage: Stage, deployed: Synthesized) -> Iterator[Place]:
    """Yield the properties at which the settings of a stage are found in its template."""
    for table in _tables(stage):
        for place in _places(type(table)):
            given = getattr(table, place.setting)
            found = list(_at(deployed.template, place.path))
            if place.setting in table.model_fields_set and any(
                _is(each, given, place) for each in found
            ):
                yield place


def _lost(stage: Stage, deployed: Synthesized) -> Iterator[str]:
    """Yield what a stage sets and its template has less often than the stage does."""
    tables = [table for table in _tables(stage) if type(table).__name__ not in ELSEWHERE]
    for table in tables:
        for name in table.model_fields_set - {"metric"}:
            places = [place for place in _places(type(table)) if place.setting == name]
            given = getattr(table, name)
            if _has_tables(given) or (name == "artifact" and isinstance(given, Path)):
                continue  # which are looked at themselves; where an archive lies is the CDK's
            alike = [
                each
                for each in tables
                if isinstance(each, type(table))
                and name in each.model_fields_set
                and getattr(each, name) == given
            ]
            found = [
                each
                for place in places
                for path in _instead(place.path)
                for each in _at(deployed.template, path)
                if _is(each, given, place)
            ]
            if places and len(found) < len(alike) and given != "ROLLING":
                yield f"{stage.endpoint.name}: {type(table).__name__}.{name} = {given}"


# Metrics of a target, an alarm or an expression: test_scaling.py and test_step_scaling.py ask.
ELSEWHERE = {"CloudWatchMetric", "MathMetric"}


def _instead(path: str) -> Iterator[str]:
    """Yield a path, and where the template has the same of a shadow or of a pipeline."""
    yield path
    for usual, other in (
        ("/ProductionVariants", "/ShadowProductionVariants"),
        ("/PrimaryContainer", "/Containers"),
    ):
        if usual in path:
            yield path.replace(usual, other)


def _is(found: Any, given: Any, place: Place) -> bool:
    """Tell whether a property is what a setting says; the tables below are looked at themselves."""
    if _has_tables(given):
        return True
    compare = ARRIVES.get(place.setting)
    if place.setting == "metric":
        compare = METRICS[place.table]
    try:
        return compare(found, given) if compare else bool(found == _plain(given))
    except (TypeError, KeyError, AttributeError):  # it is of another shape, and so not this
        return False


def _has_tables(given: Any) -> bool:
    return any(isinstance(each, Settings) for each in (given, *_parts(given)))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, tuple) else []


def _tables(table: Settings) -> Iterator[Settings]:
    """Yield a table and all that are in it."""
    yield table
    for name in type(table).model_fields:
        value = getattr(table, name)
        for each in (value, *_parts(value)):
            if isinstance(each, Settings):
                yield from _tables(each)


def _at(template: Mapping[str, Any], path: str) -> Iterator[Any]:
    """Yield what a template has at a path such as "AWS::CloudWatch::Alarm/Threshold"."""
    type_name, *names = path.split("/")
    found = [
        each["Properties"] for each in template["Resources"].values() if each["Type"] == type_name
    ]
    for name in names:
        inner = [part for each in found for part in (each if isinstance(each, list) else [each])]
        found = [each[name] for each in inner if isinstance(each, dict) and name in each]
    yield from found


Deployed = list[tuple[Stage, Synthesized]]


@pytest.fixture(scope="module")
def probed(synthesize_all: SynthesizeAll, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    stages = probes(tmp_path_factory.mktemp("container"))
    return list(zip(stages, synthesize_all(stages), strict=True))


@pytest.fixture(scope="module")
def arrived(probed: Deployed) -> set[Place]:
    return {place for stage, each in probed for place in _arrived(stage, each)}


def test_no_stage_loses_a_setting_of_one_of_its_tables(probed: Deployed) -> None:
    lost = [lost for stage, each in probed for lost in _lost(stage, each)]
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize("place", sorted(PLACES), ids=str)
def test_a_setting_arrives_at_its_property(place: Place, arrived: set[Place]) -> None:
    assert place in arrived, f"{place}: no stage of probes.py sets it, or it got lost on the way"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_a_setting_without_a_property_is_one_of_slipways_own(table: type[Settings]) -> None:
    known = set().union(*(OWN.get(base.__name__, set()) for base in table.__mro__))
    assert {name for name in table.model_fields if not table.paths(name)} == known


def test_the_waits_of_an_update_are_those_of_every_way_to_update() -> None:
    rolling = (
        "AWS::SageMaker::Endpoint/DeploymentConfig/RollingUpdatePolicy",
        "AWS::SageMaker::InferenceComponent/DeploymentConfig/RollingUpdatePolicy",
    )
    names = ("WaitIntervalInSeconds", "MaximumExecutionTimeoutInSeconds")
    several = {
        path for table in TABLES for name in table.model_fields for path in table.paths(name)[1:]
    }
    alarms = "InferenceComponent/DeploymentConfig/AutoRollbackConfiguration/Alarms"
    assert several == {f"{policy}/{name}" for policy in rolling for name in names} | {
        f"AWS::SageMaker::{alarms}"
    }
