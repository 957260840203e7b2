"""The process of an instance of several models, and what it is asked."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from container import __main__ as program


@dataclass
class Server:
    port: int
    root: Path

    def ask(
        self, method: str, path: str, body: str | bytes = "", **headers: str
    ) -> tuple[int, str | None, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return response.status, response.getheader("content-type"), response.read().decode()
        finally:
            connection.close()

    def load(self, name: str, **files: str) -> tuple[int, dict[str, str]]:
        folder = self.root / "opt/ml/models" / name / "model"
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in ({"name.txt": name} | files).items():
            (folder / file).write_text(text)
        asked = json.dumps({"model_name": name, "url": str(folder)})
        status, _, body = self.ask("POST", "/models", asked)
        return status, json.loads(body)

    def invoke(
        self, name: str, body: str | bytes = "", **headers: str
    ) -> tuple[int, str | None, str]:
        return self.ask("POST", f"/models/{name}/invoke", body, **headers)


@contextmanager
def servers(make_root: Callable[[], Path]) -> Iterator[Callable[..., Server]]:
    """Start containers, each in a folder of its own, and end them."""
    processes: list[subprocess.Popen[bytes]] = []

    def started(code: str, **environment: str) -> Server:
        root = make_root()
        source = root / "source"
        source.mkdir()
        (source / "inference.py").write_text(code)
        script = {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": str(source),
        }
        with socket.create_server(("127.0.0.1", 0)) as listener:
            command = [sys.executable, "-P", "-s", str(program.__file__), str(root)]
            processes.append(
                subprocess.Popen(
                    [*command, str(listener.fileno()), "--multi-model"],
                    cwd=root,
                    env={**os.environ, **(environment or script)},
                    stdin=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[listener.fileno()],
                )
            )
            return Server(listener.getsockname()[1], root)

    try:
        yield started
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()
