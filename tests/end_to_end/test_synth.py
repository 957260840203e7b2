"""`cdk synth` from the terminal: it prints what is deployed, and cfn-lint does not object."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from folders import remove
from model_artifact.build import MADE_BY_CDK
from tests.end_to_end.conftest import environment


def test_the_printed_template_is_the_deployed_one_and_cfn_lint_accepts_it(
    project: Path, tmp_path: Path
) -> None:
    variables = environment(tmp_path / "home")
    (project / "notes.txt").write_text("mine")
    synth = subprocess.run(
        ["cdk", "synth", "-c", "stage=prod"],
        cwd=project, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert synth.returncode == 0, synth.stderr
    printed = tmp_path / "template.yaml"
    printed.write_text(synth.stdout)
    deployed = json.loads((project / "cdk.out" / "iris-prod.template.json").read_text())
    del deployed["Rules"]  # which the CLI never prints
    assert yaml.safe_load(synth.stdout) == deployed
    assert (project / "cdk.out").stat().st_mode & 0o777 == 0o700
    (project / "notes.txt").rename(project / "cdk.out" / "notes.txt")
    assert remove(project / "cdk.out", MADE_BY_CDK) == [project / "cdk.out" / "notes.txt"]
    lint = subprocess.run(
        ["cfn-lint", str(printed)], env=variables, capture_output=True, text=True, check=False
    )
    assert (lint.stdout, lint.stderr, lint.returncode) == ("", "", 0)


@pytest.mark.parametrize(
    ("moment", "large"),
    {
        "packing": (lambda project: list(project.glob("build/*/*.part")), True),
        "inspecting": (lambda project: list(project.glob("build/*/model.tar.gz")), False),
        "synthesizing": (lambda project: list(project.glob("build/*/*.inspection.json")), False),
    }.values(),
    ids=["packing", "inspecting", "synthesizing"],
)
def test_ctrl_c_ends_the_cli_the_app_and_jsii_in_silence(
    project: Path, tmp_path: Path, moment: Callable[[Path], object], large: bool
) -> None:
    with (project / "model_artifact" / "model" / "weights.bin").open("wb") as file:
        file.truncate(10**9 if large else 1)  # so that there is time to interrupt the packing
    # Node itself, whatever starts it in this environment.
    node = subprocess.run(
        ["node", "-p", "process.execPath"], capture_output=True, text=True, check=True
    )
    (tmp_path / "node").symlink_to(node.stdout.strip())
    variables = environment(tmp_path / "home")
    said = tmp_path / "said"
    with said.open("w") as file:
        process = subprocess.Popen(
            ["cdk", "synth", "--quiet"],
            cwd=project,
            env=variables | {"PATH": f"{tmp_path}{os.pathsep}{variables['PATH']}"},
            stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            wait_until(lambda: process.poll() is not None or moment(project))
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            # The CLI ends with 1, unless it keeps no statistics.
            assert process.wait(60) in (1, 130, -signal.SIGINT)
            wait_until(lambda: not running(process.pid))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    lines = [line for line in said.read_text().splitlines() if line]
    assert [line for line in lines if not re.match(r"(packing|loading) |iris-dev: ", line)] == []
    assert not list(project.glob("build/*/*.part"))


def running(session: int) -> list[str]:
    """Return the processes of a session that run."""
    listing = subprocess.run(
        ["ps", "-e", "-o", "sess=,stat=,args="], capture_output=True, text=True, check=True
    )
    processes = [line.split(maxsplit=2) for line in listing.stdout.splitlines()]
    return [args for sid, stat, args in processes if sid == str(session) and stat[0] != "Z"]


def wait_until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)
