from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from local_cloud.container import handler
from local_cloud.container.encoders import UnsupportedFormatError
from local_cloud.container.xgboost_image import XGBOOST
from tests.local_cloud.container.test_app import ask

Load = Callable[..., handler.Transform]

IDENTITY = """
class Identity:
    def predict(self, matrix, validate_features=True):
        assert not validate_features
        return matrix.get_data().toarray()
def model_fn(d):
    return Identity()
"""


def returning(result: Any) -> Any:
    return lambda *_: result


def raising(error: Exception) -> Any:
    def transform(*_: Any) -> Any:
        raise error

    return transform


def rows(body: str | bytes, content_type: str) -> list[list[float | None]]:
    """Decode a body, and give its rows, with None for what is missing."""
    matrix = XGBOOST.input_fn(body, content_type)
    found = np.full((matrix.num_row(), matrix.num_col()), np.nan)
    entries = matrix.get_data().tocoo()
    found[entries.row, entries.col] = entries.data
    return [[None if np.isnan(cell) else cell for cell in row] for row in found.tolist()]


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
    assert load(code, XGBOOST)("b", "c", "a") == ("['b', 'c', 'm']", "a")


def test_model_fn_is_mandatory_and_transform_fn_stands_alone(load: Load) -> None:
    with pytest.raises(NotImplementedError, match="Please provide a model_fn implementation"):
        load("transform_fn = print\n", XGBOOST)
    with pytest.raises(handler.UserError, match="Cannot use transform_fn"):
        load("model_fn = transform_fn = input_fn = print\n", XGBOOST)


def test_algorithm_mode_is_refused_by_name(load: Load, tmp_path: Path) -> None:
    code = str(tmp_path / "opt/ml/model/code")
    with pytest.raises(NotImplementedError, match="algorithm mode, which the local cloud does not"):
        load(IDENTITY, XGBOOST, SAGEMAKER_SUBMIT_DIRECTORY=code)


def test_the_defaults_take_csv_to_a_matrix_and_a_prediction_to_what_is_accepted(
    load: Load,
) -> None:
    pytest.importorskip("xgboost")
    transform = load(IDENTITY, XGBOOST)
    csv, as_json = "text/csv", "application/json"
    for accept, expected in (
        (csv, b"1.0,2.0\n3.0,4.0\n"),
        (as_json, b"[[1.0, 2.0], [3.0, 4.0]]"),
    ):
        status, headers, body = ask(
            transform,
            body=b"1,2\n3,4",
            headers={"Content-Type": csv, "Accept": accept},
            image=XGBOOST,
        )
        assert (status, headers["content-type"], body) == (200, accept, expected)
    npy = transform("1,2\n3,4", csv, "application/x-npy")
    assert npy[:6] == b"\x93NUMPY"


def test_csv_has_the_delimiter_of_its_first_line_and_missing_cells() -> None:
    pytest.importorskip("xgboost")
    assert rows("1,2\n3,4", "text/csv") == [[1, 2], [3, 4]]
    assert rows(b"1;2;\n;4;5", "text/csv; charset=utf-8") == [[1, 2, None], [None, 4, 5]]
    with pytest.raises(ValueError, match="inhomogeneous"):
        rows("1,2\n", "text/csv")


@pytest.mark.parametrize("content_type", ["text/libsvm", "text/x-libsvm"])
def test_libsvm_is_counted_from_its_lowest_index_and_its_labels_are_skipped(
    content_type: str,
) -> None:
    pytest.importorskip("xgboost")
    assert rows(b"1 1:5 3:7\n0 2:6\n", content_type) == [[5, 0, 7], [0, 6, 0]]
    assert rows("0:5 2:7", content_type) == [[5, 0, 7]]
    assert rows(b"", content_type) == []


@pytest.mark.parametrize("content_type", ["application/json", "application/x-recordio-protobuf"])
def test_other_content_types_are_not_supported(content_type: str) -> None:
    pytest.importorskip("xgboost")
    with pytest.raises(UnsupportedFormatError, match=content_type):
        XGBOOST.input_fn("[[1]]", content_type)


def test_a_body_is_text_when_it_is_json_or_csv_and_has_no_type_when_none_is_given() -> None:
    def echo(body: str | bytes, content_type: str | None, accept: str) -> Any:
        return [type(body).__name__, content_type, accept]

    def told(**headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return json.loads(ask(echo, headers=named, image=XGBOOST)[2])

    assert told() == ["bytes", None, "application/json"]
    assert told(content_type="text/csv", accept="*/*") == ["str", "text/csv", "application/json"]
    assert told(content_type="text/libsvm", accept="a/b")[::2] == ["bytes", "a/b"]


def test_a_result_has_the_type_that_was_accepted_unless_it_names_its_own() -> None:
    accept = {"Accept": "text/csv"}
    for result, content_type, body in (
        ("é", "text/csv", "é".encode()),
        (bytearray(b"b"), "text/csv", b"b"),
        (("b", "a/b"), "a/b", b"b"),
        ({"a": [1]}, "text/csv", b'{\n  "a": [\n    1\n  ]\n}'),
    ):
        status, headers, answered = ask(returning(result), headers=accept, image=XGBOOST)
        assert (status, headers["content-type"], answered) == (200, content_type, body)


def test_a_flask_response_is_nothing_that_this_image_sends() -> None:
    import flask

    status, _, body = ask(returning(flask.Response("no", 400)), image=XGBOOST)
    assert status == 503
    assert json.loads(body)["message"] == "Unsupported model output data type."


def test_an_exception_is_told_with_its_traceback() -> None:
    status, headers, body = ask(raising(ValueError("too wide")), image=XGBOOST)
    assert (status, headers["content-type"]) == (500, "text/plain; charset=utf-8")
    message, first, *_ = body.decode().splitlines()
    assert (message, first) == ("too wide", "Traceback (most recent call last):")


def test_the_toolkit_s_own_errors_have_the_status_that_they_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class BaseInferenceToolkitError(Exception):
        def __init__(self, status_code: int, message: str, phrase: str) -> None:
            self.status_code, self.message, self.phrase = status_code, message, phrase

    errors: Any = types.ModuleType("sagemaker_inference.errors")
    errors.BaseInferenceToolkitError = BaseInferenceToolkitError
    monkeypatch.setitem(sys.modules, "sagemaker_inference.errors", errors)
    error = BaseInferenceToolkitError(415, "no such type", "Unsupported")
    status, _, body = ask(raising(error), image=XGBOOST)
    assert (status, body.splitlines()[0]) == (415, b"no such type")


def test_a_booster_answers_with_the_defaults_alone(load: Load, tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    data = np.arange(20.0).reshape(10, 2)
    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(data, label=data[:, 0]), 3)
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
    answer = load(code, XGBOOST)("4,5\n6,7", "text/csv", "application/json")
    expected = booster.predict(xgboost.DMatrix(data[2:4]))
    assert json.loads(answer) == pytest.approx(expected.tolist())
