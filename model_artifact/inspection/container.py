"""The container that serves an archive: what inspection needs to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from catalogue import image_contents
from catalogue.image_contents import ImageContents


@dataclass(frozen=True)
class Container:
    """The container that an archive is deployed into."""

    image: str
    """The image's URI, or another unique name if only the user's account has the image."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The environment variables of the Model."""
    needs_script: bool = True
    """Whether the container has to run code/inference.py."""
    network_isolation: bool = False
    """Whether the container has no network at all."""
    egress: bool = True
    """Whether the container can reach a package index."""
    memory_bytes: int | None = None
    """The memory of an instance, if it is known."""
    startup_seconds: int = 480
    """How long the container may take until it answers a health check."""

    @property
    def name(self) -> str:
        """The image's repository and tag, such as "sagemaker-xgboost:3.2-0"."""
        return image_contents.image_name(self.image)

    @property
    def family(self) -> str:
        """The framework that sets the contract of code/inference.py, or "" if it is unknown."""
        return image_contents.family(self.image)

    @property
    def machine(self) -> str:
        """The processor architecture, as Linux names it."""
        return "aarch64" if "arm64" in self.name or "graviton" in self.name else "x86_64"

    @cached_property
    def contents(self) -> ImageContents | None:
        """What the image contains, or None if that is not known."""
        return image_contents.image_contents(self.image)
