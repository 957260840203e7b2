"""Which container image AWS publishes for a framework, a version and a region.

The table is images.json; it carries its source and date.
"""

import json
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any


class UnknownImageError(ValueError):
    """AWS publishes no such image; the message lists what exists, nearest first."""


def image_uri(framework: str, version: str, region: str) -> str:
    """Return the URI of the inference image, such as
    "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3".

    Raises UnknownImageError.
    """
    entry = _choose("framework", framework, _table())
    tag = _choose(f"{framework} version", version, entry["versions"])
    registry = _choose(f"region with {framework} images", region, entry["registries"])
    return f"{registry}/{entry['repository']}:{tag}"


def _choose(what: str, wanted: str, available: dict[str, Any]) -> Any:
    if wanted in available:
        return available[wanted]
    nearest = get_close_matches(wanted, available, n=len(available), cutoff=0)
    raise UnknownImageError(f"there is no {what} {wanted!r}; there is {', '.join(nearest)}")


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name("images.json").read_text())
    return table["frameworks"]  # type: ignore[no-any-return]
