"""An archive's members, read one after the other in little memory; nothing is written to disk.

The archive may be hostile: the sizes in its headers are checked before the content is read.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from isal import igzip, isal_zlib

from model_artifact.inspection.findings import Finding, Severity, rule
from model_artifact.progress import Progress

MAX_MEMBERS = 100_000
MAX_RATIO = 200
RATIO_COUNTS_FROM_BYTES = 16 * 1024**2
"""MAX_RATIO counts from this size on. Model files unpack to 10 times their size, bombs to 1,000."""

MAX_NAMES_CHARACTERS = 1 << 24
"""The limit for all names together, with those of their folders: memory holds them all."""

MAX_HEADER_BYTES = 1 << 20
"""The limit for one member's header: tarfile reads its long names and pax records whole."""

UNREADABLE = rule(
    "archive-unreadable",
    Severity.ERROR,
    "the file is a complete gzipped tar archive",
    "The endpoint fails after the upload: «Failed to extract model data archive».",
)
BOMB = rule(
    "archive-bomb",
    Severity.ERROR,
    f"the archive has at most {MAX_MEMBERS:,} members, all names together have at most "
    f"{MAX_NAMES_CHARACTERS:,} characters, and it unpacks to at most {MAX_RATIO} times its size",
    "The instance's disk fills up before the container starts.",
)
UNSAFE_NAME = rule(
    "member-name",
    Severity.ERROR,
    "every member's name is a plain relative path, without `..`, empty parts, backslashes or "
    "control characters",
    "The member is unpacked to another place, over another file, or not at all.",
)
UNSAFE_KIND = rule(
    "member-kind",
    Severity.ERROR,
    "every member is a regular file or a folder: no link, device, pipe or sparse file",
    "«Failed to extract model data archive», or a link that leads to nothing in the container.",
)
DUPLICATE = rule(
    "member-duplicate",
    Severity.ERROR,
    "no name occurs twice, and no member lies below a file",
    "The program that unpacks the archive decides which of the two the container gets.",
)
CASE_COLLISION = rule(
    "member-case",
    Severity.WARNING,
    "no two names differ only in upper and lower case",
    "On macOS and Windows one file overwrites the other, so you try another model than you deploy.",
)

Read = Callable[[str, int, BinaryIO], None]
"""A function that takes a member's name, its size in bytes and its content."""


class Members:
    """The members of an archive: their names and sizes, after `read` has finished."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        """The sizes of the regular files in bytes, by their names."""
        self._folders: set[str] = set()
        self._characters = 0

    def read(self, archive: Path, read: Read) -> Iterator[Finding]:
        """Go through an archive once, call `read` for each file, and yield the problems.

        Reading ends at a finding that makes the rest meaningless: a broken archive or a bomb.
        """
        packed_bytes = archive.stat().st_size
        unpacked_bytes = count = 0
        try:
            with unpacked_stream(archive, f"reading {archive.name}") as unpacked:
                file = _Bounded(unpacked)
                with tarfile.open(fileobj=cast("BinaryIO", file), mode="r:") as tar:
                    while member := _next(tar, file):
                        count += 1
                        unpacked_bytes += member.size
                        if problem := _bomb(count, unpacked_bytes, packed_bytes):
                            yield problem
                            return
                        problems = list(self._add(member))
                        yield from problems
                        if self._characters > MAX_NAMES_CHARACTERS:
                            yield _too_many(
                                f"names with more than {MAX_NAMES_CHARACTERS:,} characters together"
                            )
                            return
                        if member.isreg() and not problems:
                            with cast("BinaryIO", tar.extractfile(member)) as content:
                                read(_plain(member.name), member.size, content)
                _check_end(file.last, unpacked)
        except _BROKEN as error:
            yield Finding(
                UNREADABLE,
                "",
                f"this is not a complete tar.gz archive: {error}",
                "pack the files again, with `tar czf model.tar.gz -C FOLDER .`",
            )
        yield from self._case_collisions()

    def _add(self, member: tarfile.TarInfo) -> Iterator[Finding]:
        """Add a member's name, and yield the problems of its name or kind."""
        shown = _printable(member.name)
        if not (member.isreg() or member.isdir()) or member.issparse():
            yield Finding(
                UNSAFE_KIND,
                shown,
                f"it is {_KINDS.get(member.type, 'neither a regular file nor a folder')}",
                "replace it by a copy of the file",
            )
            return
        name = _plain(member.name)
        if not _is_plain_path(name, member.isdir()):
            yield Finding(
                UNSAFE_NAME,
                shown,
                "its name is not a plain relative path",
                "pack the files from within their folder: tar czf model.tar.gz -C FOLDER .",
            )
            return
        parents = _parents(name)
        taken = name in self.sizes or (member.isreg() and name in self._folders)
        if taken or parents & self.sizes.keys():
            yield Finding(
                DUPLICATE,
                shown,
                "the name occurs twice, or lies below a file",
                "keep one of the two",
            )
            return
        self._characters += len(name) + sum(map(len, parents - self._folders))
        self._folders |= parents
        if member.isreg():
            self.sizes[name] = member.size
        else:
            self._folders.add(name)

    def _case_collisions(self) -> Iterator[Finding]:
        seen: dict[str, str] = {}
        for name in sorted({*self.sizes, *self._folders}):
            other = seen.setdefault(name.casefold(), name)
            if other != name:
                yield Finding(
                    CASE_COLLISION,
                    name,
                    f"{other} differs only in upper and lower case",
                    "rename one of them",
                )


@contextmanager
def unpacked_stream(archive: Path, what: str) -> Iterator[BinaryIO]:
    """Open the content of a gzip file, and show on standard error how much of it is read."""
    with archive.open("rb") as file:
        watched = _Watched(file, archive.stat().st_size, what)
        with igzip.IGzipFile(fileobj=watched) as unpacked:  # type: ignore[no-untyped-call]
            yield cast("BinaryIO", unpacked)
        watched.end()


class _Watched(io.RawIOBase):
    """A file that shows how much of it is read."""

    def __init__(self, file: BinaryIO, size_bytes: int, what: str) -> None:
        self._file, self._size_bytes = file, size_bytes
        self._progress = Progress(what)
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable  # type: ignore[method-assign]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self._progress.tell(
            lambda _: f"{self._file.tell() / 1e6:,.0f} of {self._size_bytes / 1e6:,.0f} MB"
        )
        return count

    def end(self) -> None:
        self._progress.end(f"{self._size_bytes / 1e6:,.0f} MB")


class _Bounded:
    """A file that gives tarfile at most MAX_HEADER_BYTES for one header.

    A small header may announce a name of gigabytes, which tarfile would read at once.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left: int | None = MAX_HEADER_BYTES
        """How many bytes of the header may still be read; None outside a header."""
        self.last = b""
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int) -> bytes:
        if self.left is not None:
            self.left -= size
            if self.left < 0:
                raise tarfile.HeaderError(f"a header has more than {MAX_HEADER_BYTES:,} bytes")
        self.last = self._file.read(size)
        return self.last


def _next(tar: tarfile.TarFile, file: _Bounded) -> tarfile.TarInfo | None:
    """Read the next header, and drop the one before, which tarfile would keep."""
    file.left = MAX_HEADER_BYTES
    member = tar.next()
    file.left = None
    tar.members = []  # type: ignore[attr-defined]
    return member


def _check_end(last: bytes, unpacked: BinaryIO) -> None:
    """Read from the last member to the end, where gzip checks the checksum of the whole.

    A damaged header, or a cut between two members, looks like the end to tarfile. After the real
    end only zeros follow.
    """
    if not last:
        raise tarfile.ReadError("the file ends too soon")
    while last:
        if last.strip(b"\0"):
            raise tarfile.ReadError("a header is damaged")
        last = unpacked.read(1 << 20)


def _bomb(count: int, unpacked_bytes: int, packed_bytes: int) -> Finding | None:
    if count > MAX_MEMBERS:
        return _too_many(f"more than {MAX_MEMBERS:,} members")
    if unpacked_bytes > max(RATIO_COUNTS_FROM_BYTES, MAX_RATIO * packed_bytes):
        return Finding(
            BOMB,
            "",
            f"the archive's {packed_bytes:,} bytes unpack to {unpacked_bytes:,} or more, which is "
            f"over {MAX_RATIO} times its size",
            "do not deploy an archive that is not yours; in your own, remove the repetitive file",
        )
    return None


def _too_many(what: str) -> Finding:
    fix = "pack fewer and larger files, with shorter names"
    return Finding(BOMB, "", f"the archive has {what}", fix)


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _is_plain_path(name: str, is_folder: bool) -> bool:
    if is_folder and name == ".":
        return True
    return (
        not {"", ".", ".."}.intersection(name.split("/"))
        and "\\" not in name
        and name.isprintable()
        and len(name.encode("utf-8", "surrogateescape")) <= 4096
    )


def _parents(name: str) -> set[str]:
    return {str(parent) for parent in PurePosixPath(name).parents} - {"."}


def _printable(name: str) -> str:
    return name if name.isprintable() else repr(name)


_KINDS: dict[Any, str] = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}
_BROKEN: tuple[type[Exception], ...] = (
    *(tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError),
    cast("type[Exception]", isal_zlib.error),
)
