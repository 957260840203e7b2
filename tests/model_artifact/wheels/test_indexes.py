from __future__ import annotations

import base64
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from model_artifact.archive import ArchiveError
from model_artifact.wheels import Interpreter, vendor
from model_artifact.wheels.indexes import MAX_EXPLANATION_LINES, Run, pip_configuration, run
from tests.model_artifact.wheels.conftest import make_wheel

IMAGE = Interpreter("3.12", "x86_64", "2.28")


class Guarded(SimpleHTTPRequestHandler):
    """A folder as a package index with a password. Its listings follow PEP 503."""

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(b"me:secret").decode()
        if self.headers["Authorization"] == expected:
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def guarded(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, str]]:
    """The folder of an index with a password, and the index's address."""
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "requirements.txt").write_text("asked\n")
    handler = partial(Guarded, directory=str(index))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield index, f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_long_explanation_keeps_its_conclusion_without_warnings_and_credentials() -> None:
    lines = [f"because {number}" for number in range(100)]
    errors = "\n".join(
        ["WARNING: old", *lines, "", "[notice] a new release", "from https://me:secret@h/simple"]
    )
    said = Run(1, "", errors).explanation.splitlines()
    assert said[0] == "..."
    assert said[-2:] == ["because 99", "from https://****@h/simple"]
    assert len(said) == MAX_EXPLANATION_LINES + 1


@pytest.mark.parametrize(
    ("shown", "hidden"),
    [
        ("https://token@h/simple", "token"),
        ("git+https://me:pass:word@h/x.git", "word"),
        ("'http://me:p%40ss@h:9/' and http://me:other@h", "other"),
    ],
)
def test_credentials_of_any_url_are_hidden(shown: str, hidden: str) -> None:
    assert hidden not in Run(1, "", shown).explanation


def test_output_and_errors_of_a_tool_are_kept_apart_and_the_tool_cannot_ask_questions() -> None:
    code = "import sys; print(sys.stdin.read() + 'out'); print('err', file=sys.stderr); sys.exit(3)"
    assert run([sys.executable, "-c", code], "testing") == (3, "out\n", "err\n")


@pytest.mark.usefixtures("index")
def test_an_error_says_that_pip_does_not_print_its_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("model_artifact.wheels.indexes.PIP", [sys.executable, "-m", "no_pip"])
    with pytest.raises(ArchiveError, match=r"make `pip config list` work[^$]*No module named"):
        pip_configuration()


def test_uv_and_pip_ask_the_index_that_pip_is_configured_with(
    guarded: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = guarded
    make_wheel(folder / "asked", "asked", "1.0")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:secret@{address}/")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/")
    members = vendor(tmp_path / "code", tmp_path / "wheels", IMAGE)
    assert "code/wheels/asked-1.0-py3-none-any.whl" in members
    assert "secret" not in members["code/requirements.txt"].read_text()
    assert "secret" not in (tmp_path / "code" / "requirements.lock").read_text()


def test_the_password_of_an_index_is_in_no_error(
    guarded: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = guarded
    wheel = make_wheel(folder / "asked", "asked", "1.0")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:secret@{address}/")
    vendor(tmp_path / "code", tmp_path / "wheels", IMAGE)
    wheel.unlink()
    with pytest.raises(ArchiveError, match="pip says:") as by_pip:
        vendor(tmp_path / "code", tmp_path / "elsewhere", IMAGE)
    (tmp_path / "code" / "requirements.lock").unlink()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:not-the-secret@{address}/")
    with pytest.raises(ArchiveError, match="uv says:") as by_uv:
        vendor(tmp_path / "code", tmp_path / "elsewhere", IMAGE)
    assert "secret" not in f"{by_pip.value} {by_uv.value}"


@pytest.mark.usefixtures("index")
def test_uv_reaches_an_index_as_pip_is_configured_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, str] = {}

    def note(command: list[str], _: str, environment: Mapping[str, str]) -> Run:
        asked.update(environment, command=" ".join(command))
        return Run(1, "", "")

    monkeypatch.setattr("model_artifact.wheels.resolution.run", note)
    for name, value in (
        ("PIP_CERT", "/ours.pem"),
        ("PIP_PROXY", "http://proxy.example:3128"),
        ("PIP_TIMEOUT", "180"),
        ("PIP_TRUSTED_HOST", "one.example two.example"),
        ("UV_EXCLUDE_NEWER", "2020-01-01"),
        ("UV_SYSTEM_CERTS", "1"),
    ):
        monkeypatch.setenv(name, value)
    (tmp_path / "requirements.txt").write_text("asked\n")
    with pytest.raises(ArchiveError):
        vendor(tmp_path, tmp_path / "wheels", IMAGE)
    assert asked["SSL_CERT_FILE"] == "/ours.pem"
    assert asked["ALL_PROXY"] == "http://proxy.example:3128"
    assert asked["UV_HTTP_TIMEOUT"] == "180"
    assert asked["UV_SYSTEM_CERTS"] == "1"
    assert "UV_EXCLUDE_NEWER" not in asked
    for host in ("one.example", "two.example"):
        assert f"--allow-insecure-host={host}" in asked["command"]
