"""The container that an archive is for, as far as inspection needs to know it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from packaging.version import Version


@dataclass(frozen=True)
class ImageContents:
    """What an image has: its table is images.json, which has the source of each entry."""

    python: str
    """Such as "3.12"."""
    glibc: str
    """Such as "2.35": wheels for a newer one do not run in it."""
    packages: Mapping[str, str]
    """The version of each distribution, by its normalized name."""
    complete: bool
    """Whether these are all packages, so that what is not among them is not there."""


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
        return self.image.rpartition("/")[2]

    @property
    def family(self) -> str:
        """Whose contract code/inference.py must keep, or "" for that of an unknown image."""
        return _FAMILIES.get(self.name.partition(":")[0].partition("@")[0], "")

    @property
    def machine(self) -> str:
        """The processor architecture, as Linux names it."""
        return "aarch64" if "arm64" in self.name or "graviton" in self.name else "x86_64"

    @cached_property
    def contents(self) -> ImageContents | None:
        """What the image has, or None for an image that is not known."""
        return image_contents(self.name)


def image_contents(name: str) -> ImageContents | None:
    """Return what the image REPOSITORY:TAG has, or None if that is not known."""
    known = _table().get(name, {})
    if "python" not in known:
        return None
    packages = {name: Version(version).public for name, version in known["packages"].items()}
    return ImageContents(
        known["python"], known.get("glibc", _OLDEST_GLIBC), packages, known["complete"]
    )


@cache
def _table() -> dict[str, Any]:
    path = Path(__file__).with_name("images.json")
    images: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["images"]
    return images


# What every wheel for Linux that is still built can count on (PEP 599's manylinux2014).
_OLDEST_GLIBC = "2.17"

# Repositories whose images run a code/inference.py, by the toolkit that they run it with.
_FAMILIES = {
    "sagemaker-scikit-learn": "sklearn",
    "sagemaker-xgboost": "xgboost",
    "pytorch-inference": "pytorch",
    "pytorch-inference-arm64": "pytorch",
    "pytorch-inference-graviton": "pytorch",
    "mxnet-inference": "mxnet",
    "huggingface-pytorch-inference": "huggingface",
    "huggingface-pytorch-inference-neuron": "huggingface",
    "huggingface-pytorch-inference-neuronx": "huggingface",
    "huggingface-tensorflow-inference": "huggingface",
    "tensorflow-inference": "tensorflow",
    "tensorflow-inference-graviton": "tensorflow",
}
