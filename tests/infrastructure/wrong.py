"""Stages that are right but for one thing, and what is said about it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from settings.errors import StageError
from settings.stage import Stage
from tests.infrastructure.matrix import Cell

Document = dict[str, Any]
Change = Callable[[Document], object]


def document(shape: str = "one variant", mode: str = "realtime", **cell: str) -> Document:
    """Return a cell of the matrix, to be made wrong."""
    given = {"scaling": "none", "update": "unsaid"} | cell
    return copy.deepcopy(Cell(mode, shape, **given).document)


def variant(index: int = 0, **values: Any) -> Change:
    return lambda stage: stage["endpoint"]["variants"][index].update(values)


def scaling(**values: Any) -> Change:
    return lambda stage: stage["endpoint"]["variants"][0]["scaling"].update(values)


def endpoint(**values: Any) -> Change:
    return lambda stage: stage["endpoint"].update(values)


def model(**values: Any) -> Change:
    return lambda stage: stage["model"].update(values)


def component(**values: Any) -> Change:
    return lambda stage: stage["endpoint"]["components"][0].update(values)


def step(**values: Any) -> Change:
    return lambda stage: stage["endpoint"]["variants"][0]["scaling"]["steps"][0].update(values)


def action(**values: Any) -> Change:
    return lambda stage: stage["endpoint"]["variants"][0]["scaling"]["schedule"][0].update(values)


def pool(instance_type: str, priority: int) -> dict[str, Any]:
    return {"instance_type": instance_type, "priority": priority}


def refused(stage: Document, change: Change, said: str) -> None:
    """Assert that the change makes one problem of a stage, of which is said so."""
    wrong = copy.deepcopy(stage)
    change(wrong)
    with pytest.raises(StageError) as caught:
        Stage.read(wrong, Path("wrong.toml"))
    (line,) = str(caught.value).splitlines()
    assert line.startswith("wrong.toml: ")
    assert said in line
