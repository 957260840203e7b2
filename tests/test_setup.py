"""What the set-up says to someone who lacks something; that it works is every test's own proof."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("stub", "said"),
    [
        (
            'case "$1" in --version) echo Python 3.9.1;; *) exit 1;; esac',
            "needs Python 3.11, 3.12, 3.13 or 3.14, and {python} is none of them (Python 3.9.1)",
        ),
        (
            'case "$2" in *ensurepip*) exit 1;; esac',
            "{python} cannot make virtual environments: its modules venv and ensurepip are missing",
        ),
    ],
)
def test_what_is_missing_is_said_plainly_and_nothing_is_made(
    tmp_path: Path, stub: str, said: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{stub}\n")
    python.chmod(0o755)
    done = subprocess.run(
        [ROOT / "setup.sh", tmp_path / "venv"],
        env={**os.environ, "PYTHON": str(python)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said.format(python=python) in " ".join(done.stderr.split())
    assert not (tmp_path / "venv").exists()


def test_every_pin_is_exact() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / name).read_text().splitlines()
        pins = [line for line in lines if line and not line.startswith("#")]
        assert pins
        assert all("==" in pin.partition(";")[0] for pin in pins)
