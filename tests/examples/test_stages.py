"""The examples' stages."""

from __future__ import annotations

import tomllib
from pathlib import Path

from settings.stage import Stage
from tests.examples.conftest import ROOT


def test_the_stage_deploys_the_folders_beside_it(example: str) -> None:
    folder = Path("examples") / example
    path = folder / "stage.toml"
    stage = Stage.read(tomllib.loads((ROOT / path).read_text()), path)
    assert stage.served[""].artifact == folder / "model"
    assert stage.served[""].code == folder / "code"
    assert example in stage.endpoint.name
