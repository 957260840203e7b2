"""An archive's members, read one after the other without writing anything and in little memory.

The archive may be anybody's: what its headers announce is checked before it is read.
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
"""Unpacked bytes a packed byte: model files reach 10, a decompression bomb 1,000."""

MAX_NAMES_CHARACTERS = 1 << 24
"""Of all names together, with those of the folders that they lie in: they are held in memory."""

MAX_HEADER_BYTES = 1 << 20
"""What one member's header may take: long names and pax records lie in it, and are read whole."""

UNREADABLE = rule(
    "archive-unreadable",
    Severity.ERROR,
    "the file is a gzipped tar archive, whole",
    "SageMaker fails the endpoint after the upload: «Failed to extract model data archive».",
)
BOMB = rule(
    "archive-bomb",
    Severity.ERROR,
    f"it has at most {MAX_MEMBERS:,} members, with names of no more than "
    f"{MAX_NAMES_CHARACTERS:,} characters, and unpacks to at most {MAX_RATIO} times its size",
    "The instance's disk fills up before the container starts.",
)
UNSAFE_NAME = rule(
    "member-name",
    Severity.ERROR,
    "every member is named by a plain relative path: not absolute, without `..`, empty parts, "
    "backslashes and control characters",
    "It is unpacked somewhere else than it says, over another file, or not at all.",
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
    "no name is there twice, and none lies beneath a file",
    "Which of the two the container gets depends on who unpacks it.",
)
CASE_COLLISION = rule(
    "member-case",
    Severity.WARNING,
    "no two names differ in upper and lower case alone",
    "On macOS and Windows one overwrites the other, so the model is not the one that was tried.",
)

Read = Callable[[str, int, BinaryIO], None]
"""Called with a member's name, its size in bytes and its content."""


class Members:
    """The members of an archive: their names and sizes, once `read` has gone through it."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        """The regular files, by their names, in bytes."""
        self._folders: set[str] = set()
        self._characters = 0

    def read(self, archive: Path, read: Read) -> Iterator[Finding]:
        """Go through an archive once, have its files read, and yield what is wrong with it.

        After a finding that makes the rest meaningless (a broken archive, a bomb) nothing more is
        read.
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
                            yield _too_many("names are too long")
                            return
                        if member.isreg() and not problems:
                            with cast("BinaryIO", tar.extractfile(member)) as content:
                                read(_plain(member.name), member.size, content)
                _check_end(file.last, unpacked)
        except _BROKEN as error:
            yield Finding(
                UNREADABLE,
                "",
                f"it is no whole tar.gz archive: {error}",
                "pack it again, with `tar czf model.tar.gz -C FOLDER .`",
            )
        yield from self._case_collisions()

    def _add(self, member: tarfile.TarInfo) -> Iterator[Finding]:
        """Take a member's name up, and yield what is wrong with its name or its kind."""
        shown = _printable(member.name)
        if not (member.isreg() or member.isdir()) or member.issparse():
            yield Finding(
                UNSAFE_KIND,
                shown,
                f"it is {_KINDS.get(member.type, 'neither a regular file nor a folder')}",
                "put a copy of the file in its place",
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
                DUPLICATE, shown, "it is there twice, or beneath a file", "keep one of the two"
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
                    CASE_COLLISION, name, f"{other} differs in case alone", "rename one of them"
                )


@contextmanager
def unpacked_stream(archive: Path, what: str) -> Iterator[BinaryIO]:
    """Open what a gzip file holds, and say on standard error how far it is read."""
    with archive.open("rb") as file:
        watched = _Watched(file, archive.stat().st_size, what)
        with igzip.IGzipFile(fileobj=watched) as unpacked:  # type: ignore[no-untyped-call]
            yield cast("BinaryIO", unpacked)
        watched.end()


class _Watched(io.RawIOBase):
    """A file that says how far it has been read."""

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
    """A file that tarfile reads headers from, but no more than MAX_HEADER_BYTES for one.

    A header of some bytes may announce gigabytes of name, which tarfile would read at once.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left: int | None = MAX_HEADER_BYTES
        """How many bytes may still be read; None outside of a header."""
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
    """Read the next header, and forget the one before, which tarfile would keep."""
    file.left = MAX_HEADER_BYTES
    member = tar.next()
    file.left = None
    tar.members = []  # type: ignore[attr-defined]
    return member


def _check_end(last: bytes, unpacked: BinaryIO) -> None:
    """Read on behind the last member, to the checksum of the whole.

    tarfile takes a damaged header, and an archive that is cut off between two members, for the
    end, but behind that there is nothing but zeros.
    """
    if not last:
        raise tarfile.ReadError("it ends too soon")
    while last:
        if last.strip(b"\0"):
            raise tarfile.ReadError("a header in it is damaged")
        last = unpacked.read(1 << 20)


def _bomb(count: int, unpacked_bytes: int, packed_bytes: int) -> Finding | None:
    if count > MAX_MEMBERS:
        return _too_many(f"members are more than {MAX_MEMBERS:,}")
    if unpacked_bytes > max(RATIO_COUNTS_FROM_BYTES, MAX_RATIO * packed_bytes):
        return Finding(
            BOMB,
            "",
            f"{packed_bytes:,} bytes unpack to {unpacked_bytes:,} or more, over {MAX_RATIO} times",
            "do not deploy it if it is not yours; else leave out the file that is all the same",
        )
    return None


def _too_many(what: str) -> Finding:
    return Finding(BOMB, "", f"its {what}", "pack fewer, larger files, with shorter names")


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
