from __future__ import annotations

import io
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from inference.errors import PayloadError
from inference.payloads import CSV, JSON, JSON_LINES, NPY, content_type_of, decode, encode

FORMATS = [JSON, JSON_LINES, CSV, NPY]
TABLES = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements=st.floats(-1e30, 1e30),
)


@given(TABLES, st.sampled_from(FORMATS))
def test_the_handler_reads_every_table_that_the_client_writes(
    handler: ModuleType, table: Any, content_type: str
) -> None:
    names = [f"x{column}" for column in range(table.shape[1])]
    read = handler.read_features(encode(table, content_type), content_type, names)
    assert np.array_equal(read, table)


@given(TABLES)
def test_the_client_reads_what_it_writes(table: Any) -> None:
    assert np.array_equal(decode(encode(table, NPY), NPY), table)
    assert decode(encode(table, CSV), CSV) == table.tolist()
    assert decode(encode(table, JSON_LINES), JSON_LINES) == table.tolist()
    assert decode(encode(table, JSON), JSON) == {"instances": table.tolist()}


@pytest.mark.parametrize("content_type", FORMATS)
@pytest.mark.parametrize("rows", [[1.0], [["x"]], [[1], [1, 2]], [[[1]]], [[None]], [[True]]])
def test_rows_that_are_not_a_table_of_numbers_are_refused(rows: Any, content_type: str) -> None:
    with pytest.raises(PayloadError, match="rows"):
        encode(rows, content_type)


def test_nan_cannot_be_sent_as_json() -> None:
    with pytest.raises(
        PayloadError, match="a row has NaN or infinity, which JSON cannot write; send text/csv or "
    ):
        encode([[float("nan")]], JSON)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"[1", JSON),
        (b"\xff", JSON),
        (b"[" * 100_000, JSON),
        (b"[1]\n[", JSON_LINES),
        (b"\xff", CSV),
        (b"x", NPY),
        (b"", NPY),
    ],
)
def test_an_answer_that_cannot_be_read_is_a_payload_error(body: bytes, content_type: str) -> None:
    with pytest.raises(PayloadError, match=r"says that it is .*, but it is not: "):
        decode(body, content_type)


def test_a_pickle_in_an_answer_is_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    stream = io.BytesIO()
    np.save(stream, np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(PayloadError):
        decode(stream.getvalue(), NPY)
    assert not (tmp_path / "sprung").exists()


def test_an_unknown_format_lists_the_known_ones() -> None:
    for call in (lambda: encode([[1]], "image/png"), lambda: decode(b"", "image/png")):
        with pytest.raises(PayloadError, match="choose one of application/json, "):
            call()


def test_a_parameter_of_the_content_type_does_not_matter() -> None:
    assert decode(json.dumps("é").encode(), "Application/JSON; charset=utf-8") == "é"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("a.json", JSON), ("a.jsonl", JSON_LINES), ("a.CSV", CSV), ("a.b.npy", NPY)],
)
def test_a_files_suffix_tells_its_content_type(name: str, content_type: str) -> None:
    assert content_type_of(Path(name)) == content_type


def test_an_unknown_suffix_is_refused() -> None:
    with pytest.raises(PayloadError, match=r"rows\.parquet: .* --content-type"):
        content_type_of(Path("rows.parquet"))
