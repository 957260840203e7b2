"""The stage dev with some of its text replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings.errors import StageError
from settings.stage import Stage

STAGES = Path(__file__).parents[2] / "stages"
DEV = (STAGES / "dev.toml").read_text()
FRAMEWORK = 'framework = "sklearn"\nversion = "1.9-0"'
OWN_IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/iris"


def load(folder: Path, *changes: tuple[str, str]) -> Stage:
    """Load dev.toml with some of its text replaced."""
    text = DEV
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "edited.toml").write_text(text)
    return Stage.load("edited", folder)


def problems(folder: Path, *changes: tuple[str, str]) -> list[str]:
    with pytest.raises(StageError) as caught:
        load(folder, *changes)
    return str(caught.value).splitlines()
