from __future__ import annotations

import io
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.encoders import UnsupportedFormatError, decode, encode

rows = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.floats(-1e6, 1e6, width=32), min_size=width, max_size=width), min_size=1
    )
)


@given(rows)
def test_json_and_npy_come_back_as_they_went(values: list[list[float]]) -> None:
    array = np.array(values, dtype=np.float32)
    as_json = decode(encode(array, "application/json"), "application/json")
    assert as_json.dtype == np.float32
    np.testing.assert_array_equal(as_json, array)
    as_npy = decode(encode(array, "application/x-npy"), "application/x-npy")
    np.testing.assert_array_equal(as_npy, array)


@given(rows)
def test_csv_comes_back_squeezed_as_the_container_has_it(values: list[list[float]]) -> None:
    array = np.array(values, dtype=np.float32)
    decoded = decode(encode(array, "text/csv"), "text/csv")
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded, array.squeeze())


def test_npy_keeps_its_type_and_json_and_csv_lose_theirs() -> None:
    array = np.array([0.1, 0.2])
    assert decode(encode(array, "application/x-npy"), "application/x-npy").dtype == np.float64
    assert decode("[0.1, 0.2]", "application/json").dtype == np.float32


def test_one_row_of_csv_becomes_one_dimensional() -> None:
    assert decode("1,2,3", "text/csv").shape == (3,)
    assert decode("1,2,3\n4,5,6", "text/csv").shape == (2, 3)


def test_a_json_object_is_not_an_array() -> None:
    with pytest.raises(TypeError):
        decode('{"instances": [[1]]}', "application/json")


def test_npy_is_never_unpickled() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"any": "object"}], dtype=object), allow_pickle=True)
    for body in (buffer.getvalue(), pickle.dumps([1])):
        with pytest.raises(ValueError, match="allow_pickle"):
            decode(body, "application/x-npy")


def test_numpy_values_inside_lists_and_dicts_are_json() -> None:
    prediction = {"classes": np.array(["a"]), "scores": [np.float64(0.5)]}
    encoded = encode(prediction, "application/json")
    assert json.loads(encoded) == {"classes": ["a"], "scores": [0.5]}


def test_other_formats_are_refused() -> None:
    with pytest.raises(UnsupportedFormatError, match="application/xml is not supported"):
        decode(b"", "application/xml")
    with pytest.raises(UnsupportedFormatError, match="charset=utf-8 is not supported"):
        encode([1], "application/json; charset=utf-8")
