"""From a stage to an archive that may be uploaded, as app.py has it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from model_artifact import preparation
from model_artifact.archive import ArchiveError
from model_artifact.build import build_folder
from model_artifact.preparation import InspectionError, check, container_of, prepare
from settings.stage import Stage
from tests.settings.edited import FRAMEWORK, load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stage() -> Stage:
    return Stage.load("dev", ROOT / "stages")


def test_the_container_is_the_stages(stage: Stage) -> None:
    container = container_of(stage)
    assert container.name == "sagemaker-scikit-learn:1.9-0-cpu-py3"
    assert container.environment["SAGEMAKER_PROGRAM"] == "inference.py"
    assert container.memory_bytes == 8 << 30
    assert container.startup_seconds == 300
    assert container.needs_script
    assert not container.network_isolation
    assert container.contents
    assert container.contents.packages["scikit-learn"] == "1.9.0"


def test_an_archive_is_inspected_once(
    stage: Stage, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = prepare(stage, project)
    assert archive
    check(archive, stage)

    def inspect(*_: object) -> None:
        raise AssertionError("it was inspected again")

    monkeypatch.setattr(preparation, "inspect", inspect)
    check(archive, stage)
    capsys.readouterr()


def test_warnings_are_printed_every_time_and_errors_stop(
    stage: Stage, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "inference" / "code" / "requirements.txt").write_text("flask>=3\n")
    for _ in range(2):
        archive = prepare(stage, project)
        assert archive
        check(archive, stage)
        said = capsys.readouterr().err
        assert "iris-dev: warning: code/requirements.txt: line 1: flask>=3" in said
        assert "[requirements-unpinned]" in said
    handler = project / "inference" / "code" / "inference.py"
    handler.write_text(handler.read_text().replace("def model_fn", "def load_model"))
    archive = prepare(stage, project)
    assert archive
    with pytest.raises(InspectionError) as caught:
        check(archive, stage)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("iris-dev: error: code/inference.py: the script has no model_fn")
    assert "-c inspect=off" in lines[-1]


def test_a_model_in_s3_is_not_packed(project: Path, tmp_path: Path) -> None:
    folders = 'artifact = "model_artifact/model"\ncode = "inference/code"'
    stage = load(tmp_path, (folders, 'artifact = "s3://bucket/model.tar.gz"'))
    assert prepare(stage, project) == {}


def test_packages_cannot_be_packed_for_an_image_whose_python_is_not_known(
    project: Path, tmp_path: Path
) -> None:
    image = 'framework = "mxnet"\nversion = "1.4.1"\npy_version = "py3"\nvendor_requirements = true'
    stage = load(tmp_path, (FRAMEWORK, image))
    with pytest.raises(ArchiveError, match=r"vendor_requirements needs to know which Python"):
        prepare(stage, project)


def test_of_a_multi_model_container_the_code_alone_is_packed(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = 'artifact = "model_artifact/model"\ncode = "inference/code"'
    many = 'artifact = "s3://bucket/models/"\nmulti_model = true\ncode = "inference/code"'
    stage = load(tmp_path, (folders, many))
    archives = prepare(stage, project)
    assert build_folder(project).is_marked()
    with tarfile.open(archives[""].path) as archive:
        assert "inference.py" in archive.getnames()
    check(archives, stage)
    assert "s3://bucket/models/ is not inspected" in capsys.readouterr().err
    (project / "inference" / "code" / "inference.py").unlink()
    with pytest.raises(ArchiveError, match=r"there is no inference.py"):
        prepare(stage, project)
