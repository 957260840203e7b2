"""What AWS's XGBoost image does in its own way; other tests use scikit-learn's, the default."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from container import handler
from tests.container.test_app import ask

Load = Callable[..., handler.Transform]

CSV, JSON = "text/csv", "application/json"
IDENTITY = """
class Identity:
    def predict(self, matrix, validate_features=True):
        assert not validate_features
        return matrix.get_data().toarray()
def model_fn(d):
    return Identity()
"""


def test_functions_of_the_user_s_own_need_no_xgboost(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)  # as if it were not installed
    code = (
        "def model_fn(d):\n    return 'm'\n"
        "def input_fn(body, content_type):\n    return [body, content_type]\n"
        "def predict_fn(data, model):\n    return [*data, model]\n"
        "def output_fn(prediction, accept):\n    return str(prediction), accept\n"
    )
    assert load(code, "xgboost")("b", "c", "a") == ("['b', 'c', 'm']", "a")


def test_algorithm_mode_is_refused_by_name(load: Load, tmp_path: Path) -> None:
    code = str(tmp_path / "opt/ml/model/code")
    with pytest.raises(NotImplementedError, match="algorithm mode, which the local cloud does not"):
        load(IDENTITY, "xgboost", SAGEMAKER_SUBMIT_DIRECTORY=code)


def test_the_defaults_take_csv_to_a_matrix_and_a_prediction_to_what_is_accepted(
    load: Load,
) -> None:
    pytest.importorskip("xgboost")
    transform = load(IDENTITY, "xgboost")
    for accept, answered, expected in (
        (CSV, f"{CSV}; charset=utf-8", b"1.0,2.0\n3.0,4.0\n"),
        (JSON, JSON, b"[[1.0, 2.0], [3.0, 4.0]]"),
    ):
        status, headers, body = ask(
            transform, body=b"1,2\n3,4", headers={"Content-Type": CSV, "Accept": accept}
        )
        assert (status, headers["content-type"], body) == (200, answered, expected)


def test_json_is_none_of_the_formats_that_are_read_by_default(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("xgboost")
    status, headers, _ = ask(load(IDENTITY, "xgboost"), body=b"[[1, 2]]")
    assert (status, headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "Content type application/json is not supported" in capsys.readouterr().err


def test_a_flask_response_is_sent_as_it_is(load: Load) -> None:
    code = (
        "import flask\n"
        "def model_fn(d):\n    return 415\n"
        "def transform_fn(model, body, content_type, accept):\n"
        "    return flask.Response(body, model, content_type=content_type)\n"
    )
    answer = ask(load(code, "xgboost"), body=b"what?", headers={"Content-Type": "a/b"})
    status, headers, body = answer
    assert (status, headers["content-type"], body) == (415, "a/b", b"what?")


def test_a_booster_answers_with_the_defaults_alone(load: Load, tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    data = np.arange(20.0).reshape(10, 2)
    names = xgboost.DMatrix(data, label=data[:, 0], feature_names=["width", "height"])
    booster = xgboost.train({"max_depth": 2}, names, 3)
    model = tmp_path / "opt/ml/model"
    model.mkdir(parents=True)
    booster.save_model(model / "model.ubj")
    code = (
        "import pathlib, xgboost\n"
        "def model_fn(d):\n"
        "    booster = xgboost.Booster()\n"
        "    booster.load_model(pathlib.Path(d, 'model.ubj'))\n"
        "    return booster\n"
    )
    body, mimetype = load(code, "xgboost")("4,5\n6,7", CSV, JSON)
    expected = booster.predict(xgboost.DMatrix(data[2:4]), validate_features=False)
    assert mimetype == JSON
    assert json.loads(body) == pytest.approx(expected.tolist())
