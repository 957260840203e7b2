from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from container import handler
from container.requirements import UnsatisfiedRequirementsError
from container.source_code import DownloadError

Load = Callable[..., handler.Transform]

MODEL = """
class Doubling:
    def predict(self, rows):
        return rows * 2
def model_fn(model_dir):
    return Doubling()
"""


def test_transform_fn_alone_answers_with_the_model(load: Load) -> None:
    transform = load(
        "def model_fn(d):\n    return d\n"
        "def transform_fn(model, body, content_type, accept):\n"
        "    return model, body, content_type, accept\n"
    )
    model_dir, *rest = transform("b", "c", "a")
    assert model_dir.endswith("/opt/ml/model")
    assert rest == ["b", "c", "a"]


def test_four_functions_are_called_one_after_the_other(load: Load) -> None:
    transform = load(
        "def model_fn(d):\n    return ['m']\n"
        "def input_fn(body, content_type):\n    return [body, content_type]\n"
        "def predict_fn(data, model):\n    return data + model\n"
        "def output_fn(prediction, accept):\n    return prediction + [accept]\n"
    )
    assert transform("b", "c", "a") == ["b", "c", "m", "a"]


def test_model_fn_alone_gets_the_container_s_formats(load: Load) -> None:
    transform = load(MODEL)
    body, mimetype = transform("[[1, 2]]", "application/json", "application/json")
    assert (json.loads(body), mimetype) == ([[2.0, 4.0]], "application/json")
    assert transform("1,2\n3,4\n", "text/csv", "text/csv") == ("2.0,4.0\n6.0,8.0\n", "text/csv")


def test_each_function_may_be_left_to_its_default(load: Load) -> None:
    transform = load(MODEL + "def output_fn(prediction, accept):\n    return accept\n")
    assert transform("[1]", "application/json", "a/b") == "a/b"
    transform = load(MODEL + "def input_fn(body, content_type):\n    return 21\n")
    assert transform("", "x/y", "application/json") == ("42", "application/json")


def test_transform_fn_beside_one_of_the_three_is_an_error(load: Load) -> None:
    with pytest.raises(handler.UserError, match=r"Cannot use transform_fn .* has predict_fn too"):
        load(MODEL + "transform_fn = predict_fn = print\n")


def test_model_fn_is_mandatory(load: Load) -> None:
    with pytest.raises(NotImplementedError, match="Please provide a model_fn implementation"):
        load("transform_fn = print\n")


def test_functions_are_called_with_exactly_their_arguments(load: Load) -> None:
    transform = load(MODEL + "def input_fn(body, content_type, context):\n    return body\n")
    with pytest.raises(TypeError, match="context"):
        transform("", "a/b", "a/b")


def test_helper_modules_and_files_beside_the_program_are_there(load: Load, tmp_path: Path) -> None:
    files = {
        "code/inference.py": (
            "import pathlib, beside_it\n"
            "def model_fn(d):\n"
            "    return beside_it.WORD + pathlib.Path(d, 'm.txt').read_text() + __file__\n"
            "def transform_fn(m, *_):\n    return m\n"
        ),
        "code/beside_it.py": "WORD = 'word'",
        "m.txt": " and file ",
    }
    answer = load(files)("", "a/b", "a/b")
    assert answer == f"word and file {tmp_path}/opt/ml/code/inference.py"


def test_without_a_submit_directory_there_is_nothing_to_import(load: Load) -> None:
    with pytest.raises(handler.ImportModuleError, match=r"^No module named 'inference'$"):
        load(MODEL, SAGEMAKER_PROGRAM="inference.py")


def test_without_a_program_importlib_s_words_are_repeated(load: Load, tmp_path: Path) -> None:
    with pytest.raises(AttributeError, match=r"^'NoneType' object has no attribute 'startswith'"):
        load(MODEL, SAGEMAKER_SUBMIT_DIRECTORY=str(tmp_path / "opt/ml/model/code"))


def test_a_program_with_a_folder_or_in_the_wrong_one_is_not_found(
    load: Load, tmp_path: Path
) -> None:
    model = str(tmp_path / "opt/ml/model")
    with pytest.raises(handler.ImportModuleError, match="No module named 'code/inference'"):
        load(MODEL, SAGEMAKER_PROGRAM="code/inference.py", SAGEMAKER_SUBMIT_DIRECTORY=model)
    with pytest.raises(handler.ImportModuleError, match="No module named 'inference'"):
        load(MODEL, SAGEMAKER_PROGRAM="inference.py", SAGEMAKER_SUBMIT_DIRECTORY=model)


def test_a_module_that_the_program_misses_keeps_its_own_name(load: Load) -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named 'not_there'"):
        load("import not_there\n")


def test_code_that_cannot_be_found_or_downloaded_is_named(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    with pytest.raises(DownloadError, match=r"s3://b/sourcedir\.tar\.gz, which the container can"):
        load(
            MODEL,
            SAGEMAKER_PROGRAM="inference.py",
            SAGEMAKER_SUBMIT_DIRECTORY="s3://b/sourcedir.tar.gz",
        )
    with pytest.raises(DownloadError, match="it must be an s3:// URL or a path"):
        load(
            MODEL,
            SAGEMAKER_PROGRAM="inference.py",
            SAGEMAKER_SUBMIT_DIRECTORY="https://b/sourcedir.tar.gz",
        )
    with pytest.raises(FileNotFoundError, match="/nowhere does not exist"):
        load(MODEL, SAGEMAKER_PROGRAM="inference.py", SAGEMAKER_SUBMIT_DIRECTORY="/nowhere")


def test_requirements_that_are_not_met_stop_the_model_from_loading(load: Load) -> None:
    with pytest.raises(UnsatisfiedRequirementsError, match="no-such-thing is not installed"):
        load({"code/inference.py": MODEL, "code/requirements.txt": "no-such-thing"})
