"""Progress messages for people who wait for a long piece of work."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TextIO


class Progress:
    """Messages on standard error about a piece of work that takes more than a second.

    A terminal gets one line, which is overwritten. A file gets a line after 1, 2, 4, 8, ...
    seconds: a dozen in an hour.
    """

    def __init__(
        self,
        what: str,
        file: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._file = file or sys.stderr
        self._clock = clock
        self._terminal = self._file.isatty()
        self._started = clock()
        self._due = self._started + 1
        self._line = ""

    def tell(self, how_far: Callable[[float], str]) -> None:
        """Show the progress, if a message is due; how_far gets the seconds so far."""
        if (now := self._clock()) < self._due:
            return
        self._line = f"{self._what}: {how_far(now - self._started)}"
        # The cursor goes back at once, so that the next output, even a traceback, overwrites this.
        end = "\r" if self._terminal else "\n"
        print(self._line, end=end, file=self._file, flush=True)
        self._due = now + (0.2 if self._terminal else now - self._started)

    def end(self, done: str) -> None:
        """Show what was done and how long it took, if a message was shown before."""
        if self._line:
            end = f"{self._what}: {done} in {self._clock() - self._started:.0f} s"
            end = end.ljust(len(self._line)) if self._terminal else end
            print(end, file=self._file, flush=True)


def shown(
    chunks: Iterable[bytes],
    what: str,
    total_bytes: int,
    file: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[bytes]:
    """Pass chunks on, and show how many bytes have passed."""
    progress = Progress(what, file, clock)
    done_bytes = 0

    def how_far(_: float) -> str:
        done = min(done_bytes, total_bytes)  # headers and padding are not in the total
        return f"{done / 1e6:,.0f} of {total_bytes / 1e6:,.0f} MB"

    for chunk in chunks:
        yield chunk
        done_bytes += len(chunk)
        progress.tell(how_far)
    progress.end(f"{total_bytes / 1e6:,.0f} MB")


def waited(
    process: subprocess.Popen[bytes],
    what: str,
    file: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Wait for a process, show how long it takes, and return its exit code."""
    progress = Progress(what, file, clock)
    while process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
        progress.tell(lambda seconds: f"{seconds:.0f} s")
    progress.end("ended" if process.returncode else "done")
    return process.returncode
