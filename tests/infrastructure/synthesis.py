"""What a synthesized stage is to the tests of this folder."""

from __future__ import annotations

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


Synthesize = Callable[..., Synthesized]
