from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from container import __main__ as program

CODE = "def model_fn(d):\n    return 'hi'\ndef transform_fn(m, *_):\n    return m\n"
CALLING = """
import socket, subprocess, sys
CALL = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
def model_fn(d):
    pass
def transform_fn(m, port, *_):
    try:
        socket.create_connection(("127.0.0.1", int(port)), 5).close()
        own = "reached"
    except OSError as error:
        own = f"{type(error).__name__}: {error}"
    child = subprocess.run([sys.executable, "-c", CALL, port], stderr=subprocess.DEVNULL)
    return f"{own}, {child.returncode}"
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces it")


@dataclass
class Container:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Container]]:
    """Run containers as an instance does, and end them."""
    containers: list[Container] = []

    def started(inference: str, *options: str) -> Container:
        root = tmp_path / str(len(containers))
        code = root / "opt/ml/model/code"
        code.mkdir(parents=True)
        (code / "inference.py").write_text(inference)
        log = root / "log"
        with socket.create_server(("127.0.0.1", 0)) as listener, log.open("w") as output:
            descriptor = listener.fileno()
            process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-s", "-u", str(program.__file__)),
                    *(str(root), str(descriptor), *options),
                ],
                cwd=root,
                env={
                    **os.environ,
                    "SAGEMAKER_PROGRAM": "inference.py",
                    "SAGEMAKER_SUBMIT_DIRECTORY": str(code),
                },
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[descriptor],
            )
            containers.append(Container(process, listener.getsockname()[1], log))
        return containers[-1]

    yield started
    for container in containers:
        container.process.kill()
        container.process.wait()
        if container.process.stdin:
            container.process.stdin.close()


Run = Callable[..., Container]


def test_a_container_serves_on_the_socket_it_is_given(run: Run) -> None:
    container = run(CODE)
    assert container.get("GET", "/ping") == (200, "")
    assert container.get("POST", "/invocations") == (200, "hi")


def test_a_container_that_cannot_load_its_model_answers_with_the_reason(run: Run) -> None:
    container = run("raise ValueError('of\\nthe user')")
    assert container.get("GET", "/ping") == (500, "ValueError: of the user")
    assert "Traceback" in container.log.read_text()


def test_a_container_ends_on_sigterm(run: Run) -> None:
    container = run(CODE)
    container.get("GET", "/ping")
    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait(5) == -signal.SIGTERM


def test_a_container_ends_with_the_process_that_holds_its_standard_input(run: Run) -> None:
    container = run(CODE)
    container.get("GET", "/ping")
    assert container.process.stdin
    container.process.stdin.close()
    assert container.process.wait(5) == 0


def test_the_user_s_code_finds_nothing_of_this_repository(run: Run) -> None:
    container = run(
        "import importlib.util, multiprocessing, sys\n"
        "NAMES = 'local_cloud', 'handler', 'layout', 'inference.client', 'app'\n"
        "def found(name):\n"
        "    try:\n        return importlib.util.find_spec(name) is not None\n"
        "    except ImportError:\n        return False\n"
        "def model_fn(d):\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        theirs = pool.map(found, NAMES)\n"
        "    mine = [found(name) for name in NAMES]\n"
        "    kept = [name for name in sys.modules if name.startswith('local_cloud')]\n"
        "    return str((any(mine), any(theirs), kept))\n"
        "def transform_fn(m, *_):\n    return m\n"
    )
    assert container.get("POST", "/invocations") == (200, "(False, False, [])")


def test_each_image_has_its_own_number_of_threads_unless_it_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os\ndef model_fn(d):\n    return os.environ.get('OMP_NUM_THREADS', 'unset')\n"
        "def transform_fn(m, *_):\n    return m\n"
    )
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert run(code).get("POST", "/invocations") == (200, "unset")
    assert run(code, "--framework", "xgboost").get("POST", "/invocations") == (200, "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert run(code, "--framework", "xgboost").get("POST", "/invocations") == (200, "2")


@linux
@pytest.mark.parametrize(
    "allocation", ["bytearray(2 << 30)", "[0] * (1 << 28)", "[str(i) for i in range(1 << 25)]"]
)
def test_a_model_that_needs_more_memory_than_there_is_does_not_load(
    run: Run, allocation: str
) -> None:
    code = f"def model_fn(d):\n    return {allocation}\n" + CODE[CODE.index("def transform") :]
    container = run(code, "--memory-bytes", str(400 << 20))
    status, reason = container.get("GET", "/ping")
    assert (status, reason[:11]) == (500, "MemoryError")


@linux
def test_the_reason_is_told_with_all_memory_still_held(run: Run) -> None:
    container = run(
        "import sys\nsys.kept = kept = []\nwhile True:\n    kept.append(bytearray(1 << 10))\n",
        "--memory-bytes",
        str(100 << 20),
    )
    assert container.get("GET", "/ping") == (500, "MemoryError")


@linux
def test_a_file_that_is_mapped_for_reading_is_no_memory_that_is_held(run: Run) -> None:
    container = run(
        "import mmap\n"
        "def model_fn(d):\n"
        "    with open('large', 'wb') as file:\n        file.truncate(1 << 30)\n"
        "    with open('large', 'rb') as file:\n"
        "        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "def transform_fn(m, *_):\n    return str(m[-1])\n",
        "--memory-bytes",
        str(400 << 20),
    )
    assert container.get("POST", "/invocations") == (200, "0")


def namespaced(container: Container) -> bool:
    """Tell whether the kernel gave the container a namespace; the log must say which it is."""
    log = container.log.read_text()
    assert ("in a network namespace of its own" in log) != ("there is no network namespace" in log)
    return "in a network namespace of its own" in log


def test_without_network_neither_the_process_nor_its_children_reach_anything(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert run(CALLING).get("POST", "/invocations", port) == (200, "reached, 0")
        isolated = run(CALLING, "--no-network")
        expected = (
            "ConnectionRefusedError: [Errno 111] Connection refused, 1"
            if isolated.get("GET", "/ping") and namespaced(isolated)
            else f"OSError: [Errno {errno.ENETUNREACH}] the container has no network, 0"
        )
        assert isolated.get("POST", "/invocations", port) == (200, expected)


def test_without_network_the_loopback_is_the_container_s_own(run: Run) -> None:
    isolated = run(
        "import getpass, os, pathlib, socket\n"
        "def model_fn(d):\n"
        "    with socket.create_server(('127.0.0.1', 0)) as server:\n"
        "        socket.create_connection(server.getsockname(), 5).close()\n"
        "    with socket.socket(socket.AF_UNIX) as server:\n"
        "        server.bind('a.sock')\n"
        "    return f'{os.geteuid()} {pathlib.Path(d).stat().st_uid}'\n"
        "def transform_fn(m, *_):\n    return m\n",
        "--no-network",
    )
    status, answer = isolated.get("POST", "/invocations")
    if not namespaced(isolated):
        pytest.skip("this kernel gives no network namespace to a process without privileges")
    assert (status, answer) == (200, f"{os.geteuid()} {os.geteuid()}")


REFUSING = """
import socket, sys
from container import confinement

sys.addaudithook(confinement.refuse_network)
server = socket.create_server(("127.0.0.1", 0))
plain, datagram = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
for call in (
    lambda: plain.connect(server.getsockname()),
    lambda: plain.connect_ex(server.getsockname()),
    lambda: datagram.sendto(b"", server.getsockname()),
    lambda: datagram.sendmsg([b""], [], 0, server.getsockname()),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: socket.gethostbyname("localhost"),
    lambda: socket.getnameinfo(("127.0.0.1", 80), 0),
):
    try:
        call()
    except OSError as error:
        assert "the container has no network" in str(error), error
    else:
        raise AssertionError("it went through")
one, other = socket.socketpair()
one.sendmsg([b"unix"])
assert other.recv(9) == b"unix"
local = socket.socket(socket.AF_UNIX)
try:
    local.connect("nowhere")
except FileNotFoundError:
    print("kept to itself")
"""


def test_without_a_namespace_python_refuses_connections_and_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REFUSING],
        cwd=Path(str(program.__file__)).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "kept to itself\n", done.stderr
