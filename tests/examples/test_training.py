"""The files that the examples' trainings write; with the code beside them they make an archive."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import onnx
import pytest
from packaging.requirements import Requirement

from model_artifact.archive import build_archive
from tests.examples.conftest import ROOT, load_handler, trained

OPTIONS = {"onnx": "--hidden-units", "xgboost": "--rounds"}


def metadata_of(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "metadata.json").read_text())
    return document


def test_training_again_in_another_process_gives_the_same_bytes(
    example: str, folder: Path, tmp_path: Path
) -> None:
    again = trained(example, tmp_path, hash_seed="1")
    assert again == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_onnx_file_has_nothing_in_the_order_of_a_set(onnx_folder: Path) -> None:
    domains = [opset.domain for opset in onnx.load(onnx_folder / "model.onnx").opset_import]
    assert len(domains) > 1
    assert domains == sorted(domains)


def test_another_parameter_gives_another_model(example: str, folder: Path, tmp_path: Path) -> None:
    other = trained(example, tmp_path, OPTIONS[example], "5")
    name = metadata_of(folder)["model"]["file"]
    assert other[name] != (folder / name).read_bytes()


def test_the_metadata_describes_the_model_beside_it(folder: Path) -> None:
    described = metadata_of(folder)
    saved = (folder / described["model"]["file"]).read_bytes()
    assert described["model"]["sha256"] == hashlib.sha256(saved).hexdigest()
    assert described["versions"][described["framework"]]
    assert described["held_out"]["rows"] >= 100
    assert described["held_out"]["accuracy"] > 0.94


@pytest.mark.parametrize("name", ["metadata.json", "THE MODEL"])
def test_a_model_of_the_users_is_not_written_over_and_it_is_said_in_one_line(
    example: str, folder: Path, name: str, tmp_path: Path
) -> None:
    file = tmp_path / name.replace("THE MODEL", metadata_of(folder)["model"]["file"])
    file.write_text("theirs")
    main = import_module(f"examples.{example}.train").main
    with pytest.raises(SystemExit, match=f"^{file}: no training wrote this file, .* --output$"):
        main(["--output", str(tmp_path), OPTIONS[example], "1"])
    assert [path.read_text() for path in tmp_path.iterdir()] == ["theirs"]


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "x"])
def test_a_parameter_that_trains_no_model_is_refused(
    example: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = import_module(f"examples.{example}.train").main
    with pytest.raises(SystemExit):
        main(["--output", str(tmp_path), OPTIONS[example], value])
    assert value in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_not_the_described_one_is_not_loaded(
    example: str, folder: Path, tmp_path: Path
) -> None:
    changed = shutil.copytree(folder, tmp_path / "model")
    file = changed / metadata_of(folder)["model"]["file"]
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="train again"):
        load_handler(example).model_fn(str(changed))


def test_model_and_code_make_an_archive(example: str, folder: Path, tmp_path: Path) -> None:
    archive = build_archive(folder, ROOT / "examples" / example / "code", tmp_path / "m.tar.gz")
    with tarfile.open(archive.path) as tar:
        names = set(tar.getnames())
    expected = {"metadata.json", "code/inference.py", "code/sample.json"}
    assert expected <= names
    assert metadata_of(folder)["model"]["file"] in names


def test_the_container_installs_the_onnxruntime_that_was_tried(onnx_folder: Path) -> None:
    lines = (ROOT / "examples" / "onnx" / "code" / "requirements.txt").read_text().splitlines()
    (pin,) = [line for line in lines if not line.startswith("#")]
    assert pin == f"onnxruntime=={metadata_of(onnx_folder)['versions']['onnxruntime']}"


def test_onnxruntime_leaves_the_protobuf_of_the_image_alone() -> None:
    asked = [Requirement(line) for line in metadata.requires("onnxruntime") or []]
    (protobuf,) = [requirement for requirement in asked if requirement.name == "protobuf"]
    # docker/sklearn/1.9-0/pyproject.toml of https://github.com/aws/deep-learning-containers
    assert protobuf.specifier.contains("3.20.2")
