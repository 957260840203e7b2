from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.sagemaker.instances.logs import MAX_LINE_CHARACTERS, LogStream


class Logs:
    """A CloudWatch Logs that remembers, or refuses."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.made: list[dict[str, str]] = []
        self._refusal = refusal

    def create_log_group(self, **names: str) -> None:
        self.made.append(names)

    def create_log_stream(self, **names: str) -> None:
        self.made.append(names)

    def put_log_events(self, *, logEvents: list[dict[str, Any]], **_: str) -> None:  # noqa: N803
        if self._refusal:
            raise self._refusal
        self.batches.append(logEvents)

    @property
    def messages(self) -> list[str]:
        return [event["message"] for batch in self.batches for event in batch]


def kept(logs: Logs, path: Path, *chunks: bytes) -> list[str]:
    async def write() -> None:
        stream = LogStream(lambda: logs, "group", "stream", path)
        for chunk in chunks:
            stream.write(chunk)
        await stream.close()

    asyncio.run(write())
    return path.read_text().splitlines()


def test_lines_are_whole_however_they_come(tmp_path: Path) -> None:
    logs = Logs()
    lines = kept(logs, tmp_path / "log", b"one\ntw", b"o\nschlie\xc3", b"\x9flich")
    assert lines == logs.messages == ["one", "two", "schließlich"]
    assert logs.made == [
        {"logGroupName": "group"},
        {"logGroupName": "group", "logStreamName": "stream"},
    ]


@given(text=st.text(st.characters(codec="utf-8"), max_size=40), cut=st.integers(0, 40))
def test_no_character_is_lost_between_chunks(
    tmp_path_factory: pytest.TempPathFactory, text: str, cut: int
) -> None:
    content, logs = text.encode(), Logs()
    kept(logs, tmp_path_factory.mktemp("logs") / "log", content[:cut], content[cut:])
    assert logs.messages == [line for line in text.split("\n") if line]


def test_long_lines_and_many_lines_stay_within_the_limits_of_put_log_events(
    tmp_path: Path,
) -> None:
    logs = Logs()
    kept(logs, tmp_path / "log", b"x" * (MAX_LINE_CHARACTERS * 3 + 1), b"\ny" * 5000)
    assert "".join(logs.messages[:4]) == "x" * (MAX_LINE_CHARACTERS * 3 + 1)
    assert len(logs.messages) == 5004
    for batch in logs.batches:
        assert len(batch) <= 10_000
        assert sum(len(event["message"].encode()) + 26 for event in batch) <= 1024**2


def test_empty_lines_are_only_in_the_file_because_cloudwatch_takes_none(tmp_path: Path) -> None:
    logs = Logs()
    assert kept(logs, tmp_path / "log", b"one\n\ntwo\n") == ["one", "", "two"]
    assert logs.messages == ["one", "two"]


def test_lines_that_cloudwatch_refuses_are_in_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert kept(Logs(OSError("down")), tmp_path / "log", b"one\ntwo\n") == ["one", "two"]
    assert "only in the log file" in caplog.text


def test_a_disconnected_stream_closes_without_waiting_for_cloudwatch(tmp_path: Path) -> None:
    called, released = threading.Event(), threading.Event()

    class Silent(Logs):
        def put_log_events(self, **_: Any) -> None:
            called.set()
            released.wait(20)

    async def close() -> None:
        stream = LogStream(Silent, "group", "stream", tmp_path / "log")
        stream.write(b"one\n")
        await asyncio.to_thread(called.wait, 20)
        stream.disconnect()
        stream.write(b"two\n")
        try:
            async with asyncio.timeout(5):
                await stream.close()
        finally:
            released.set()

    asyncio.run(close())
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
