from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest

from model_artifact.train import main
from model_artifact.trained import TrainedModelError, save_model


def trained(folder: Path, *options: str) -> dict[str, bytes]:
    main(["--output", str(folder), *options])
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_training_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    assert trained(tmp_path / "one") == trained(tmp_path / "two")


def test_another_parameter_gives_another_model(tmp_path: Path) -> None:
    other = trained(tmp_path / "two", "--inverse-regularization", "0.01")
    assert trained(tmp_path / "one")["model.joblib"] != other["model.joblib"]


def test_the_metadata_describes_the_model_beside_it(model_folder: Path) -> None:
    metadata = json.loads((model_folder / "metadata.json").read_text())
    pickled = (model_folder / metadata["model"]["file"]).read_bytes()
    classifier = joblib.load(model_folder / metadata["model"]["file"])
    assert metadata["model"]["sha256"] == hashlib.sha256(pickled).hexdigest()
    assert metadata["classes"] == list(classifier.classes_)
    assert len(metadata["feature_names"]) == classifier.n_features_in_
    assert metadata["versions"]["scikit-learn"] == "1.9.0"
    assert metadata["held_out"]["accuracy"] > 0.9


@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "x"])
def test_a_parameter_that_trains_no_model_is_refused(
    tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        trained(tmp_path, "--inverse-regularization", value)
    assert value in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_another_training_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    save_model(tmp_path, "model.bin", b"old", {"framework": "any"})
    save_model(tmp_path, "model.bin", b"new", {"framework": "any"})
    (tmp_path / "model.bin").unlink()
    save_model(tmp_path, "model.bin", b"newer", {"framework": "any"})
    assert (tmp_path / "model.bin").read_bytes() == b"newer"
    assert json.loads((tmp_path / "metadata.json").read_text())["framework"] == "any"


def replaced(folder: Path) -> None:
    """Put a file of another's in the place of the one that was trained."""
    save_model(folder, "model.bin", b"old", {})
    (folder / "model.bin").write_bytes(b"theirs")


@pytest.mark.parametrize(
    ("put", "named"),
    [
        (lambda folder: (folder / "model.bin").write_bytes(b"theirs"), "model.bin"),
        (lambda folder: (folder / "metadata.json").write_text("{}"), "metadata.json"),
        (lambda folder: (folder / "metadata.json").write_text("[not JSON"), "metadata.json"),
        (lambda folder: (folder / "model.bin").symlink_to("elsewhere"), "model.bin"),
        (replaced, "model.bin"),
    ],
)
def test_a_file_that_no_training_wrote_is_not_written_over(
    tmp_path: Path, put: Callable[[Path], object], named: str
) -> None:
    put(tmp_path)
    before = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TrainedModelError, match=rf"{named}: no training wrote this file"):
        save_model(tmp_path, "model.bin", b"new", {})
    assert before == {
        path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()
    }


def test_the_command_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_text("theirs")
    with pytest.raises(SystemExit, match=r"^.*/model\.joblib: no training wrote .* --output$"):
        trained(tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["theirs"]
