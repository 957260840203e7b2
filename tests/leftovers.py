"""Nothing that tests have started outlives pytest, however pytest is ended.

An interrupted pytest kills its workers, so nobody tears down what they have started, and a local
cloud is a daemon. So a process of its own waits until pytest's first process has ended, and kills
what is left of the run. It knows that by a mark in the environment, which every process has from
the one that started it. Instances do not have the mark: they end when their local cloud does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    import pytest

MARK = "SLIPWAY_TEST_RUN"


def pytest_configure(config: pytest.Config) -> None:
    """Watch the first process; a worker of pytest-xdist is marked already."""
    # A shell has what it puts into the background ignore it, and so would what tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Watched(config))


class _Watched:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        os.environ[MARK] = uuid4().hex
        # Its input ends when this process does. It is not marked, and no Ctrl-C reaches it.
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", __file__, os.environ[MARK]],
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def pytest_keyboard_interrupt(self) -> None:
        """End the workers now: pytest would wait ten seconds for them to end by themselves."""
        if self._config.pluginmanager.hasplugin("dsession"):
            self._watcher.communicate()

    def pytest_unconfigure(self) -> None:
        """Return when nothing of the run is left."""
        self._watcher.communicate()


def kill_marked(mark: str) -> None:
    """Kill every process that has the mark, and those that it starts meanwhile."""
    while pids := _marked(mark):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _marked(mark: str) -> list[int]:
    listing = subprocess.check_output(["ps", "axeww", "-o", "pid=,command="], text=True)
    return [int(line.split()[0]) for line in listing.splitlines() if f"{MARK}={mark}" in line]


if __name__ == "__main__":
    sys.stdin.read()
    kill_marked(sys.argv[1])
