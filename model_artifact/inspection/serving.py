"""The container as a process: started, asked over loopback, and ended with all its children."""

from __future__ import annotations

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from container import launch
from model_artifact.inspection.container import Container
from model_artifact.progress import Progress

INVOCATION_SECONDS = 60
"""SageMaker's limit for an answer (SageMaker API reference, InvokeEndpoint)."""

_ENDING_SECONDS = 5
"""How long a process may take to end after it has closed its connections."""


@dataclass(frozen=True)
class Answer:
    """The container's answer."""

    status: int
    """The HTTP status; 0 if no answer came."""
    body: bytes
    """The answer, or the reason why none came."""
    in_time: bool = True


class Serving:
    """A context manager that runs a container with the model in root/opt/ml/model.

    The local cloud runs the same program; `container/__main__.py` says what it takes and answers.
    """

    def __init__(self, root: Path, container: Container) -> None:
        self._root, self._container = root, container
        self.load_seconds = 0.0
        self.exit_status: int | None = None
        """The exit status, as subprocess counts it, if the process ended by itself."""
        self.peak_bytes = 0
        """The peak memory of the process; known after its end."""

    def __enter__(self) -> Self:
        (self._root / "tmp").mkdir()
        self._started = time.monotonic()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]
            with (self._root / "log").open("wb") as log:
                self._process = subprocess.Popen(
                    launch.command(
                        self._root,
                        listener.fileno(),
                        framework=self._container.family,
                        network=False,
                        memory_bytes=self._container.memory_bytes,
                    ),
                    cwd=self._root,
                    env=launch.environment(self._root, self._container.environment),
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[listener.fileno()],
                    # Ctrl-C reaches only this process, which then ends the container.
                    start_new_session=True,
                )
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        _pid, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.stdin:
            self._process.stdin.close()
        # Kilobytes on Linux, bytes on macOS.
        self.peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def load(self, progress: Progress) -> Answer:
        """Wait for the answer to the health check: 200 if the model is loaded, else the reason.

        Waits as long as the container may take. status is 0 if the container ended or took longer.
        """
        limit = self._container.startup_seconds
        answer = self._request("GET", "/ping", seconds=limit, progress=progress)
        self.load_seconds = time.monotonic() - self._started
        progress.end("done")
        return answer

    def ask(self, body: bytes, content_type: str, accept: str) -> Answer:
        """Send a request."""
        headers = {"Content-Type": content_type, "Accept": accept}
        return self._request("POST", "/invocations", body, headers, seconds=INVOCATION_SECONDS)

    @property
    def log(self) -> str:
        """The last lines that the container printed."""
        return (self._root / "log").read_bytes()[-2000:].decode("utf-8", "replace")

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        seconds: float,
        progress: Progress | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=seconds)
        until = time.monotonic() + seconds
        try:
            connection.request(method, path, body, dict(headers or {}))
            while progress and time.monotonic() < until:
                if select.select([connection.sock], [], [], 0.2)[0]:
                    break
                progress.tell(lambda so_far: f"{so_far:.0f} s")
            connection.sock.settimeout(max(0.001, until - time.monotonic()))
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except TimeoutError:
            return Answer(0, f"no answer within {seconds:g} s".encode(), in_time=False)
        except (OSError, http.client.HTTPException):
            return Answer(0, self._ended().encode())
        finally:
            connection.close()

    def _ended(self) -> str:
        """Say how the process ended, or that only its connection broke; __exit__ reaps it."""
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        until = time.monotonic() + _ENDING_SECONDS
        while not (ended := os.waitid(os.P_PID, self._process.pid, options)):
            if time.monotonic() > until:
                return "the container broke the connection"
            time.sleep(0.02)
        if ended.si_code == os.CLD_EXITED:
            self.exit_status = ended.si_status
            return f"the container exited with status {ended.si_status}"
        self.exit_status = -ended.si_status
        return f"the container was ended by {signal.Signals(ended.si_status).name}"
