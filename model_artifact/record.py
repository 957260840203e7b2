"""What an archive was made of, so that it is not made again while nothing has changed.

Beside model.tar.gz, model.tar.gz.json holds the archive's content hash and, of the archive and of
every file in it, the stamp: device, inode, size, and the times of the last change of its content
and of its status. Any write to a file changes one of these, and so does a copy or a move put in
its place, even with its times preserved: no program can set the status time. What is trusted is
the file system, to keep these times, and the clock, not to be set back. When in doubt, there is
no record, and the archive is made again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

FORMAT = 1
"""To be raised when the same files make another archive than before."""

SETTLED_NS = 2_000_000_000
"""How long ago a file's last change must be for its times to tell a later one from it.

Times are as coarse as the file system's clock: some milliseconds mostly, 2 s on FAT.
"""


class Stamp(NamedTuple):
    """A file's state: who changes its content cannot but change this."""

    device: int
    inode: int
    size_bytes: int
    content_changed_ns: int
    status_changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Sum up what os.stat says."""
        return cls(
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )


def stamps(members: Mapping[str, Path]) -> dict[str, Stamp]:
    """Take the stamps of an archive's members, by their names."""
    return {name: Stamp.of(path.stat()) for name, path in members.items()}


def remembered(archive: Path, members: Mapping[str, Stamp]) -> str | None:
    """Return the content hash of archive, if it is as it was made, and of these very members."""
    try:
        record = _beside(archive).read_text(encoding="utf-8")
        content_sha256 = str(json.loads(record)["content_sha256"])
        made = Stamp.of(archive.stat())
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or none of ours
        return None
    return content_sha256 if record == _record(content_sha256, made, members) else None


def remember(
    archive: Path, content_sha256: str, made: Stamp, members: Mapping[str, Stamp], started_ns: int
) -> None:
    """Record that archive, whose own stamp is made, was made of members as of started_ns.

    Nothing is recorded if a member was changed so shortly before that its stamp would not tell
    a change during or after the making.
    """
    changed_ns = (
        max(member.content_changed_ns, member.status_changed_ns) for member in members.values()
    )
    if max(changed_ns) + SETTLED_NS < started_ns:
        # One that an interruption cuts off is no JSON, and so no record.
        _beside(archive).write_text(_record(content_sha256, made, members), encoding="utf-8")


def _record(content_sha256: str, archive: Stamp, members: Mapping[str, Stamp]) -> str:
    record = {
        "format": FORMAT,
        "content_sha256": content_sha256,
        "archive": archive,
        "members": members,
    }
    return json.dumps(record, sort_keys=True) + "\n"


def _beside(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.json")
