"""`cdk synth` from the terminal: it prints what is deployed, and cfn-lint does not object."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

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
