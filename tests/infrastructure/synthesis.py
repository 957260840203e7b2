"""What a synthesized stage is to the tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.config import ConfigMixIn
from cfnlint.decode.decode import decode_str
from cfnlint.runner import Runner

from settings.stage import Stage

REGION = "eu-central-1"
"""Where the stages of these tests are deployed."""
CONTENT_SHA256 = "0123456789abcdef" * 4
"""What the archive's hash is in these tests, so that no snapshot depends on a model."""

MODEL, ROLE, POLICY = "AWS::SageMaker::Model", "AWS::IAM::Role", "AWS::IAM::Policy"
CONFIG, ENDPOINT = "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Endpoint"
TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
COMPONENT = "AWS::SageMaker::InferenceComponent"
ALARM = "AWS::CloudWatch::Alarm"
SCALING_POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"


@dataclass(frozen=True)
class Synthesized:
    """One stage's template, and the manifest of the files that a deployment uploads."""

    template: dict[str, Any]
    assets: dict[str, Any]
    folder: Path

    def of_type(self, resource_type: str) -> dict[str, Any]:
        """Return the properties of the one resource of a type."""
        (resource,) = self.all_of_type(resource_type).values()
        properties: dict[str, Any] = resource["Properties"]
        return properties

    def all_of_type(self, resource_type: str) -> dict[str, Any]:
        """Return the resources of a type by their logical ids."""
        return {
            logical_id: resource
            for logical_id, resource in self.template["Resources"].items()
            if resource["Type"] == resource_type
        }

    def findings(self) -> list[str]:
        """Return what cfn-lint and the CDK's own validation find wrong with the template."""
        return [*lint(self.template), *self.validated()]

    def validated(self) -> list[str]:
        """Return what the CDK's own validation finds wrong with all that lies in the folder."""
        report = json.loads((self.folder / "validation-report.json").read_text())
        return [str(found) for plugin in report["pluginReports"] for found in plugin["violations"]]


Synthesize = Callable[..., Synthesized]
SynthesizeAll = Callable[[Iterable[Stage]], list[Synthesized]]


def lint(template: dict[str, Any]) -> list[str]:
    """Return what cfn-lint says of a template, with all rules that its command has."""
    decoded, errors = decode_str(json.dumps(template))
    found = errors or _cfn_lint().validate_template(decoded)
    return [f"{each.rule.id} {each.path}: {each.message}" for each in found]


@cache
def _cfn_lint() -> Runner:
    # Its rules take longer to load than a template to check.
    return Runner(ConfigMixIn(regions=[REGION]))
