"""app.py as the CDK CLI runs it: with the stage in the environment, in a process of its own."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run_app(project: Path, stage: str | None) -> subprocess.CompletedProcess[str]:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    environment = {
        **os.environ,
        "CDK_CONTEXT_JSON": json.dumps(context | ({"stage": stage} if stage else {})),
        "CDK_OUTDIR": str(project / "cdk.out"),
    }
    return subprocess.run(
        [sys.executable, project / "app.py"],
        cwd=project.parent,  # the app does not depend on where it is run
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_app_imports_the_stacks_and_the_archive_and_no_other_part() -> None:
    tree = ast.parse((ROOT / "app.py").read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names == {"aws_cdk", "model_artifact", "stacks"}


@pytest.mark.parametrize(("stage", "stack"), [(None, "iris-dev"), ("prod", "iris-prod")])
def test_a_stage_becomes_a_stack_with_the_endpoints_name_and_the_real_archive(
    project: Path, stage: str | None, stack: str
) -> None:
    done = run_app(project, stage)
    assert done.returncode == 0
    # All that is said is which image was chosen: a version may be a beginning of one, and what
    # that stands for changes with the table of images.
    assert done.stderr == (
        f"{stack}: image 492215442770.dkr.ecr.eu-central-1.amazonaws.com/"
        "sagemaker-scikit-learn:1.9-0-cpu-py3\n"
    )
    assets = json.loads((project / "cdk.out" / f"{stack}.assets.json").read_text())
    (archive,) = (key for key in assets["files"] if key.endswith(".tar"))
    template = (project / "cdk.out" / f"{stack}.template.json").read_text()
    assert f"{archive}.gz" in template


@pytest.mark.parametrize(
    ("broken", "stage", "said"),
    [
        ("stages/prod.toml", "production", "there is dev, prod"),
        ("model_artifact/model/model.joblib", None, "train the example"),
        ("inference/code/inference.py", None, "no inference.py"),
    ],
)
def test_what_cannot_be_deployed_is_told_in_one_line_without_a_traceback(
    project: Path, broken: str, stage: str | None, said: str
) -> None:
    if "model" in broken:
        shutil.rmtree((project / broken).parent)
        (project / broken).parent.mkdir()
    elif stage is None:
        (project / broken).unlink()
    done = run_app(project, stage)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
