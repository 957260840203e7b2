"""The contract for containers of several models, in the process that an instance runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from container.multi_model import max_request_bytes
from tests.container.multi_model_server import Server, servers

CODE = """
import json
from pathlib import Path
import flask
from sagemaker_inference.errors import BaseInferenceToolkitError, GenericInferenceToolkitError

class TeapotError(BaseInferenceToolkitError):
    def __init__(self):
        super().__init__(418, "a teapot", "I am one")

def model_fn(model_dir):
    name = (Path(model_dir) / "name.txt").read_text()
    if name == "broken":
        raise ValueError("boom")
    if name == "big":
        raise MemoryError
    return name

def transform_fn(model, body, content_type, accept):
    if body == b"raise":
        raise ValueError("hidden")
    if body == b"refuse":
        raise GenericInferenceToolkitError(400, "row 3")
    if body == b"teapot":
        raise TeapotError
    if body == b"flask":
        return flask.Response("text", 200)
    if body == b"object":
        return {"model": model}
    return json.dumps([model, type(body).__name__, content_type, accept])
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    with servers(lambda: tmp_path_factory.mktemp("container")) as started:
        yield started


@pytest.fixture(scope="module")
def server(start: Callable[..., Server]) -> Server:
    return start(CODE)


def test_models_are_loaded_listed_invoked_and_unloaded(server: Server) -> None:
    assert server.ask("GET", "/ping")[0] == 200
    assert json.loads(server.ask("GET", "/models")[2]) == {"models": []}
    assert server.load("a") == (200, {"status": "Workers scaled"})
    assert server.load("b")[0] == 200
    a = {"modelName": "a", "modelUrl": f"{server.root}/opt/ml/models/a/model"}
    assert json.loads(server.ask("GET", "/models")[2])["models"][0] == a
    assert json.loads(server.ask("GET", "/models/a")[2]) == a
    for name in ("a", "b"):
        assert json.loads(server.invoke(name)[2])[0] == name
    assert server.load("a") == (
        409,
        {
            "code": 409,
            "type": "ConflictStatusException",
            "message": "Model a is already registered.",
        },
    )
    for name in ("a", "b"):
        status, _, body = server.ask("DELETE", f"/models/{name}")
        assert (status, json.loads(body)) == (200, {"status": f'Model "{name}" unregistered'})
    assert json.loads(server.ask("GET", "/models")[2]) == {"models": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/models/no"), ("DELETE", "/models/no"), ("POST", "/models/no/invoke")],
)
def test_a_model_that_is_not_loaded_is_not_found(server: Server, method: str, path: str) -> None:
    status, _, body = server.ask(method, path)
    assert (status, json.loads(body)["message"]) == (404, "Model not found: no")
    assert server.ask("POST", "/invocations")[0] == 404


@pytest.mark.parametrize(
    ("name", "status", "reason"), [("broken", 500, "ValueError: boom"), ("big", 507, "MemoryError")]
)
def test_a_model_that_does_not_load_is_not_there(
    server: Server, name: str, status: int, reason: str
) -> None:
    for _ in range(2):  # it is not registered the first time
        got, told = server.load(name)
        assert got == status
        assert told["message"] == f"Failed to start workers for the model: {reason}"
    assert server.invoke(name)[0] == 404


def test_a_script_in_a_model_would_take_the_place_of_the_code(server: Server) -> None:
    status, told = server.load("own", **{"inference.py": ""})
    assert status == 500
    assert "inference.py is at the root of the model archive" in told["message"]


def test_a_handler_gets_the_request_and_answers_by_the_accept(server: Server) -> None:
    server.load("told")
    asked = {"content_type": "text/csv", "accept": "text/plain"}
    assert server.invoke("told", "1,2", **asked) == (
        200,
        "text/plain",
        '["told", "str", "text/csv", "text/plain"]',
    )
    assert json.loads(server.invoke("told", content_type="a/b")[2])[1:] == [
        "bytes",
        "a/b",
        "application/json",
    ]
    assert json.loads(server.invoke("told", "object", content_type="a/b")[2]) == {"model": "told"}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("raise", 503, "Prediction failed"),
        ("flask", 503, "Unsupported model output data type."),
        ("refuse", 400, "row 3"),
        ("teapot", 418, "a teapot"),
    ],
)
def test_only_the_toolkit_s_own_errors_have_a_status_of_their_own(
    server: Server, body: str, status: int, said: str
) -> None:
    server.load("fails")
    got, _, text = server.invoke("fails", body, content_type="a/b")
    assert got == status
    assert said == (json.loads(text)["message"] if status == 503 else text)


def test_text_that_is_no_text_is_an_exception_like_any(server: Server) -> None:
    server.load("told")
    status, _, text = server.invoke("told", b"\xff", content_type="text/csv")
    assert (status, json.loads(text)["message"]) == (503, "Prediction failed")


def test_a_request_may_have_6_mib_unless_told_otherwise(server: Server) -> None:
    server.load("large")
    for size, status in ((6 * 1024**2, 200), (6 * 1024**2 + 1, 413)):
        assert server.invoke("large", "x" * size, content_type="a/b")[0] == status
    told = {"MAX_CONTENT_LENGTH": "10000000"}
    assert max_request_bytes(told) == 10_000_000
    assert max_request_bytes({"MAX_CONTENT_LENGTH": "30000000"}) == 20 * 1024**2
    assert max_request_bytes(told | {"SAGEMAKER_MAX_REQUEST_SIZE": "1"}) == 1


def test_one_row_is_a_row_to_the_defaults(start: Callable[..., Server]) -> None:
    server = start(
        "class M:\n    def predict(self, rows):\n        return rows.shape\n"
        "def model_fn(d):\n    return M()\n"
    )
    server.load("m")
    assert server.invoke("m", "1,2,3", content_type="text/csv")[2] == "[1, 3]"


def test_code_that_cannot_be_imported_fails_the_health_check(start: Callable[..., Server]) -> None:
    assert start("import nowhere").ask("GET", "/ping")[::2] == (
        500,
        "ModuleNotFoundError: No module named 'nowhere'",
    )
    status, _, reason = start(CODE, SAGEMAKER_CONTAINER_LOG_LEVEL="20").ask("GET", "/ping")
    assert status == 500
    assert "SAGEMAKER_PROGRAM is not set" in reason
