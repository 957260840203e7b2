"""The local cloud as a process of its own: started, found again and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from local_cloud.home import LOG, STATE, LocalCloudError, owned, remove_abandoned, try_lock

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
    """Return the local cloud that lives in home, if there is one and it answers."""
    try:
        state = json.loads((home / STATE).read_text())
        with urllib.request.urlopen(state["url"] + STATUS_PATH, timeout=5) as answer:  # noqa: S310
            status: dict[str, Any] = json.load(answer)
    except (FileNotFoundError, ValueError, urllib.error.URLError, TimeoutError):
        return None
    if status.pop("token") != state["token"]:
        return None  # another one has got the port since
    return Running(status["url"], status["pid"], tuple(status["regions"]), status["note"])


def start(home: Path, port: int | None = None) -> Running:
    """Return the local cloud that lives in home, and start one if there is none.

    Raises LocalCloudError when it does not answer within START_SECONDS. An interrupted start
    leaves none behind.
    """
    running = find(home)
    if running:
        return running
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local_cloud.server"]
    command += [] if port is None else ["--port", str(port)]
    with (home / LOG).open("w+") as log:
        server = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[1],
            # No credential, profile or endpoint of a real account gets near it.
            env={
                **{name: value for name, value in os.environ.items() if name[:4] != "AWS_"},
                "LOCAL_CLOUD_HOME": str(home),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is for the command that started it
        )
        try:
            return _await_start(home, server, log)
        except BaseException:
            server.terminate()
            server.wait(STOP_SECONDS)
            remove_abandoned(home)
            raise


def _await_start(home: Path, server: subprocess.Popen[bytes], log: TextIO) -> Running:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        running = find(home)
        if running:
            return running
        if server.poll() is not None and not owned(home):  # else another start came first
            break
        time.sleep(0.05)
    log.seek(0)  # rather than by its name: the server removes the folder when it ends
    reason = log.read().strip() or f"no answer within {START_SECONDS} s"
    raise LocalCloudError(f"the local cloud did not start: {reason}")


def stop(home: Path) -> bool:
    """End the local cloud that lives in home and remove the folder; tell whether one was there."""
    running = find(home)
    if running:
        folder = os.open(home, os.O_RDONLY)
        os.kill(running.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while not try_lock(folder):  # as long as the process is there
            if time.monotonic() > deadline:
                with suppress(ProcessLookupError):
                    os.kill(running.pid, signal.SIGKILL)
            time.sleep(0.02)
        os.close(folder)
    remove_abandoned(home)
    return running is not None
