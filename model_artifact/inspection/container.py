"""The container that an archive is for, as far as inspection needs to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from catalogue import image_contents
from catalogue.image_contents import ImageContents


@dataclass(frozen=True)
class Container:
    """What an archive is deployed into."""

    image: str
    """The image's URI, or for one that only the account has, what tells it from others."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The environment variables of the Model."""
    needs_script: bool = True
    """Whether the container is told to run code/inference.py."""
    network_isolation: bool = False
    """Whether the container can reach nothing at all."""
    egress: bool = True
    """Whether the container can reach a package index."""
    memory_bytes: int | None = None
    """What an instance has, if that is known."""
    startup_seconds: int = 480
    """How long the container may take until its first answered health check."""

    @property
    def name(self) -> str:
        """The image's repository and tag, such as "sagemaker-xgboost:3.2-0"."""
        return image_contents.image_name(self.image)

    @property
    def family(self) -> str:
        """Whose contract code/inference.py must keep, or "" for that of an unknown image."""
        return image_contents.family(self.image)

    @property
    def machine(self) -> str:
        """The processor architecture, as Linux names it."""
        return "aarch64" if "arm64" in self.name or "graviton" in self.name else "x86_64"

    @cached_property
    def contents(self) -> ImageContents | None:
        """What the image has, or None for an image that is not known."""
        return image_contents.image_contents(self.image)
