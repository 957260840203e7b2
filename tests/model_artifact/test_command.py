"""python -m model_artifact inspect, as a person or a program calls it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from model_artifact.__main__ import _parser, main
from tests.conftest import ROOT
from tests.model_artifact.inspection.archives import SCRIPT, Case, calling


def run(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model_artifact", "inspect", *arguments],
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(cwd)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_the_stages_archive_is_packed_and_inspected(project: Path) -> None:
    done = run("--stage", "prod", cwd=project)
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.endswith("build/iris-prod/model.tar.gz for sagemaker-scikit-learn:1.9-0-cpu-py3")
    assert "the model loads in" in done.stdout
    assert last.startswith("0 errors, 0 warnings")


def test_a_program_gets_the_findings_of_any_archive(tmp_path: Path) -> None:
    archive = Case({"evil.pkl": calling("os", "system")}).write(tmp_path)
    done = run(archive, "--json", "--no-trial")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["archive"] == str(archive)
    assert report["image"].endswith("/sagemaker-scikit-learn:1.9-0-cpu-py3")
    (error,) = (found for found in report["findings"] if found["severity"] == "error")
    assert error.keys() == {"id", "severity", "member", "got", "fix", "figures"}
    assert (error["id"], error["member"]) == ("pickle-dangerous", "evil.pkl")


def test_an_archive_that_is_named_is_run_only_if_that_is_asked_for(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = SCRIPT + f"open({str(ran)!r}, 'w').close()\n"
    archive = Case({"code/inference.py": code.encode()}).write(tmp_path)
    done = run(archive)
    assert done.returncode == 0, done.stdout
    assert "only read [trial-skipped]; add --trial to run its code, if you trust it" in done.stdout
    assert not ran.exists()
    (skipped,) = (
        each for each in json.loads(run(archive, "--json").stdout)["findings"]
        if each["id"].startswith("trial")
    )  # fmt: skip
    assert skipped["id"] == "trial-skipped"
    done = run(archive, "--trial")
    assert "the model loads in" in done.stdout
    assert ran.exists()


def test_an_archive_is_not_run_when_it_is_not_to_be(project: Path, tmp_path: Path) -> None:
    for done in (run(Case().write(tmp_path), "--no-trial"), run("--no-trial", cwd=project)):
        assert done.returncode == 0
        assert "trial" not in done.stdout


def test_help_shows_examples_that_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["inspect"]):
        with pytest.raises(SystemExit, match="0"):
            main([*command, "--help"])
        _, _, examples = capsys.readouterr().out.partition("example:\n")
        assert examples
        for example in examples.splitlines():
            assert example.startswith("  python -m model_artifact ")
            assert _parser().parse_args(shlex.split(example)[3:]).run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.tar.gz"], "missing.tar.gz: this file does not exist"),
        (["--stage", "missing"], "there is no such stage; there is dev, examples/ab, "),
        (["."], ".: this is not a file"),
    ],
)
def test_what_cannot_be_inspected_is_told_in_one_line(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
