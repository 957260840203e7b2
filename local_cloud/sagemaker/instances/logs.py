"""What an instance prints, kept in a file and in CloudWatch Logs."""

from __future__ import annotations

import asyncio
import codecs
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

MAX_LINE_CHARACTERS = 64 * 1024
"""Longer lines are cut into several events: CloudWatch Logs takes 256 KiB an event."""

_BATCH_EVENTS = 1000
_BATCH_CHARACTERS = 256 * 1024
"""A batch stays below the 1 MiB and 10,000 events of PutLogEvents, in any language's UTF-8."""


class LogStream:
    """One instance's lines: at once to a file, in batches to CloudWatch Logs.

    A line that CloudWatch Logs refuses is still in the file.
    """

    def __init__(self, client: Callable[[], Any], group: str, stream: str, path: Path) -> None:
        self._client, self._group, self._stream = client, group, stream
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._events: list[dict[str, Any]] = []
        self._written = asyncio.Event()
        self._closed = False
        self._sender = asyncio.create_task(self._send())

    def write(self, content: bytes) -> None:
        """Take what was printed, in whatever pieces it comes."""
        *lines, self._rest = (self._rest + self._decoder.decode(content)).split("\n")
        while len(self._rest) > MAX_LINE_CHARACTERS:
            lines.append(self._rest[:MAX_LINE_CHARACTERS])
            self._rest = self._rest[MAX_LINE_CHARACTERS:]
        for line in lines:
            self._add(line)

    async def close(self) -> None:
        """Return when every line is in the file and was sent."""
        if self._rest:
            self._add(self._rest)
            self._rest = ""
        self._closed = True
        self._written.set()
        await asyncio.wait({self._sender})
        self._file.close()

    def disconnect(self) -> None:
        """Send nothing more to CloudWatch Logs, which is about to end itself."""
        self._sender.cancel()

    def _add(self, line: str) -> None:
        self._file.write(f"{line}\n")
        # An empty line is no event: CloudWatch Logs takes at least one character.
        for start in range(0, len(line), MAX_LINE_CHARACTERS):
            message = line[start : start + MAX_LINE_CHARACTERS]
            self._events.append({"timestamp": time.time_ns() // 1_000_000, "message": message})
        self._written.set()

    async def _send(self) -> None:
        made = False
        while not (self._closed and not self._events):
            await self._written.wait()
            self._written.clear()
            while self._events:
                batch = self._next_batch()
                try:
                    await asyncio.to_thread(self._put, batch, not made)
                    made = True
                except Exception as error:
                    logging.getLogger(__name__).warning(
                        "%d lines of %s/%s are only in the log file; CloudWatch Logs refused: %s",
                        len(batch), self._group, self._stream, error,
                    )  # fmt: skip

    def _next_batch(self) -> list[dict[str, Any]]:
        characters = count = 0
        for event in self._events[:_BATCH_EVENTS]:
            characters += len(event["message"])
            if count and characters > _BATCH_CHARACTERS:
                break
            count += 1
        batch, self._events = self._events[:count], self._events[count:]
        return batch

    def _put(self, batch: list[dict[str, Any]], make: bool) -> None:
        client = self._client()
        names = {"logGroupName": self._group, "logStreamName": self._stream}
        if make:
            exists = "ResourceAlreadyExistsException"
            for create, arguments in (
                (client.create_log_group, {"logGroupName": self._group}),
                (client.create_log_stream, names),
            ):
                try:
                    create(**arguments)
                except ClientError as error:
                    if error.response["Error"]["Code"] != exists:
                        raise
        client.put_log_events(**names, logEvents=batch)
