"""How far a long piece of work is, for who waits for it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO


def shown(
    chunks: Iterable[bytes],
    what: str,
    total_bytes: int,
    file: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[bytes]:
    """Pass chunks on, and once they have taken a second, say on standard error how far they are.

    A terminal gets one line that is written over; anything else a line after 1, 2, 4, 8, ...
    seconds, which for an hour are a dozen.
    """
    file = file or sys.stderr
    terminal = file.isatty()
    started = clock()
    due = started + 1
    done_bytes = 0
    line = ""
    for chunk in chunks:
        yield chunk
        done_bytes += len(chunk)
        if (now := clock()) >= due:
            done = min(done_bytes, total_bytes)  # headers and padding are not in the total
            line = f"{what}: {done / 1e6:,.0f} of {total_bytes / 1e6:,.0f} MB"
            # The cursor goes back at once: whatever is written next, if only a traceback, is
            # written over this.
            print(line, end="\r" if terminal else "\n", file=file, flush=True)
            due = now + (0.2 if terminal else now - started)
    if line:
        end = f"{what}: {total_bytes / 1e6:,.0f} MB in {clock() - started:.0f} s"
        print(end.ljust(len(line)) if terminal else end, file=file, flush=True)
