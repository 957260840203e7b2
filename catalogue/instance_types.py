"""The instance types of SageMaker hosting: what each one has, and which regions offer it.

The table is instance_types.json. `make instance-types` writes it, with its sources and date. The
lists of regions are from cfn-lint, which gathers them from AWS's price lists.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache
from math import log2
from pathlib import Path
from typing import Any

from catalogue.images import is_graviton

_SUGGESTED = 3


def memory_bytes(instance_type: str) -> int | None:
    """Return the memory of an instance type such as "ml.m5.large", or None if it is not known.

    New types appear before the table has them.
    """
    mebibytes = _known("mebibytes", instance_type)
    return None if mebibytes is None else mebibytes * 1024 * 1024


def cpu_cores(instance_type: str) -> int | None:
    """Return how many virtual CPUs an instance type has, or None if it is not known."""
    return _known("cpu_cores", instance_type)


def accelerators(instance_type: str) -> int | None:
    """Return how many GPUs or AWS chips a type has, or None if that is not known."""
    return _known("accelerators", instance_type)


def offered(region: str) -> frozenset[str] | None:
    """Return the types that hosting offers in a region, or None for a region without a list."""
    return _types().get(region)


def instance_type_problem(instance_type: str, region: str) -> tuple[str, str] | None:
    """Return why a region lacks an instance type and how to fix that, or None if it may have it.

    The API's enumeration and the regions' lists each have types that the other lacks. A type is
    unknown if neither has it. Nothing is said about a type that no list has, and nothing about a
    region that has no list.
    """
    regions, there = _regions().get(instance_type), offered(region)
    if regions is None:
        nearest = _nearest(instance_type, there or _regions().keys())
        return "SageMaker hosting does not have this instance type", f"did you mean {nearest}?"
    if not regions or there is None or instance_type in there:
        return None
    why = f"SageMaker hosting does not offer it in {region} (catalogue/instance_types.json)"
    return why, f"choose one that {region} has, such as {_nearest(instance_type, there)}"


def _nearest(instance_type: str, among: Iterable[str]) -> str:
    *others, last = sorted(among, key=lambda other: _distance(instance_type, other))[:_SUGGESTED]
    return f"{', '.join(others)} or {last}"


def _distance(instance_type: str, other: str) -> tuple[bool, bool, bool, float, float, str]:
    """Order other types: of the family, of the processor, of the size, and then the most alike.

    What runs on one processor rarely runs on another, so the processor is before the size.
    """
    family, size = _family_and_size(instance_type)
    other_family, other_size = _family_and_size(other)
    memory, other_memory = memory_bytes(instance_type), memory_bytes(other)
    return (
        other_family != family,
        _processor(other_family) != _processor(family),
        other_size != size,
        abs(log2(other_memory / memory)) if memory and other_memory else 0.0,
        -SequenceMatcher(None, instance_type, other).ratio(),
        other,
    )


def _family_and_size(instance_type: str) -> tuple[str, str]:
    family, _, size = instance_type.removeprefix("ml.").partition(".")
    return family, size


def _processor(family: str) -> str:
    if family.startswith(("inf", "trn")):
        return "neuron"
    if family.startswith(("g", "p")):
        return "gpu"
    return "graviton" if is_graviton(f"ml.{family}") else "cpu"


@cache
def _types() -> Mapping[str, frozenset[str]]:
    """Return the types that each region offers."""
    types = defaultdict[str, set[str]](set)
    for name, regions in _regions().items():
        for region in regions:
            types[region].add(name)
    return {region: frozenset(names) for region, names in types.items()}


@cache
def _regions() -> Mapping[str, Sequence[str]]:
    """Return the regions that offer each type, which are none of a type in no region's list."""
    return {
        name: group["regions"].split()
        for group in _table()["offered"]
        for name in group["types"].split()
    }


def _known(what: str, instance_type: str) -> int | None:
    known: int | None = _table()[what].get(instance_type)
    return known


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name("instance_types.json").read_text())
    return table
