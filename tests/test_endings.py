"""How the commands end that a user runs: after a Ctrl-C, and when nobody reads what they print."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Each with a package that it imports from elsewhere.
PROGRAMS = {
    "-m inference": "botocore",
    "-m local_cloud": "botocore",
    "-m model_artifact": "isal",
    "-m model_artifact.train": "sklearn",
    "-m examples.xgboost.train": "sklearn",
    "-m examples.onnx.train": "sklearn",
    "-m examples.pipeline.train": "numpy",
    "-m examples.multi_model.train": "sklearn",
    "-m benchmarks.archive": "argparse",
    "-m benchmarks.synth": "isal",
    "app.py": "aws_cdk",
}

# The examples' trainings begin as model_artifact's does.
COMMANDS = [each for each in PROGRAMS if each != "app.py" and "examples" not in each]


def variables(**more: str) -> dict[str, str]:
    """Return the environment, in which Python writes when its buffer is full, or at the end."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | more


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.01)


@pytest.mark.parametrize("program", PROGRAMS)
def test_ctrl_c_during_the_imports_ends_it_by_the_signal_and_in_silence(
    program: str, tmp_path: Path
) -> None:
    (tmp_path / f"{PROGRAMS[program]}.py").write_text(
        "import pathlib, time\n"
        f"pathlib.Path({str(tmp_path / 'imported')!r}).touch()\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, *program.split()],
        cwd=ROOT,
        env=variables(PYTHONPATH=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(tmp_path / "imported")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, said) == (-signal.SIGINT, b"")


@pytest.mark.parametrize("program", COMMANDS)
def test_a_reader_that_has_gone_ends_it_as_it_ends_any_program(program: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, *program.split(), "--help"],
        cwd=ROOT,
        env=variables(),
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")
