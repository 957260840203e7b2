"""The handler's contract: what the container may pass to it, and what it gets back."""

from __future__ import annotations

import io
import json
import shutil
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.conftest import ROOT
from tests.npy_bodies import HEADERS, damaged, npy, npy_header

JSON, JSON_LINES = "application/json", "application/jsonlines"
CSV, NPY = "text/csv", "application/x-npy"
ROW = [1.2, 2.3, 3.4, 4.5]
TABLES = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.just(4)),
    elements=st.floats(-1e30, 1e30, allow_nan=False),
)


@pytest.fixture(scope="session")
def model(handler: ModuleType, model_folder: Path) -> Any:
    return handler.model_fn(str(model_folder))


@pytest.fixture(scope="session")
def ask(handler: ModuleType, model: Any) -> Any:
    def ask(
        body: str | bytes, content_type: str = JSON, accept: str = "*/*"
    ) -> tuple[int, str, bytes]:
        response = handler.transform_fn(model, body, content_type, accept)
        return response.status_code, response.content_type, response.get_data()

    return ask


def test_the_first_request_of_the_readme_is_answered(ask: Any) -> None:
    status, content_type, body = ask('{"instances": [[1.2, 2.3, 3.4, 4.5]]}')
    answer = json.loads(body)
    assert (status, content_type) == (200, JSON)
    assert answer["predictions"] == ["virginica"]
    assert sum(answer["probabilities"][0].values()) == pytest.approx(1)
    assert list(answer["probabilities"][0]) == ["setosa", "versicolor", "virginica"]


def test_the_sample_request_is_answered(ask: Any) -> None:
    sample = (ROOT / "inference" / "code" / "sample.json").read_text()
    status, content_type, body = ask(sample)
    assert (status, content_type) == (200, JSON)
    assert json.loads(body)["predictions"] == ["setosa", "virginica"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps([ROW, ROW]), JSON),
        (json.dumps({"instances": [ROW, ROW]}).encode(), "application/json; charset=utf-8"),
        ("[1.2, 2.3, 3.4, 4.5]\n[1.2, 2.3, 3.4, 4.5]\n", JSON_LINES),
        ("1.2,2.3,3.4,4.5\r\n1.2,2.3,3.4,4.5\r\n", CSV),
        (b"1.2,2.3,3.4,4.5\n1.2,2.3,3.4,4.5", "text/csv; charset=utf-8"),
        (npy([ROW, ROW]), NPY),
        (npy(np.asfortranarray([ROW, ROW])), NPY),
    ],
)
def test_the_same_rows_get_the_same_answer_in_every_format(
    ask: Any, body: str | bytes, content_type: str
) -> None:
    assert ask(body, content_type) == ask(json.dumps([ROW, ROW]))


def test_the_answer_comes_in_the_format_that_is_asked_for(ask: Any) -> None:
    table = json.loads(ask(json.dumps([ROW]))[2])
    probabilities = list(table["probabilities"][0].values())
    _, kind, lines = ask(json.dumps([ROW]), accept=JSON_LINES)
    assert kind == JSON_LINES
    assert json.loads(lines)["probabilities"] == table["probabilities"][0]
    _, kind, text = ask(json.dumps([ROW]), accept="text/csv")
    assert kind.startswith(CSV)
    assert text.decode() == ",".join(["virginica", *map(str, probabilities)]) + "\n"
    _, kind, data = ask(json.dumps([ROW]), accept=NPY)
    assert kind == NPY
    assert np.load(io.BytesIO(data)).tolist() == [probabilities]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("text/html, text/csv;q=0.5, application/x-npy;q=0.9", NPY),
        ("text/html, */*;q=0.1", JSON),
        ("application/json;q=0, text/*", CSV),
        ("Application/JSON; charset=utf-8", JSON),
    ],
)
def test_the_most_wanted_format_is_chosen(ask: Any, accept: str, chosen: str) -> None:
    assert ask(json.dumps([ROW]), accept=accept)[1] == chosen


@pytest.mark.parametrize(
    ("body", "content_type", "said", "row"),
    [
        ("", JSON, "the body is not JSON", None),
        ("null", JSON, '{"instances"', None),
        ("{}", JSON, "no key", None),
        ('{"instances": [[1, 2, 3, 4]], "also": 1}', JSON, "'also'", None),
        ("[]", JSON, "no rows", None),
        ("[1.2, 2.3, 3.4, 4.5]", JSON, "row 1 is 1.2", 1),
        ("[[1, 2, 3]]", JSON, "petal width", 1),
        ("[[1, 2, 3, 4], [1, 2]]", JSON, "row 2 has 2 values", 2),
        ("[[1, 2, 3, 4], [1, 2, 3, null]]", JSON, "row 2, value 4 is null", 2),
        ('[["1", "2", "3", "4"]]', JSON, 'value 1 is "1"', 1),
        ("[[1, 2, 3, true]]", JSON, "value 4 is true", 1),
        ("[[1, 2, 3, NaN]]", JSON, "petal width (cm) is nan", 1),
        ("[[1, 2, 3, 4], [1, 2, 3, 1e999]]", JSON, "petal width (cm) is inf", 2),
        (f"[[1, 2, 3, {'9' * 400}]]", JSON, "value 4 is too large", 1),
        ("[[[1, 2, 3, 4]]]", JSON, "not a number", 1),
        ("[" * 100_000, JSON, "the body is not JSON", None),
        (b"\xff", "application/json; charset=latin-1", "not UTF-8", None),
        ("[1, 2, 3, 4]\n[1, 2, 3", JSON_LINES, "row 2 is not JSON", 2),
        ("a,b,c,d\n1,2,3,4\n", CSV, 'value 1 is "a"', 1),
        ("1,2,3,4\n1,2\n", CSV, "row 2 has 2 values", 2),
        ("1,2,3,4\n\n1,2,3,4\n", CSV, "row 2", 2),
        ("1,2,3,1_0\n", CSV, '"1_0"', 1),
        ("1,2,3,nan\n", CSV, "petal width (cm) is nan", 1),
        ("", CSV, "no rows", None),
        (b"", NPY, "not NPY", None),
        ("text", NPY, "text, not NPY", None),
        (npy(np.array([ROW], dtype=object)), NPY, "object", None),
        (npy(ROW), NPY, "shape (4,)", None),
        (npy([ROW])[:-1], NPY, "32 bytes, not 31", None),
        (npy([[1 + 2j] * 4]), NPY, "complex", None),
    ],
)
def test_a_body_that_cannot_be_read_is_a_400_that_says_what_and_where(
    ask: Any, body: str | bytes, content_type: str, said: str, row: int | None
) -> None:
    status, kind, answer = ask(body, content_type)
    problem = json.loads(answer)
    assert (status, kind) == (400, JSON)
    assert said in problem["error"]
    assert problem.get("row") == row


@pytest.mark.parametrize("body", HEADERS)
def test_a_header_that_lies_is_a_400_that_says_so(ask: Any, body: bytes) -> None:
    status, kind, answer = ask(body, NPY)
    assert (status, kind) == (400, JSON)
    assert json.loads(answer)["error"]


def test_an_array_that_claims_to_be_huge_is_refused_before_it_is_made(ask: Any) -> None:
    ask(npy([ROW]), NPY)
    tracemalloc.start()
    try:
        status, _, answer = ask(npy_header("(20000000, 4)", bytes(32)), NPY)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (status, peak < 1_000_000) == (400, True)
    assert "640000000 bytes, not 32" in json.loads(answer)["error"]


@pytest.mark.parametrize("content_type", ["image/png", "", "application/x-www-form-urlencoded"])
def test_an_unknown_content_type_is_a_415_that_lists_the_known_ones(
    ask: Any, content_type: str
) -> None:
    status, _, answer = ask(b"...", content_type)
    assert status == 415
    assert "text/csv" in json.loads(answer)["error"]


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "text/csv;q=much"])
def test_an_answer_that_cannot_be_given_is_a_406(ask: Any, accept: str) -> None:
    status, _, answer = ask(json.dumps([ROW]), accept=accept)
    assert status == 406
    assert accept in json.loads(answer)["error"]


def test_a_pickle_in_a_request_is_never_loaded(ask: Any, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    stream = io.BytesIO()
    np.save(stream, np.array([Trap()], dtype=object), allow_pickle=True)
    assert ask(stream.getvalue(), NPY)[0] == 400
    assert not (tmp_path / "sprung").exists()


def test_a_model_that_is_not_the_described_one_is_not_unpickled(
    handler: ModuleType, model_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "model")
    (folder / "model.joblib").write_bytes(b"cposix\nsystem\n(S'touch sprung'\ntR.")
    with pytest.raises(ValueError, match="train again"):
        handler.model_fn(str(folder))


@given(TABLES)
def test_every_table_gets_the_same_answer_in_every_format(ask: Any, table: Any) -> None:
    rows = table.tolist()
    expected = ask(json.dumps(rows))
    assert expected[0] == 200
    assert ask("\n".join(",".join(map(repr, row)) for row in rows), CSV) == expected
    assert ask("\n".join(map(json.dumps, rows)), JSON_LINES) == expected
    assert ask(npy(table), NPY) == expected


@given(st.binary(max_size=200), st.sampled_from([JSON, JSON_LINES, CSV, NPY]))
def test_no_bytes_whatever_make_the_handler_fail(ask: Any, body: bytes, content_type: str) -> None:
    assert ask(body, f"{content_type}; charset=utf-8")[0] in (200, 400)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=12))
def test_no_json_whatever_makes_the_handler_fail(ask: Any, value: Any) -> None:
    assert ask(json.dumps(value))[0] in (200, 400)


@given(arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(max_dims=3, max_side=4)))
def test_no_array_whatever_makes_the_handler_fail(ask: Any, array: Any) -> None:
    assert ask(npy(array), NPY)[0] in (200, 400)


@given(damaged(npy([ROW])))
def test_no_damage_to_an_array_makes_the_handler_fail(ask: Any, body: bytes) -> None:
    assert ask(body, NPY)[0] in (200, 400)


@pytest.mark.parametrize("depth", range(100, 2000, 50))
def test_no_depth_of_json_makes_the_handler_fail(ask: Any, depth: int) -> None:
    assert ask("[" * depth + "]" * depth)[0] == 400
