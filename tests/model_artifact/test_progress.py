from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import pytest

from model_artifact.progress import shown, waited

MEGABYTE = bytes(1_000_000)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def clock(step_seconds: float) -> Callable[[], float]:
    """A clock that moves by step_seconds at each look."""
    now = 0.0

    def look() -> float:
        nonlocal now
        now += step_seconds
        return now

    return look


def output(file: io.StringIO, megabytes: int, step_seconds: float) -> str:
    chunks = [MEGABYTE] * megabytes
    total_bytes = megabytes * len(MEGABYTE)
    passed_on = list(shown(chunks, "packing", total_bytes, file, clock(step_seconds)))
    assert passed_on == chunks
    return file.getvalue()


@pytest.mark.parametrize("file", [Terminal(), io.StringIO()])
def test_work_of_less_than_a_second_shows_no_message(file: io.StringIO) -> None:
    assert output(file, megabytes=9, step_seconds=0.1) == ""


def test_a_terminal_gets_one_line_that_is_overwritten() -> None:
    text = output(Terminal(), megabytes=1500, step_seconds=0.01)
    assert text.count("\n") == 1
    first, *_, last = text.split("\r")
    assert first == "packing: 100 of 1,500 MB"
    assert last.rstrip(" \n") == "packing: 1,500 MB in 15 s"
    assert len(last.rstrip("\n")) >= len("packing: 1,499 of 1,500 MB")


def test_a_log_gets_a_line_whenever_the_time_has_doubled() -> None:
    assert output(io.StringIO(), megabytes=10, step_seconds=1).splitlines() == [
        "packing: 1 of 10 MB",
        "packing: 2 of 10 MB",
        "packing: 4 of 10 MB",
        "packing: 8 of 10 MB",
        "packing: 10 MB in 11 s",
    ]


def test_more_than_the_total_is_never_shown() -> None:
    file = io.StringIO()
    list(shown([MEGABYTE] * 2, "packing", 1_000_000, file, clock(1)))
    assert "2" not in file.getvalue().split(" in ")[0]


def wait_for(code: str, file: io.StringIO, step_seconds: float) -> int:
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        looks = 0
        clock_of_ours = clock(step_seconds)

        def look() -> float:
            nonlocal looks
            looks += 1
            if looks == 4 and process.stdin:
                process.stdin.close()  # the process waits for this
            return clock_of_ours()

        return waited(process, "resolving", file, look)


def test_waiting_for_a_process_shows_how_long_it_takes() -> None:
    file = io.StringIO()
    assert wait_for("import sys; sys.stdin.read(); sys.exit(3)", file, step_seconds=1) == 3
    first, second, *_, last = file.getvalue().splitlines()
    assert (first, second) == ("resolving: 1 s", "resolving: 2 s")
    assert last.startswith("resolving: ended in ")


def test_a_process_that_ends_within_a_second_shows_no_message() -> None:
    file = io.StringIO()
    assert wait_for("import sys; sys.stdin.read()", file, step_seconds=0.001) == 0
    assert file.getvalue() == ""
