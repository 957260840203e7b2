"""What is left when pytest is ended in the middle of its tests: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SESSION = """
import subprocess

import pytest


@pytest.mark.parametrize("number", [1, 2])
def test_that_takes_long(number: int) -> None:
    subprocess.Popen(["sleep", "601"], start_new_session=True)
    subprocess.run(["sh", "-c", "sleep 602; true"])
"""


def processes(folder: Path) -> list[str]:
    """Return the command lines, with their environments, of all that was started for folder."""
    listing = subprocess.check_output(
        ["ps", "axeww", "-o", "command="], env={"PATH": os.environ["PATH"]}, text=True
    )
    return [line for line in listing.splitlines() if f"STARTED_FOR={folder} " in f"{line} "]


def wait_until(condition: Callable[[], bool], seconds: float, folder: Path) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, [line[:80] for line in processes(folder)]
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("number", "workers"),
    [(signal.SIGINT, 0), (signal.SIGINT, 2), (signal.SIGTERM, 2), (signal.SIGKILL, 2)],
)
def test_a_signal_to_the_first_process_alone_ends_all_that_its_tests_have_started(
    tmp_path: Path, number: signal.Signals, workers: int
) -> None:
    (tmp_path / "test_session.py").write_text(SESSION)
    (tmp_path / "pytest.ini").touch()
    command = [sys.executable, "-m", "pytest", "-p", "tests.leftovers", f"-n{workers}"]
    with subprocess.Popen(
        # As a shell starts what it puts into the background.
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "STARTED_FOR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as session:
        sleepers = 2 * max(workers, 1)
        wait_until(
            lambda: sum(line.startswith("sleep") for line in processes(tmp_path)) == sleepers,
            60,
            tmp_path,
        )
        session.send_signal(number)
        wait_until(lambda: not processes(tmp_path), 60, tmp_path)
