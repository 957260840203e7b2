"""What a synthesized stage is to the tests of this folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTENT_SHA256 = "0123456789abcdef" * 4
"""What the archive's hash is in these tests, so that no snapshot depends on a model."""

MODEL, ROLE, POLICY = "AWS::SageMaker::Model", "AWS::IAM::Role", "AWS::IAM::Policy"
CONFIG, ENDPOINT = "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Endpoint"
TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
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
        file = self.folder / "linted.json"
        file.write_text(json.dumps(self.template))
        lint = subprocess.run(["cfn-lint", str(file)], capture_output=True, text=True, check=False)
        report = json.loads((self.folder / "validation-report.json").read_text())
        found = [v for plugin in report["pluginReports"] for v in plugin["violations"]]
        return [*lint.stdout.splitlines(), *lint.stderr.splitlines(), *map(str, found)]


Synthesize = Callable[..., Synthesized]
