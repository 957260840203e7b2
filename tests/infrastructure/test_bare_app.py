"""What `make bench` measures a synth against deploys the same as the stage prod."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synth import differences, synth
from settings.stage import Stage
from tests.infrastructure.synthesis import CONTENT_SHA256, ENDPOINT, Synthesize

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ours(synthesize: Synthesize) -> dict[str, Any]:
    return synthesize(Stage.load("prod", ROOT / "stages")).template


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    archive = tmp_path_factory.mktemp("build") / "model.tar.gz"
    archive.write_bytes(b"an archive")
    app = [sys.executable, "benchmarks/bare_app.py", str(archive), CONTENT_SHA256]
    _, template = synth(app)
    return template


def test_the_bare_app_deploys_what_prod_does(ours: dict[str, Any], bare: dict[str, Any]) -> None:
    assert differences(ours, bare) == []


def test_another_value_or_reference_is_a_difference(ours: dict[str, Any]) -> None:
    other = copy.deepcopy(ours)
    (endpoint,) = (each for each in other["Resources"].values() if each["Type"] == ENDPOINT)
    endpoint["Properties"]["EndpointConfigName"]["Fn::GetAtt"][0] = next(iter(other["Resources"]))
    del other["Outputs"]["EndpointName"]
    found = differences(ours, other)
    assert [line.partition(" has ")[0] for line in found] == ["only app.py"] * 2 + [
        "only bare_app.py"
    ]
    assert "EndpointName" in found[0]
