"""app.py as the CDK CLI runs it: with the stage in the environment, in a process of its own."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import jsii
import pytest

ROOT = Path(__file__).parents[1]


def run_app(
    project: Path, stage: str | None, outdir: str = "cdk.out", **context: str
) -> subprocess.CompletedProcess[str]:
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    given = context | ({"stage": stage} if stage else {})
    environment = {
        **os.environ,
        "CDK_CONTEXT_JSON": json.dumps(flags | given),
        "CDK_OUTDIR": str(project / outdir),
        # The CDK's own takes seconds to load; tests of the templates ask it of every stage.
        "CDK_VALIDATION": "false",
    }
    return subprocess.run(
        [sys.executable, project / "app.py"],
        cwd=project.parent,  # the app does not depend on where it is run
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def edit(project: Path, stage: str, old: str, new: str, code: str = "") -> None:
    """Write a stage that is dev with other text, and another line for its code."""
    dev = (project / "stages" / "dev.toml").read_text()
    path = project / "stages" / f"{stage}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(dev.replace(old, new).replace('code = "inference/code"', code))


@pytest.mark.parametrize("home", ["writable", "missing/home", "a file", "", None])
def test_jsii_unpacks_the_cdk_where_it_can(project: Path, tmp_path: Path, home: str | None) -> None:
    """With a CDK that only says where, since unpacking the real one takes long."""
    said = "import os, sys; sys.exit(os.environ.get('JSII_RUNTIME_PACKAGE_CACHE_ROOT'))\n"
    (tmp_path / "aws_cdk.py").write_text(said)
    (tmp_path / "writable").mkdir()
    (tmp_path / "a file").touch()
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    if home is not None:
        environment["HOME"] = str(tmp_path / home) if home else ""
    done = subprocess.run(
        [sys.executable, project / "app.py"],
        env=environment | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    # Folders that are missing are made, where they can be.
    own = home in ("a file", "", None)
    assert done.stderr == (f"{project / 'build' / 'jsii'}\n" if own else "")
    # Marked before anything is in it, else the synth would take it for somebody else's.
    assert (project / "build" / "slipway.txt").exists() == own


def test_the_variable_that_says_where_is_still_jsiis() -> None:
    runtime = Path(jsii.__file__).with_name("_embedded") / "jsii" / "lib__program.js"
    assert "process.env.JSII_RUNTIME_PACKAGE_CACHE_ROOT" in runtime.read_text()


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
    assert imported - sys.stdlib_module_names == {"aws_cdk", "model_artifact", "settings", "stacks"}


@pytest.mark.parametrize(
    ("stage", "stack", "update"),
    [
        (
            None,
            "iris-dev",
            "ALL_AT_ONCE: a variant may have one instance, which cannot be moved ",
        ),
        ("prod", "iris-prod", "CANARY 50 %: every variant has 2 instances or more"),
    ],
)
def test_a_stage_becomes_a_stack_with_the_endpoints_name_and_the_real_archive(
    project: Path, stage: str | None, stack: str, update: str
) -> None:
    done = run_app(project, stage)
    assert done.returncode == 0
    # All that is said is what was chosen: which image (a version may be a beginning of one, and
    # what that stands for changes with the table of images) and how it is updated. (And that the
    # trial takes its time.)
    said = [line for line in done.stderr.splitlines() if not line.startswith("loading")]
    registry = "492215442770.dkr.ecr.eu-central-1.amazonaws.com"
    assert said[0] == f"{stack}: image {registry}/sagemaker-scikit-learn:1.9-0-cpu-py3"
    assert said[1].startswith(f"{stack}: updates {update}")
    assert len(said) == 2
    assets = json.loads((project / "cdk.out" / f"{stack}.assets.json").read_text())
    (archive,) = (key for key in assets["files"] if key.endswith(".tar"))
    template = (project / "cdk.out" / f"{stack}.template.json").read_text()
    assert f"{archive}.gz" in template
    # Of each endpoint's own: two that are synthesized at once have an archive each.
    assert sorted(file.parent.name for file in (project / "build").glob("**/*.gz")) == [stack]


def test_a_model_in_s3_is_not_packed_and_it_is_said_that_it_was_not_inspected(
    project: Path,
) -> None:
    artifact = "s3://models/iris/1/"
    shutil.rmtree(project / "model_artifact" / "model")
    edit(project, "examples/own", 'artifact = "model_artifact/model"', f'artifact = "{artifact}"')
    done = run_app(project, "examples/own")
    assert done.returncode == 0
    assert f"iris-dev: {artifact} is not inspected" in done.stderr
    assert not (project / "build").exists()


def test_a_model_that_needs_no_code_is_packed_without(project: Path) -> None:
    sklearn = 'framework = "sklearn"\nversion = "1.9-0"'
    edit(project, "own", sklearn, 'framework = "xgboost"\nversion = "3.2-0"', code="code = false")
    assert run_app(project, "stages/own.toml", inspect="off").returncode == 0
    with tarfile.open(project / "build" / "iris-dev" / "model.tar.gz") as archive:
        names = archive.getnames()
    assert "model.joblib" in names
    assert not any(name.startswith("code") for name in names)


def test_an_image_that_cannot_load_the_model_stops_the_synth_unless_told_otherwise(
    project: Path,
) -> None:
    edit(project, "own", 'version = "1.9-0"', 'version = "1.2-1"')
    done = run_app(project, "own")
    assert done.returncode == 1
    assert "saved with scikit-learn 1.9.0, but the image has 1.2.1, which is older" in done.stderr
    assert "[sklearn-breaks]; choose an image with scikit-learn 1.9" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((project / "cdk.out").glob("*.template.json"))
    assert run_app(project, "own", inspect="off").returncode == 0


def test_a_switch_that_is_misspelt_is_refused(project: Path) -> None:
    done = run_app(project, None, inspect="of")
    assert done.returncode == 1
    assert done.stderr == "-c inspect=of: it can only be off; leave it out to inspect\n"


@pytest.mark.parametrize(
    ("broken", "stage", "said"),
    [
        ("stages/prod.toml", "production", "there is dev, examples/ab, "),
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


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_build_and_cdk_out_are_for_their_user_alone_and_a_folder_of_another_name_is_not_touched(
    project: Path, umask: int
) -> None:
    previous = os.umask(umask)
    try:
        (project / "cdk.out").mkdir()  # as the CDK CLI does
        (project / "output").mkdir(mode=0o755)
        permissions = (project / "output").stat().st_mode
        assert run_app(project, None).returncode == 0
        for name in ("build", "cdk.out"):
            assert (project / name).stat().st_mode & 0o777 == 0o700
        (project / "build").chmod(0o755)
        assert run_app(project, None, outdir="output").returncode == 0
        assert (project / "build").stat().st_mode & 0o777 == 0o700, "it was opened, and is closed"
        assert (project / "output").stat().st_mode == permissions
    finally:
        os.umask(previous)


@pytest.mark.parametrize("name", ["notes.txt", "iris-dev/model.tar.gz"])
def test_a_build_folder_that_others_use_is_refused_and_left_as_it_is(
    project: Path, name: str
) -> None:
    path = project / "build" / name
    path.parent.mkdir(parents=True)
    path.write_text("theirs")
    done = run_app(project, None)
    assert done.returncode == 1
    held = name.partition("/")[0]
    assert done.stderr == (
        f"{project / 'build'}: this folder has to be for Slipway's archives alone, and it holds "
        f"{held}; move what is in the way, or let this folder be written to\n"
    )
    assert path.read_text() == "theirs"
    assert len([path for path in (project / "build").rglob("*") if path.is_file()]) == 1


def test_a_build_folder_that_is_a_link_is_its_target(project: Path, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (project / "build").symlink_to(tmp_path / "large disk")
    assert run_app(project, None).returncode == 0
    assert (tmp_path / "large disk" / "iris-dev" / "model.tar.gz").is_file()
    (project / "build").unlink()
    (project / "build").symlink_to(tmp_path / "gone")
    done = run_app(project, None)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "build/slipway.txt: No such file or directory" in done.stderr
