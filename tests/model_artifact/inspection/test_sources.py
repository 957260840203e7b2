"""The text files of code/ are judged correctly, and no text makes inspection fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_artifact.inspection import Container, layout, requirements, script, versions
from model_artifact.inspection.contents import ArchiveContents
from model_artifact.inspection.imports import Imports
from model_artifact.inspection.pickle_files import Pickle
from tests.model_artifact.inspection.archives import container

SKLEARN = container()
PYTORCH = container("pytorch-inference:2.6.0-cpu-py312")
LINES = st.lists(
    st.sampled_from(
        ["a==1", "a>=1,<2 # b", "-r other.txt", "--no-index", "-e .", "a @ file:///b", "a[b]==1",
         "a==1 --hash=sha256:00", "a ; python_version < '3'", "a;extra=='b'", "\\", "==", "./c.whl",
         "\ufeffa", "a==1\\"]
    )
    | st.text(max_size=20)
).map("\n".join)  # fmt: skip


def judged(sources: dict[str, bytes], into: Container = SKLEARN) -> list[str]:
    """Judge text files of code/, and return the ids of the findings."""
    contents = ArchiveContents(Path("model.tar.gz"), dict.fromkeys(sources, 1), sources)
    asked = requirements.read(contents)
    imports = Imports(into, asked.names, contents.modules)
    return [
        found.rule.id
        for found in (
            *layout.check(contents, into),
            *script.check(contents, into, imports),
            *requirements.check(contents, into, asked),
        )
        if not found.rule.id.startswith("layout")
    ]


@given(st.binary(max_size=300), LINES)
def test_no_text_file_whatever_makes_inspection_fail(source: bytes, lines: str) -> None:
    for into in (SKLEARN, PYTORCH, Container("own:1")):
        judged(
            {"code/inference.py": source, "code/requirements.txt": lines.encode("utf-8", "ignore")},
            into,
        )


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "+".join(["1"] * 3000),
        "x = " + "-" * 3000 + "1",
        "f" + "()" * 3000,
        "if x:\n  pass\n" + "elif x:\n  pass\n" * 3000,
    ],
)
def test_code_of_any_depth_is_judged(source: str) -> None:
    ids = judged({"code/inference.py": source.encode()})
    assert ids in (["script-model-fn"], ["script-syntax"])


def test_a_syntax_error_without_a_line_names_the_file() -> None:
    contents = ArchiveContents(Path("model.tar.gz"), sources={"code/a.py": b"# coding: nowhere\n"})
    (found,) = script.check(contents, SKLEARN, Imports(SKLEARN, [], []))
    assert "cannot read this file: " in found.got


def test_the_script_may_be_left_out_only_where_the_stage_accepts_it() -> None:
    contents = ArchiveContents(Path("model.tar.gz"), sizes={"model.json": 1})
    for into, fix in (
        (SKLEARN, "write it"),
        (container("sagemaker-xgboost:3.2-0"), "code = false"),
    ):
        (found,) = layout.check(contents, into)
        assert fix in found.fix
        assert ("code = false" in found.fix) is (into is not SKLEARN)


@pytest.mark.parametrize(
    "source",
    [
        "def model_fn(model_dir): ...",
        "def model_fn(model_dir, extra=None): ...",
        "def model_fn(*everything): ...",
        "from handlers import model_fn",
        "import handlers\nmodel_fn = handlers.load",
        "model_fn: object = lambda folder: folder",
        "try:\n    def model_fn(d): ...\nexcept ImportError:\n    raise",
        "if True:\n    def model_fn(d): ...\nelse:\n    model_fn = None",
        "class Loader: ...\nmodel_fn = Loader()",
    ],
)
def test_a_model_fn_is_found_however_it_is_defined(source: str) -> None:
    assert judged({"code/inference.py": source.encode(), "code/handlers.py": b""}) == []


@pytest.mark.parametrize(
    ("into", "arguments", "fits"),
    [
        (SKLEARN, "d", True),
        (SKLEARN, "d, context", False),
        (SKLEARN, "", False),
        (SKLEARN, "*, d", False),
        (PYTORCH, "d", True),
        (PYTORCH, "d, context", True),
        (PYTORCH, "d, context=None", True),
        (PYTORCH, "d, context, more", False),
    ],
)
def test_the_containers_differ_in_how_they_call(
    into: Container, arguments: str, fits: bool
) -> None:
    ids = judged({"code/inference.py": f"def model_fn({arguments}): ...".encode()}, into)
    assert ("script-arity" not in ids) is fits


MODEL_FN = "def model_fn(d): ...\n"


@pytest.mark.parametrize(
    ("source", "ids"),
    [
        ("import os.path, sklearn.linear_model", []),
        ("from sklearn import linear_model", []),
        ("from PIL import Image\nimport yaml", []),
        ("from google.protobuf import json_format", []),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lightgbm", []),
        ("import typing\nif typing.TYPE_CHECKING:\n    import lightgbm", []),
        ("import lightgbm, lightgbm.sklearn", ["script-import"]),
        ("def late():\n    import lightgbm", ["script-import-unsure"]),
        ("from . import handlers", ["script-import"]),
        ("import distutils", ["script-import"]),
        ("import package.module", []),
    ],
)
def test_an_import_is_judged_by_what_the_image_has(source: str, ids: list[str]) -> None:
    files = {"code/inference.py": (MODEL_FN + source).encode(), "code/package/__init__.py": b""}
    assert judged(files) == ids


def test_a_requirement_may_bring_an_unknown_module() -> None:
    files = {
        "code/inference.py": (MODEL_FN + "import unheard_of, tqdm").encode(),
        "code/requirements.txt": b"\xef\xbb\xbftqdm==4.67.1\n",
    }
    assert judged(files) == ["script-import-unsure"]


# As measured (docs/inspection.md has the tables): what fails, and what works.
@pytest.mark.parametrize(
    ("saved", "tag", "fails", "works"),
    [
        ("1.9.0", "1.4-2-py312-cpu-py3", ["LogisticRegression"], []),
        ("1.4.2", "1.2-1-cpu-py3", ["LogisticRegression"], []),
        ("1.4.2", "1.9-0-cpu-py3",
         ["GradientBoostingClassifier", "HistGradientBoostingClassifier", "SimpleImputer"],
         ["RandomForestClassifier", "LogisticRegression", "PCA"]),
        ("1.3.2", "1.4-2-py312-cpu-py3",
         ["DecisionTreeClassifier", "RandomForestClassifier", "GradientBoostingClassifier",
          "HistGradientBoostingClassifier"],
         ["ExtraTreeClassifier", "ExtraTreesClassifier", "IsolationForest", "LogisticRegression"]),
        ("1.2.1", "1.9-0-cpu-py3",
         ["DecisionTreeClassifier", "RandomForestRegressor", "IsolationForest",
          "ExtraTreesRegressor", "RandomTreesEmbedding", "GradientBoostingRegressor",
          "HistGradientBoostingRegressor"],
         ["LogisticRegression", "StandardScaler"]),
    ],
)  # fmt: skip
def test_a_version_of_scikit_learn_is_judged_as_was_measured(
    saved: str, tag: str, fails: list[str], works: list[str]
) -> None:
    def ids(estimator: str) -> list[str]:
        contents = ArchiveContents(Path("model.tar.gz"))
        contents.pickles = [Pickle("model.pkl", estimators={(estimator, saved)})]
        into = container(f"sagemaker-scikit-learn:{tag}")
        return [found.rule.id for found in versions.check(contents, into)]

    assert {name: ids(name) for name in fails} == {name: ["sklearn-breaks"] for name in fails}
    assert {name: ids(name) for name in works} == {name: ["sklearn-differs"] for name in works}


def test_an_estimator_that_fails_is_named_once() -> None:
    contents = ArchiveContents(Path("model.tar.gz"))
    contents.pickles = [Pickle("m.pkl", estimators={("GradientBoostingClassifier", "1.2.1")})]
    (found,) = versions.check(contents, SKLEARN)
    assert found.got.count("GradientBoostingClassifier") == 1
