"""Stages written as TOML, of which a test looks at one thing, and what it looks at."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from settings.stage import Stage
from tests.infrastructure.synthesis import SCALING_POLICY, Synthesized

ALARM = "AWS::CloudWatch::Alarm"
COMPONENT = "AWS::SageMaker::InferenceComponent"

MODEL = """
region = "eu-central-1"

[model]
framework = "sklearn"
version = "1.9-0"
artifact = "model_artifact/model"
code = "inference/code"
"""

OWN_IMAGE = """
region = "eu-central-1"

[model]
image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/iris:1"
artifact = "model_artifact/model"
code = "inference/code"
"""


def stage(endpoint: str, model: str = MODEL) -> Stage:
    """Read a stage whose [endpoint] table, and those below it, are given. Raises StageError."""
    return Stage.read(tomllib.loads(model + endpoint), Path("stages/written.toml"))


def endpoint(
    variants: int = 1,
    count: int = 2,
    mode: str = "realtime",
    instance_type: str = "ml.m5.large",
) -> str:
    """Return the tables of an endpoint called iris; more settings of the last variant may follow.

    The variants are called A, B and so on.
    """
    tables = [
        f'[[endpoint.variants]]\nname = "{name}"\ninstance_type = "{instance_type}"\n'
        f"initial_instance_count = {count}\n"
        for name in "ABCDEFGHIJ"[:variants]
    ]
    return "\n".join([f'[endpoint]\nname = "iris"\nmode = "{mode}"\n', *tables])


def policy(deployed: Synthesized, name: str) -> dict[str, Any]:
    """Return the properties of the one scaling policy of a name."""
    policies = [each["Properties"] for each in deployed.all_of_type(SCALING_POLICY).values()]
    found: dict[str, Any]
    (found,) = (each for each in policies if each["PolicyName"] == name)
    return found


def alarm_of(deployed: Synthesized, name: str) -> dict[str, Any]:
    """Return the properties of the one alarm that starts the scaling policy of a name."""
    (logical_id,) = (
        key
        for key, each in deployed.all_of_type(SCALING_POLICY).items()
        if each["Properties"]["PolicyName"] == name
    )
    alarms = [each["Properties"] for each in deployed.all_of_type(ALARM).values()]
    start = {"Fn::GetAtt": [logical_id, "Arn"]}
    alarm: dict[str, Any]
    (alarm,) = (each for each in alarms if each.get("AlarmActions") == [start])
    return alarm


def pairs(dimensions: list[dict[str, str]]) -> dict[str, str]:
    """Return CloudWatch's list of dimensions as a mapping."""
    return {each["Name"]: each["Value"] for each in dimensions}
