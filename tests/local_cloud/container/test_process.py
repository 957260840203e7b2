from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CODE = "def model_fn(d):\n    return 'hi'\ndef transform_fn(m, *_):\n    return m\n"


@pytest.fixture
def container(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a container as an instance does, and give its process and its port."""
    code = tmp_path / "opt/ml/model/code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(CODE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor, port = listener.fileno(), listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "local_cloud.container", str(tmp_path), str(descriptor)],
            env={
                **os.environ,
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": str(code),
            },
            stdin=subprocess.PIPE,
            pass_fds=[descriptor],
        )
    yield process, port
    process.kill()
    process.wait()
    if process.stdin:
        process.stdin.close()


def get(port: int, method: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_container_serves_on_the_socket_it_is_given(
    container: tuple[subprocess.Popen[bytes], int],
) -> None:
    _, port = container
    assert get(port, "GET", "/ping") == (200, b"")
    assert get(port, "POST", "/invocations") == (200, b"hi")


def test_a_container_ends_on_sigterm(container: tuple[subprocess.Popen[bytes], int]) -> None:
    process, port = container
    get(port, "GET", "/ping")
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == -signal.SIGTERM


def test_a_container_ends_with_the_process_that_holds_its_standard_input(
    container: tuple[subprocess.Popen[bytes], int],
) -> None:
    process, port = container
    get(port, "GET", "/ping")
    assert process.stdin
    process.stdin.close()
    assert process.wait(5) == 0
