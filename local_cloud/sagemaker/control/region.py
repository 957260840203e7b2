"""What one region holds: its models, endpoint configs and endpoints, and their tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from local_cloud.sagemaker.control.records import Record
from local_cloud.sagemaker.endpoints.endpoint import Endpoint
from local_cloud.wire import ACCOUNT_ID, validation_error

T = TypeVar("T")

MODEL, CONFIG, ENDPOINT = "model", "endpoint-config", "endpoint"
"""The kinds of resources, as an ARN names them."""

_NOUNS = {MODEL: "model", CONFIG: "endpoint configuration", ENDPOINT: "endpoint"}


@dataclass(frozen=True)
class Region:
    """A region's resources by name, and tags by ARN."""

    name: str
    models: dict[str, Record] = field(default_factory=dict)
    configs: dict[str, Record] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def model(self, name: str) -> Record:
        """Find a model; raises ValidationException as AWS does."""
        return self._find(MODEL, self.models, name)

    def config(self, name: str) -> Record:
        """Find an endpoint config; raises ValidationException as AWS does."""
        return self._find(CONFIG, self.configs, name)

    def endpoint(self, name: str) -> Endpoint:
        """Find an endpoint; raises ValidationException as AWS does."""
        return self._find(ENDPOINT, self.endpoints, name)

    def new_arn(self, kind: str, name: str, taken: Mapping[str, Any]) -> str:
        """Make the ARN of something new; raises ValidationException if the name is in use."""
        arn = self._arn(kind, name)
        if name in taken:
            raise validation_error(f'Cannot create already existing {_NOUNS[kind]} "{arn}".')
        return arn

    def tag(self, arn: str, parameters: Mapping[str, Any]) -> None:
        """Keep the tags of a request for something that was just created."""
        self.tags[arn] = {tag["Key"]: tag["Value"] for tag in parameters.get("Tags", [])}

    def tags_of(self, arn: str) -> dict[str, str]:
        """Find the tags of a resource; raises ValidationException if it does not exist."""
        if arn not in self.tags:
            raise validation_error(f'Could not find resource "{arn}".')
        return self.tags[arn]

    def _find(self, kind: str, items: Mapping[str, T], name: str) -> T:
        if name not in items:
            raise validation_error(f'Could not find {_NOUNS[kind]} "{self._arn(kind, name)}".')
        return items[name]

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{self.name}:{ACCOUNT_ID}:{kind}/{name}"
