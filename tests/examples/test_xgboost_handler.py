"""The XGBoost example's handler: what the container may pass to it, and what it gets back."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.examples.conftest import ROOT, load_handler
from tests.npy_bodies import HEADERS, damaged, npy

JSON, JSON_LINES = "application/json", "application/jsonlines"
CSV, NPY = "text/csv", "application/x-npy"
FORMATS = [JSON, JSON_LINES, CSV, NPY]
SAMPLE = (ROOT / "examples" / "xgboost" / "code" / "sample.json").read_text()
ROWS: list[list[float | None]] = json.loads(SAMPLE)["instances"]
TABLE = np.array(ROWS, dtype=np.float64)
Ask = Callable[..., tuple[int, str, bytes]]


@pytest.fixture(scope="session")
def ask(xgboost_folder: Path) -> Ask:
    handler = load_handler("xgboost")
    model = handler.model_fn(str(xgboost_folder))

    def ask(
        body: str | bytes, content_type: str = JSON, accept: str = "*/*"
    ) -> tuple[int, str, bytes]:
        response = handler.transform_fn(model, body, content_type, accept)
        return response.status_code, response.content_type, response.get_data()

    return ask


def bodies(rows: list[list[float | None]]) -> dict[str, str | bytes]:
    """The same rows in every format."""
    cells = [["" if value is None else repr(value) for value in row] for row in rows]
    return {
        JSON: json.dumps({"instances": rows}),
        JSON_LINES: "".join(json.dumps(row) + "\n" for row in rows),
        CSV: "".join(",".join(row) + "\r\n" for row in cells),
        NPY: npy(np.array(rows, dtype=np.float64)),
    }


def test_the_sample_request_is_answered(ask: Ask) -> None:
    status, content_type, body = ask(SAMPLE)
    answer = json.loads(body)
    assert (status, content_type) == (200, JSON)
    assert answer["predictions"] == ["malignant", "benign"]
    for row in answer["probabilities"]:
        assert list(row) == ["malignant", "benign"]
        assert sum(row.values()) == pytest.approx(1)


@pytest.mark.parametrize("charset", ["", "; charset=utf-8"])
@pytest.mark.parametrize("content_type", FORMATS)
def test_the_same_rows_get_the_same_answer_in_every_format(
    ask: Ask, content_type: str, charset: str
) -> None:
    body = bodies(ROWS)[content_type]
    assert ask(body, content_type + charset) == ask(SAMPLE)
    as_bytes = body.encode() if isinstance(body, str) else body
    assert ask(as_bytes, content_type + charset) == ask(SAMPLE)


def test_a_bare_list_of_rows_is_taken_as_well(ask: Ask) -> None:
    assert ask(json.dumps(ROWS)) == ask(SAMPLE)


def test_an_array_of_any_real_type_or_order_is_taken(ask: Ask) -> None:
    rows = np.arange(60).reshape(2, 30)
    expected = ask(json.dumps(rows.tolist()))
    for array in (rows.astype(">i2"), rows.astype(np.float16), np.asfortranarray(rows)):
        assert ask(npy(array), NPY) == expected


def test_a_missing_value_is_not_a_zero(ask: Ask) -> None:
    missing, zero = ([None] * 30, [0.0] * 30)
    assert ask(json.dumps([missing]))[0] == 200
    assert ask(json.dumps([missing])) != ask(json.dumps([zero]))


def test_the_answer_has_the_same_values_in_every_format(ask: Ask) -> None:
    table = json.loads(ask(SAMPLE)[2])
    probabilities = [list(row.values()) for row in table["probabilities"]]
    _, kind, lines = ask(SAMPLE, accept=JSON_LINES)
    answers = [json.loads(line) for line in lines.splitlines()]
    assert kind == JSON_LINES
    assert [answer["prediction"] for answer in answers] == table["predictions"]
    assert [answer["probabilities"] for answer in answers] == table["probabilities"]
    _, kind, text = ask(SAMPLE, accept=CSV)
    cells = [line.split(",") for line in text.decode().splitlines()]
    assert kind.startswith(CSV)
    assert [row[0] for row in cells] == table["predictions"]
    assert [[float(cell) for cell in row[1:]] for row in cells] == probabilities
    _, kind, data = ask(SAMPLE, accept=NPY)
    assert kind == NPY
    assert np.load(io.BytesIO(data)).tolist() == probabilities


@pytest.mark.parametrize(
    ("accept", "chosen"), [("", JSON), ("text/html, text/csv;q=0.5, */*", CSV), ("*/*;q=0.1", JSON)]
)
def test_the_first_known_format_is_chosen(ask: Ask, accept: str, chosen: str) -> None:
    assert ask(SAMPLE, accept=accept)[1].startswith(chosen)


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        ("", JSON, "the body is not JSON"),
        ("null", JSON, '{"instances"'),
        ("{}", JSON, '{"instances"'),
        ("[]", JSON, "shape (0,)"),
        ("[1.5]", JSON, "row 1 is 1.5"),
        ("[[1, 2]]", JSON, "mean radius"),
        ("[[1, 2], [1]]", JSON, "row 2 has 1 values, but row 1 has 2"),
        ('[["1"]]', JSON, 'row 1, value 1 is "1"'),
        ("[[1, true]]", JSON, "row 1, value 2 is true"),
        ("[[[1]]]", JSON, "row 1, value 1 is [1]"),
        (json.dumps([[1e39] + [0] * 29]), JSON, "mean radius is 1e+39"),
        (json.dumps([[0] * 29 + [float("inf")]]), JSON, "worst fractal dimension is inf"),
        (f"[[{'9' * 400}]]", JSON, "a number is too large for float64"),
        (f"[[{'9' * 5000}]]", JSON, "not JSON"),
        ("[" * 100_000, JSON, "not JSON"),
        (b"\xff", "application/json; charset=latin-1", "not UTF-8"),
        ("[1]\n[1", JSON_LINES, "row 2 is not JSON"),
        ("a,b\n1,2\n", CSV, 'row 1, value 1 is "a"'),
        ("1,2\n\n1,2\n", CSV, "row 2 has 1 values"),
        ("1,1_0\n", CSV, '"1_0"'),
        ("", CSV, "shape (0,)"),
        (b"", NPY, "not NPY"),
        ("text", NPY, "not NPY"),
        (npy(TABLE)[:-1], NPY, "not NPY"),
        (npy(TABLE[0]), NPY, "shape (30,)"),
        (npy(TABLE.astype(complex)), NPY, "complex"),
        (npy(TABLE.astype(object)), NPY, "not NPY"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_400_that_says_what_and_where(
    ask: Ask, body: str | bytes, content_type: str, said: str
) -> None:
    status, kind, answer = ask(body, content_type)
    assert (status, kind) == (400, JSON)
    assert said in json.loads(answer)["error"]


@pytest.mark.parametrize("body", HEADERS)
def test_a_header_that_lies_is_a_400(ask: Ask, body: bytes) -> None:
    assert ask(body, NPY)[0] == 400


@pytest.mark.parametrize("content_type", ["image/png", ""])
def test_an_unknown_content_type_is_a_415_that_lists_the_known_ones(
    ask: Ask, content_type: str
) -> None:
    status, _, answer = ask(b"...", content_type)
    assert status == 415
    assert all(known in json.loads(answer)["error"] for known in FORMATS)


def test_an_answer_that_cannot_be_given_is_a_406(ask: Ask) -> None:
    status, _, answer = ask(SAMPLE, accept="image/png")
    assert status == 406
    assert "image/png" in json.loads(answer)["error"]


@given(
    st.lists(
        st.lists(st.none() | st.floats(-1e38, 1e38) | st.integers(), min_size=30, max_size=30),
        min_size=1,
        max_size=3,
    )
)
def test_every_table_gets_the_same_answer_in_every_format(
    ask: Ask, rows: list[list[float | None]]
) -> None:
    answers = [ask(body, content_type) for content_type, body in bodies(rows).items()]
    assert answers == [answers[0]] * len(FORMATS)
    assert answers[0][0] == 200


@given(st.binary(max_size=200) | st.text(max_size=200), st.sampled_from(FORMATS))
def test_no_body_whatever_makes_the_handler_fail(
    ask: Ask, body: str | bytes, content_type: str
) -> None:
    assert ask(body, content_type)[0] in (200, 400)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=12))
def test_no_json_whatever_makes_the_handler_fail(ask: Ask, value: Any) -> None:
    assert ask(json.dumps(value))[0] in (200, 400)


@pytest.mark.parametrize("depth", range(100, 2000, 50))
def test_no_depth_of_json_makes_the_handler_fail(ask: Ask, depth: int) -> None:
    assert ask("[" * depth + "]" * depth)[0] == 400


@given(arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(max_dims=3, max_side=4)))
def test_no_array_whatever_makes_the_handler_fail(ask: Ask, array: Any) -> None:
    assert ask(npy(array), NPY)[0] in (200, 400)


@given(damaged(npy(TABLE)))
def test_no_damage_to_an_array_makes_the_handler_fail(ask: Ask, body: bytes) -> None:
    assert ask(body, NPY)[0] in (200, 400)
