"""The local cloud as a process of its own: started, found again and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from local_cloud.home import (
    STATE,
    LocalCloudError,
    is_ours,
    owned,
    remove_abandoned,
    try_lock,
)

START_SECONDS, STOP_SECONDS = 60, 30

STATUS_PATH = "/_local_cloud"
"""Where a local cloud tells, unsigned, that it is the one that is looked for."""


@dataclass(frozen=True)
class Running:
    """A local cloud that answers at url."""

    url: str
    pid: int
    regions: tuple[str, ...]
    note: str
    """What its user should know about the start, if anything."""


def find(home: Path) -> Running | None:
    """Return the local cloud that lives in home, if there is one and it answers.

    Raises LocalCloudError when none can live there.
    """
    if not is_ours(home):
        return None
    try:
        state = json.loads((home / STATE).read_text())
        with urllib.request.urlopen(state["url"] + STATUS_PATH, timeout=5) as answer:  # noqa: S310
            status: dict[str, Any] = json.load(answer)
        if status["token"] != state["token"]:
            return None  # another one has got the port since
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return None  # or another program, which says anything
    return Running(status["url"], status["pid"], tuple(status["regions"]), status["note"])


def start(home: Path, port: int | None = None) -> Running:
    """Return the local cloud that lives in home, and start one if there is none.

    Raises LocalCloudError when none can live there, or it does not answer within START_SECONDS. An
    interrupted start leaves none behind.
    """
    running = find(home)
    if running:
        if port and not running.url.endswith(f":{port}"):
            raise LocalCloudError(
                f"--port {port}: the local cloud runs at {running.url} already; stop it first with "
                "`python -m local_cloud stop`"
            )
        return running
    command = [sys.executable, "-m", "local_cloud.server"]
    command += [] if port is None else ["--port", str(port)]
    # What it says until it owns the folder, where its log is, and what it ends with.
    with TemporaryFile("w+") as said:
        server = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[1],
            # No credential, profile or endpoint of a real account gets near it.
            env={
                **{name: value for name, value in os.environ.items() if name[:4] != "AWS_"},
                "LOCAL_CLOUD_HOME": str(home),
            },
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,  # a Ctrl-C is for the command that started it
        )
        try:
            return _await_start(home, server, said)
        except BaseException:
            server.terminate()
            server.wait(STOP_SECONDS)
            with suppress(LocalCloudError):
                remove_abandoned(home)
            raise


def _await_start(home: Path, server: subprocess.Popen[bytes], said: IO[str]) -> Running:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        running = find(home)
        if running:
            return running
        if server.poll() is not None and not owned(home):  # else another start came first
            break
        time.sleep(0.05)
    said.seek(0)
    reason = said.read().strip() or f"no answer within {START_SECONDS} s"
    raise LocalCloudError(f"the local cloud did not start: {reason}")


def stop(home: Path) -> bool:
    """End the local cloud that lives in home and remove the folder; tell whether one was there.

    Raises LocalCloudError when none can live there, when it does not answer, and for what cannot
    be removed.
    """
    running = find(home)
    if running:
        _end(home, running.pid)
    elif owned(home):
        raise LocalCloudError(
            f"{home}: a process holds this folder and does not answer; if a local cloud is just "
            "starting or stopping, try again, and if not, end the process yourself"
        )
    remove_abandoned(home)
    return running is not None


def _end(home: Path, pid: int) -> None:
    """End the process that owns home, by its id, and return when it is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):  # it went by itself
        folder = os.open(home, os.O_RDONLY)
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while not try_lock(folder):  # as long as the process is there
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        os.close(folder)
