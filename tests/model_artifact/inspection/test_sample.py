from __future__ import annotations

import io

import numpy as np
import pytest

from model_artifact.inspection.sample import CSV, ENCODERS, JSON, JSON_LINES, NPY, claimed, rows_of

SAMPLE = b'{"instances": [[1, 2.5], [null, -3]]}'


@pytest.mark.parametrize("sample", [SAMPLE, b"[[1, 2.5], [null, -3]]"])
def test_rows_may_have_numbers_and_missing_values(sample: bytes) -> None:
    assert rows_of(sample) == [[1, 2.5], [None, -3]]


@pytest.mark.parametrize(
    "sample",
    [b"{}", b"[]", b"3", b'{"instances": [[1], [2, 3]]}', b'[["a"]]', b"[[true]]", b"[1, 2]"],
)
def test_a_sample_that_is_not_a_table_of_numbers_has_no_rows(sample: bytes) -> None:
    assert rows_of(sample) is None


def test_a_sample_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Extra data"):
        rows_of(b"5.1,3.5")


def test_every_format_carries_the_same_rows() -> None:
    rows = rows_of(SAMPLE)
    assert rows
    assert ENCODERS[JSON](rows) == SAMPLE
    assert ENCODERS[JSON_LINES](rows) == b"[1, 2.5]\n[null, -3]\n"
    assert ENCODERS[CSV](rows) == b"1,2.5\n,-3\n"
    array = np.load(io.BytesIO(ENCODERS[NPY](rows)))
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, [[1, 2.5], [np.nan, -3]])


def test_a_handler_claims_the_formats_that_its_code_names() -> None:
    assert claimed([b"x = 'text/csv'", b"y = ('application/x-npy', 'text/html')"]) == [
        JSON,
        CSV,
        NPY,
    ]
    assert claimed([b"not python", b"# 'text/csv'"]) == [JSON]
