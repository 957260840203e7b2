"""What an instance serves: a production variant of an endpoint, and its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from local_cloud.sagemaker.control.definition import Definition, definitions, is_direct


@dataclass(frozen=True)
class Variant:
    """What an instance serves: a production variant of an endpoint, and its model."""

    region: str
    endpoint_name: str
    settings: Mapping[str, Any]
    model: Mapping[str, Any]
    """The request that created the model."""
    network_isolation: bool
    config_name: str

    @property
    def name(self) -> str:
        """The variant's name, such as AllTraffic."""
        return str(self.settings["VariantName"])

    @cached_property
    def containers(self) -> tuple[Definition, ...]:
        """The model's containers, in the order in which a request passes through them."""
        return definitions(self.model)

    @property
    def is_direct(self) -> bool:
        """Whether each request names the one container that answers it."""
        return is_direct(self.model)

    @property
    def memory_bytes(self) -> int | None:
        """The limit of an instance's memory, which only serverless variants have."""
        serverless = self.settings.get("ServerlessConfig")
        return serverless["MemorySizeInMB"] * 1024**2 if serverless else None

    @property
    def log_group(self) -> str:
        """The endpoint's group in CloudWatch Logs."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint_name}"
