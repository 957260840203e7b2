"""`make clean`: what was made goes, by name, and everything else stays and is said."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from model_artifact.build import build_folder
from model_artifact.preparation import prepare
from scripts.clean import clean
from settings.stage import Stage

ROOT = Path(__file__).parents[2]


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A project in which everything was made, with a file of its user beside."""
    root = tmp_path / "project"
    touch(root / "notes.txt")
    shutil.copy(ROOT / "package-lock.json", root)
    build_folder(root).claim()
    for name in (
        *("build/iris-dev/model.tar.gz", "build/iris-dev/model.tar.gz.json"),
        *("build/iris-ab/a/model.tar.gz", "build/iris-ab/a/model.tar.gz.inspection.json"),
        *("build/iris-ab/a/model.tar.gz.4711.part", "build/many/sourcedir.tar.gz"),
        *("build/wheels/ab01/a-1.0-py3-none-any.whl", "build/wheels/cd/requirements.txt"),
        *("build/wheels/.unfinished/asked", "build/sagemaker-core-2.27.0/lib/x.py"),
        *("cdk.out/cdk.out", "cdk.out/manifest.json", "cdk.out/iris-dev.template.json"),
        *("cdk.out/asset.ab.tar.gz", "cdk.out/.cache/x", "cdk.out/read.1.1.lock"),
        *("node_modules/aws-cdk/bin/cdk", "node_modules/.bin/cdk"),
        *("node_modules/.package-lock.json", ".venv/installed", ".venv/bin/python"),
    ):
        touch(root / name)
    return root


def test_all_that_was_made_goes_and_nothing_else(made: Path) -> None:
    assert list(clean(made)) == []
    assert sorted(path.name for path in made.iterdir()) == ["notes.txt", "package-lock.json"]
    assert list(clean(made)) == [], "again, there is nothing to do"


@pytest.mark.parametrize(
    ("folder", "name", "named"),
    [
        ("build", "notes.txt", "notes.txt"),
        ("build", "lib/module.py", "lib/module.py"),
        ("build", "iris-dev/model.tar.gz.backup", "iris-dev/model.tar.gz.backup"),
        ("build", "wheels/notes.txt", "wheels/notes.txt"),
        ("cdk.out", "notes.txt", "notes.txt"),
        ("node_modules", "left-pad/index.js", "left-pad"),
    ],
)
def test_a_file_of_the_users_stays_with_its_folder_and_is_named(
    made: Path, folder: str, name: str, named: str
) -> None:
    touch(made / folder / name)
    (line,) = clean(made)
    assert line == (
        f"{made / folder} stays, since it holds what was not made here ({named}); "
        "remove it yourself if nobody needs it"
    )
    kept = [path for path in (made / folder).rglob("*") if path.is_file()]
    assert kept == [made / folder / name]


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("build", lambda folder: (folder / "slipway.txt").unlink(), "it has no slipway.txt of "),
        (".venv", lambda folder: (folder / "installed").unlink(), "`make install` did not make it"),
    ],
)
def test_a_folder_that_was_not_made_here_stays_as_it_is(
    made: Path, name: str, change: Callable[[Path], None], why: str
) -> None:
    change(made / name)
    before = sorted((made / name).rglob("*"))
    (line,) = clean(made)
    assert line.startswith(f"{made / name} stays, since ")
    assert why in line
    assert sorted((made / name).rglob("*")) == before


@pytest.mark.parametrize("name", ["build", "cdk.out", "node_modules", ".venv"])
def test_a_link_stays_and_nothing_is_removed_through_it(made: Path, name: str) -> None:
    (made / name).rename(made / "elsewhere")
    (made / name).symlink_to("elsewhere")
    before = sorted((made / "elsewhere").rglob("*"))
    (line,) = clean(made)
    assert line.startswith(f"{made / name} stays, since it is a link; ")
    assert (made / name).is_symlink()
    assert sorted((made / "elsewhere").rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["build/iris-dev", "build/wheels", "build/wheels/ab01", "cdk.out/.cache", ".venv/bin"]
)
def test_a_link_below_a_folder_is_never_followed(made: Path, name: str) -> None:
    shutil.rmtree(made / name)
    touch(made / "elsewhere" / "model.tar.gz")
    touch(made / "elsewhere" / "a-1.0-py3-none-any.whl")
    (made / name).symlink_to(made / "elsewhere")
    before = sorted((made / "elsewhere").rglob("*"))
    list(clean(made))
    assert sorted((made / "elsewhere").rglob("*")) == before


def test_an_archive_s_folder_is_clean_again(project: Path) -> None:
    shutil.copy(ROOT / "package-lock.json", project)
    before = sorted(project.rglob("*"))
    prepare(Stage.load("dev", ROOT / "stages"), project)
    assert (project / "build" / "iris-dev" / "model.tar.gz").is_file()
    assert list(clean(project)) == []
    assert sorted(project.rglob("*")) == before


def test_make_clean_needs_no_environment(project: Path) -> None:
    for name in ("Makefile", "package-lock.json"):
        shutil.copy(ROOT / name, project)
    shutil.copytree(ROOT / "scripts", project / "scripts")
    build_folder(project).claim()
    touch(project / "build" / "iris-dev" / "model.tar.gz")
    touch(project / "build" / "notes.txt")
    path = f"{sys.base_prefix}/bin{os.pathsep}{os.defpath}"
    done = subprocess.run(
        ["make", "clean"],
        cwd=project, env={"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("(notes.txt); remove it yourself if nobody needs it\n")
    assert [path.name for path in (project / "build").iterdir()] == ["notes.txt"]
