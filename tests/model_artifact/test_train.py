from __future__ import annotations

import hashlib
import json
from pathlib import Path

import joblib
import pytest

from model_artifact.train import main


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
