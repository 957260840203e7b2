"""The first container of the example pipeline: the iris model takes its answer as a request."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from settings.stage import Stage
from tests.examples.conftest import ROOT, load_handler, trained

JSON, CSV = "application/json", "text/csv"
MEDIANS = [5.8, 3.0, 4.35, 1.3]


@pytest.fixture(scope="module")
def imputer() -> ModuleType:
    return load_handler("pipeline")


@pytest.fixture(scope="module")
def medians(imputer: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("pipeline")
    trained("pipeline", folder)
    return imputer.model_fn(str(folder))


def test_the_training_writes_the_medians_of_the_irises(medians: list[float]) -> None:
    assert medians == pytest.approx(MEDIANS)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"instances": [[5.1, null, 1.4, 0.2], [6, 3, 5, null]]}', JSON),
        (b"[[5.1, null, 1.4, 0.2], [6, 3, 5, null]]", "application/json; charset=utf-8"),
        ("5.1, ,1.4,0.2\n6,3,5,\r\n", CSV),
    ],
)
def test_a_gap_is_filled_with_the_median_and_numbers_stay_as_they_are(
    imputer: ModuleType, medians: list[float], body: str | bytes, content_type: str
) -> None:
    answer = imputer.transform_fn(medians, body, content_type, "text/csv")
    assert (answer.status_code, answer.content_type) == (200, JSON)
    assert answer.json == {"instances": [[5.1, 3.0, 1.4, 0.2], [6, 3, 5, 1.3]]}


def test_the_iris_model_answers_the_first_containers_answer(
    imputer: ModuleType, medians: list[float], handler: ModuleType, model_folder: Path
) -> None:
    sample = (ROOT / "examples" / "pipeline" / "code" / "sample.json").read_text()
    handed_on = imputer.transform_fn(medians, sample, JSON, "*/*")
    answer = handler.transform_fn(
        handler.model_fn(str(model_folder)), handed_on.get_data(), handed_on.content_type, JSON
    )
    assert answer.status_code == 200
    assert len(json.loads(answer.get_data())["predictions"]) == 2


@pytest.mark.parametrize(
    ("body", "content_type", "status", "said"),
    [
        ("{", JSON, 400, "the body is not JSON"),
        (b"\xff", JSON, 400, "the body is not UTF-8"),
        ("5", JSON, 400, "send"),
        ("[5]", JSON, 400, "row 1 is not a list of 4 values"),
        ("[[1, 2, 3]]", JSON, 400, "row 1 is not a list of 4 values"),
        ("[[1, 2, 3, true]]", JSON, 400, "row 1 has true, not a number"),
        (f"[[1, 2, 3, 1{'0' * 400}]]", JSON, 400, "row 1 has 1000"),
        ("[[1, 2, 3, NaN]]", JSON, 400, "row 1 has NaN, not a number"),
        ("1,2,3,4\n1,2,x,4", CSV, 400, 'row 2 has "x", not a number'),
        ("1", "text/plain", 415, "Content-Type is 'text/plain'"),
    ],
)
def test_what_cannot_be_read_ends_the_pipeline_with_a_reason(
    imputer: ModuleType,
    medians: list[float],
    body: str | bytes,
    content_type: str,
    status: int,
    said: str,
) -> None:
    answer = imputer.transform_fn(medians, body, content_type, JSON)
    assert answer.status_code == status
    assert said in answer.json["error"]


def test_the_stage_deploys_these_folders_before_the_iris_model() -> None:
    stage = Stage.load("examples/pipeline", ROOT / "stages")
    assert stage.served["impute"].artifact == Path("examples/pipeline/model")
    assert stage.served["impute"].code == Path("examples/pipeline/code")
    assert [place.model for place in stage.places("impute")] == ["impute"]
