"""The ONNX example's handler: what the container may pass to it, and what it gets back."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.examples.conftest import ROOT, load_handler
from tests.npy_bodies import HEADERS, damaged, npy

JSON, NPY = "application/json", "application/x-npy"
SAMPLE = (ROOT / "examples" / "onnx" / "code" / "sample.json").read_text()
IMAGES = np.array(json.loads(SAMPLE)["instances"])
Ask = Callable[..., tuple[int, str, bytes]]


@pytest.fixture(scope="session")
def handler() -> ModuleType:
    return load_handler("onnx")


@pytest.fixture(scope="session")
def model(handler: ModuleType, onnx_folder: Path) -> Any:
    return handler.model_fn(str(onnx_folder))


@pytest.fixture(scope="session")
def ask(handler: ModuleType, model: Any) -> Ask:
    def ask(
        body: str | bytes, content_type: str = JSON, accept: str = "*/*"
    ) -> tuple[int, str, bytes]:
        response = handler.transform_fn(model, body, content_type, accept)
        return response.status_code, response.content_type, response.get_data()

    return ask


def test_the_sample_request_is_answered(ask: Ask) -> None:
    status, content_type, body = ask(SAMPLE)
    answer = json.loads(body)
    assert (status, content_type) == (200, JSON)
    assert answer["predictions"] == ["0", "1"]
    for row in answer["probabilities"]:
        assert list(row) == list("0123456789")
        assert sum(row.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (SAMPLE.encode(), "application/json; charset=utf-8"),
        (json.dumps(IMAGES.tolist()), JSON),
        (npy(IMAGES), NPY),
        (npy(IMAGES.astype(np.uint8)), "Application/X-NPY; version=1"),
        (npy(np.asfortranarray(IMAGES.astype(">f4"))), NPY),
    ],
)
def test_the_same_images_get_the_same_answer_in_every_format(
    ask: Ask, body: str | bytes, content_type: str
) -> None:
    assert ask(body, content_type) == ask(SAMPLE)


def test_the_answer_has_the_same_values_in_every_format(ask: Ask) -> None:
    rows = json.loads(ask(SAMPLE)[2])["probabilities"]
    _, kind, data = ask(SAMPLE, accept="text/html, application/x-npy;q=0.5")
    assert kind == NPY
    assert np.load(io.BytesIO(data)).tolist() == [list(row.values()) for row in rows]


def test_the_session_leaves_the_other_processors_to_the_other_processes(model: Any) -> None:
    options = model.session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        ("", JSON, "no rows of numbers"),
        ("null", JSON, "object"),
        ("{}", JSON, "object"),
        ("5", JSON, "shape ()"),
        ("[]", JSON, "shape (0,)"),
        ("[[1, 2, 3]]", JSON, "shape (1, 3); send (rows, 64)"),
        ("[[1, 2], [1]]", JSON, "no rows of numbers"),
        (json.dumps([["0"] * 64]), JSON, "send numbers"),
        (json.dumps([[0] * 63 + [True]]), JSON, "true or false"),
        (json.dumps([[0] * 63 + [17]]), JSON, "row 1, pixel 64 is 17; send a number from 0 to 16"),
        (json.dumps([[0] * 64, [-0.5] * 64]), JSON, "row 2, pixel 1 is -0.5"),
        (json.dumps([[float("nan")] * 64]), JSON, "pixel 1 is nan"),
        (f"[[{'9' * 400}]]", JSON, "send numbers"),
        ("[" * 100_000, JSON, "no rows of numbers"),
        (b"\xff", "application/json; charset=latin-1", "no rows of numbers"),
        (b"", NPY, "not NPY"),
        ("text", NPY, "not NPY"),
        (npy(IMAGES)[:-1], NPY, "not NPY"),
        (npy(IMAGES.reshape(2, 8, 8)), NPY, "shape (2, 8, 8)"),
        (npy(IMAGES.astype(object)), NPY, "not NPY"),
        (npy(IMAGES.astype(complex)), NPY, "complex"),
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


@pytest.mark.parametrize("content_type", ["text/csv", ""])
def test_an_unknown_content_type_is_a_415_that_lists_the_known_ones(
    ask: Ask, content_type: str
) -> None:
    status, _, answer = ask(b"...", content_type)
    assert status == 415
    assert f"{JSON}, {NPY}" in json.loads(answer)["error"]


def test_an_answer_that_cannot_be_given_is_a_406(ask: Ask) -> None:
    status, _, answer = ask(SAMPLE, accept="text/csv")
    assert status == 406
    assert "text/csv" in json.loads(answer)["error"]


@given(
    arrays.arrays(np.float64, st.tuples(st.integers(1, 3), st.just(64)), elements=st.floats(0, 16))
)
def test_every_image_gets_the_same_answer_in_every_format(ask: Ask, images: Any) -> None:
    status, _, answer = ask(json.dumps(images.tolist()))
    assert status == 200
    assert ask(npy(images), NPY)[2] == answer
    assert not np.isnan(np.load(io.BytesIO(ask(npy(images), NPY, NPY)[2]))).any()


@given(st.binary(max_size=200) | st.text(max_size=200), st.sampled_from([JSON, NPY]))
def test_no_body_whatever_makes_the_handler_fail(
    ask: Ask, body: str | bytes, content_type: str
) -> None:
    assert ask(body, content_type)[0] in (200, 400)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda values: st.lists(values) | st.dictionaries(st.text(), values),
        max_leaves=12,
    )
)
def test_no_json_whatever_makes_the_handler_fail(ask: Ask, value: Any) -> None:
    for document in (value, {"instances": value}):
        assert ask(json.dumps(document))[0] in (200, 400)


@pytest.mark.parametrize("depth", range(10, 2000, 50))
def test_no_depth_of_json_makes_the_handler_fail(ask: Ask, depth: int) -> None:
    assert ask("[" * depth + "]" * depth)[0] == 400


@given(arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(max_dims=3, max_side=4)))
def test_no_array_whatever_makes_the_handler_fail(ask: Ask, array: Any) -> None:
    assert ask(npy(array), NPY)[0] in (200, 400)


@given(damaged(npy(IMAGES)))
def test_no_damage_to_an_array_makes_the_handler_fail(ask: Ask, body: bytes) -> None:
    assert ask(body, NPY)[0] in (200, 400)
