"""What AWS's images hold: their Python, their packages, and the toolkit that runs a script.

The table is image_contents.json, which has the source of each entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ImageContents:
    """What an image has."""

    python: str
    """Such as "3.12"."""
    glibc: str
    """Such as "2.35": wheels for a newer one do not run in it."""
    packages: Mapping[str, str]
    """The version of each distribution, by its normalized name."""
    complete: bool
    """Whether these are all packages, so that what is not among them is not there."""


def image_name(image: str) -> str:
    """Return an image's repository and tag or digest, such as "sagemaker-xgboost:3.2-0"."""
    return image.rpartition("/")[2]


def family(image: str) -> str:
    """Return whose toolkit runs an image's code/inference.py, or "" for that of an unknown one."""
    repository = image_name(image).partition("@")[0].partition(":")[0]
    families: Mapping[str, list[str]] = _table()["families"]
    return next((name for name, known in families.items() if repository in known), "")


def repositories(family: str) -> list[str]:
    """Return the repositories whose images are of a family."""
    known: list[str] = _table()["families"][family]
    return known


def image_contents(image: str) -> ImageContents | None:
    """Return what an image has, or None if that is not known."""
    known = _table()["images"].get(image_name(image), {})
    if "python" not in known:
        return None
    return ImageContents(
        known["python"],
        known.get("glibc", _OLDEST_GLIBC),
        # A local version, such as 2.6.0+cpu, is the same release built otherwise.
        {name: version.partition("+")[0] for name, version in known["packages"].items()},
        known["complete"],
    )


@cache
def _table() -> dict[str, Any]:
    path = Path(__file__).with_name("image_contents.json")
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return table


# What every wheel for Linux that is still built can count on (PEP 599's manylinux2014).
_OLDEST_GLIBC = "2.17"
