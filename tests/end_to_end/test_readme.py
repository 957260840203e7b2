"""Every command of README is run, as it stands there, in a checkout of its own.

An AWS account is not to be had in a test: what README runs there is run on the local cloud.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, Cloud, environment

README = (ROOT / "README.md").read_text()
LEFT_OUT = {"make test": "this test is part of it"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone in which `make install` was run: with the environment of this one."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    folder = tmp_path / "slipway"
    for name in listing.stdout.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    # Links to what is in this environment, and not to its folder: were the checkout's own found
    # out of date, its set-up would empty this one.
    (folder / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        (folder / ".venv" / part.name).symlink_to(part)
    (folder / ".venv" / "installed").unlink(missing_ok=True)
    (folder / ".venv" / "installed").touch()
    return folder


@pytest.mark.timeout(1200)  # it sets up, and is the longest on a busy machine
def test_every_command_of_the_readme_works(checkout: Path, tmp_path: Path) -> None:
    variables = environment(tmp_path / "home") | {
        # What a person answers with yes.
        "CDK_REQUIRE_APPROVAL": "never",
        "CDK_FORCE": "true",
    }
    del variables["PYTHONPATH"]

    def run(command: str, *, on_aws: bool = False) -> None:
        prefix = "python -m local_cloud exec -- " if on_aws else ""
        done = subprocess.run(
            ["bash", "-euc", f"{prefix}{command}"],
            cwd=checkout, env=variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    lines = [line for block in blocks("sh") for line in block.splitlines()]
    lines = [line for line in lines if line not in LEFT_OUT]
    tear_down = [line for line in lines if re.search(r"\b(destroy|stop)\b", line)]
    (program,) = blocks("python")
    try:
        for line in lines:
            if line not in tear_down:
                run(
                    line.replace("| python", "| python -m local_cloud exec -- python"),
                    on_aws=on_aws(line),
                )
        (checkout / "example.py").write_text(program)
        run("python example.py", on_aws=True)
        endpoint = Cloud(tmp_path / "home", variables).client("sagemaker").describe_endpoint
        (variant,) = endpoint(EndpointName="iris-prod")["ProductionVariants"]
        assert variant["CurrentInstanceCount"] == 2
        for line in tear_down:
            run(line, on_aws=on_aws(line))
        assert not (tmp_path / "home").exists()
    finally:
        subprocess.run(
            [sys.executable, "-m", "local_cloud", "stop"], cwd=ROOT, env=variables, check=True
        )


def on_aws(line: str) -> bool:
    return line.startswith(("cdk ", "python -m inference "))


def test_no_command_is_left_out_that_is_not_there() -> None:
    assert set(LEFT_OUT) <= {line for block in blocks("sh") for line in block.splitlines()}


def test_what_the_terminal_shows_is_what_it_shows() -> None:
    (transcript,) = blocks("console")
    commands = {line[2:] for line in transcript.splitlines() if line.startswith("$ ")}
    shown = "\n".join(blocks("sh")) + (ROOT / "Makefile").read_text()
    assert all(command in shown for command in commands)
    assert os.linesep == "\n"
