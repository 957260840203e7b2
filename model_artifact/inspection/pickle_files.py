"""The pickles in an archive, found anywhere and read without being run.

A pickle is a program. Its content shows that a file is a pickle, not its name. A pickle may be a
file of its own, be compressed by joblib, lie in a zip file of PyTorch or NumPy, or follow the
header of a NumPy array of objects.
"""

from __future__ import annotations

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, cast

from model_artifact.inspection.pickle_reader import (
    ObscurePickleError,
    Stream,
    UnreadablePickleError,
    read_pickle,
)
from model_artifact.inspection.pickle_values import Call, Global

_SUFFIXES = (".pkl", ".pickle", ".joblib", ".pck", ".p")
_MAX_RATIO = 200
_MAX_ZIP_DIRECTORY_BYTES = 1 << 24
_MAX_HEADER_BYTES = 1 << 16
_MAX_ZIP_MEMBERS = 100_000
_MAX_PICKLES = 1000
_MAX_GLOBALS = 10_000
_MAX_BLOBS = 100

_ARRAY = b"\x93NUMPY"
_BROKEN = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
"""The exceptions that damaged or encrypted files raise when they are read."""


@dataclass
class Pickle:
    """What happens when a pickle is loaded."""

    where: str
    """The archive's member, or MEMBER!NAME in a zip file."""
    globals: dict[Global, None] = field(default_factory=dict)
    """What it imports, in that order."""
    estimators: set[tuple[str, str]] = field(default_factory=set)
    """The classes of scikit-learn's estimators in it, each with its version."""
    code_arguments: set[int] = field(default_factory=set)
    """The numbers of arguments of its code objects, which differ between versions of Python."""
    blobs: list[bytes] = field(default_factory=list)
    """The beginning and end of each large bytes object in it."""
    problem: str | None = None
    """The reason why it could not be read to its end."""

    def imported(self, found: Global) -> None:
        """Note an import."""
        if len(self.globals) < _MAX_GLOBALS:
            self.globals[found] = None

    def made(self, call: Call) -> None:
        """Note the version of an estimator, and the form of a code object."""
        arguments = call.arguments if isinstance(call.arguments, tuple) else ()
        if isinstance(call.state, dict) and "_sklearn_version" in call.state:
            made = next(iter(arguments), None) if call.function == _RECONSTRUCTOR else call.function
            name = made.name if isinstance(made, Global) else "?"
            self.estimators.add((name, str(call.state["_sklearn_version"])))
        if call.function.name == "CodeType":
            self.code_arguments.add(len(arguments))

    def carried(self, ends: bytes) -> None:
        """Note the beginning and end of a large bytes object."""
        if len(self.blobs) < _MAX_BLOBS:
            self.blobs.append(ends)


_RECONSTRUCTOR = Global("copyreg", "_reconstructor")  # protocols 0 and 1


def read(name: str, size: int, file: BinaryIO) -> Iterator[Pickle]:
    """Read the pickles in a member, which may be a pickle itself."""
    head = file.read(64)
    file.seek(0)
    if head.startswith(b"PK\x03\x04"):
        yield from _read_zip(name, file)
    elif head.startswith(_ARRAY):
        yield from _read_array(name, file, file)
    elif decompress := _decompressor(head):
        yield from _read_one(name, _Decompressed(file, decompress, _MAX_RATIO * size))
    else:
        yield from _read_one(name, file)


def _read_one(name: str, file: Stream) -> Iterator[Pickle]:
    found = Pickle(name)
    # A library may load several pickles from one file, one after the other, as PyTorch once did.
    # The bytes after the first pickle may be something else.
    for number in range(_MAX_PICKLES):
        try:
            read_pickle(file, found)
        except ObscurePickleError as error:
            found.imported(Global("?", str(error)))
            break
        except (UnreadablePickleError, *_BROKEN) as error:
            if number == 0:
                found.problem = str(error)
            break
    else:
        found.imported(Global("?", f"the file has more than {_MAX_PICKLES:,} pickles"))
    # Other files may begin like an opcode or two by chance.
    if found.globals or name.lower().endswith(_SUFFIXES):
        yield found


def _read_array(name: str, file: BinaryIO, behind: Stream) -> Iterator[Pickle]:
    """Read the pickle behind the header of a NumPy file, if one follows."""
    head = file.read(12)
    major = head[6] if len(head) == 12 else 0
    if major not in (1, 2, 3):
        return
    length = int.from_bytes(head[8:10] if major == 1 else head[8:12], "little")
    if length > _MAX_HEADER_BYTES:
        yield Pickle(name, {Global("?", f"the header of the array has {length:,} bytes"): None})
        return
    file.seek(10 if major == 1 else 12)
    if b"O" in file.read(length):  # only the type "object" puts this letter into a header
        yield from _read_one(name, behind)


def _read_zip(name: str, file: BinaryIO) -> Iterator[Pickle]:
    """Read the pickles of a zip file, such as PyTorch's and NumPy's .npz."""
    try:
        with zipfile.ZipFile(cast("BinaryIO", _Limited(file))) as archive:
            entries = archive.infolist()
            if len(entries) > _MAX_ZIP_MEMBERS:
                many = f"the zip file has more than {_MAX_ZIP_MEMBERS:,} members"
                yield Pickle(name, {Global("?", many): None})
                return
            for entry in entries:
                yield from _read_in_zip(name, archive, entry)
    except _BROKEN as error:
        yield Pickle(name, problem=f"the zip file is damaged: {error}")


def _read_in_zip(name: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[Pickle]:
    """Read one member of a zip file, even if other members are damaged."""
    where = f"{name}!{entry.filename}"
    limit = _MAX_RATIO * max(entry.compress_size, 1 << 16)
    try:
        with archive.open(entry) as opened:
            member = cast("BinaryIO", opened)
            is_array = member.read(len(_ARRAY)) == _ARRAY
            member.seek(0)
            limited = _Decompressed(member, None, limit)
            if is_array:
                yield from _read_array(where, member, limited)
            else:
                yield from _read_one(where, limited)
    except _BROKEN as error:
        yield Pickle(where, problem=f"this member of the zip file is damaged: {error}")


class _Limited:
    """A file that reads at most a directory's size at once; a damaged zip file may ask for more."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(
            min(size, _MAX_ZIP_DIRECTORY_BYTES) if size >= 0 else _MAX_ZIP_DIRECTORY_BYTES
        )
        if len(data) == _MAX_ZIP_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"the directory has {len(data):,} bytes or more")
        return data


class Decompressor(Protocol):
    """The methods that the decompressors of zlib, bz2 and lzma share."""

    @property
    def eof(self) -> bool: ...  # noqa: D102
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...  # noqa: D102


class _Decompressed:
    """The content of a compressed pickle, read in little memory and up to a limit."""

    def __init__(
        self, file: BinaryIO, make: Callable[[], Decompressor] | None, limit_bytes: int
    ) -> None:
        self._file, self._left = file, max(limit_bytes, 1 << 24)
        self._decompressor = make() if make else None
        self._ready = bytearray()
        self._at = 0

    def read(self, size: int, /) -> bytes:
        while len(self._ready) - self._at < size and self._fill():
            pass
        data = bytes(self._ready[self._at : self._at + size])
        self._at += len(data)
        return data

    def readline(self, size: int, /) -> bytes:
        while True:
            end = self._ready.find(b"\n", self._at, self._at + size)
            if end >= 0 or len(self._ready) - self._at >= size or not self._fill():
                return self.read(size if end < 0 else end + 1 - self._at)

    def _fill(self) -> bool:
        """Read more, and return whether more came."""
        del self._ready[: self._at]
        self._at = 0
        more = self._decompress() if self._decompressor else self._file.read(_CHUNK_BYTES)
        self._left -= len(more)
        if self._left < 0:
            raise ObscurePickleError(f"the file unpacks to more than {_MAX_RATIO} times its size")
        self._ready += more
        return bool(more)

    def _decompress(self) -> bytes:
        assert self._decompressor  # noqa: S101
        while not self._decompressor.eof:
            held = getattr(self._decompressor, "unconsumed_tail", b"")
            waiting = held or not getattr(self._decompressor, "needs_input", True)
            packed = held if waiting else self._file.read(_CHUNK_BYTES)
            more = self._decompressor.decompress(packed, _CHUNK_BYTES)
            if more or not (packed or waiting):
                return more
        return b""


_CHUNK_BYTES = 1 << 16


def _decompressor(head: bytes) -> Callable[[], Decompressor] | None:
    """Tell from its first bytes how a file is compressed, as joblib does."""
    if head.startswith(b"\x1f\x8b"):
        return lambda: zlib.decompressobj(wbits=31)
    if head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0:
        return zlib.decompressobj
    if head.startswith(b"BZh"):
        return bz2.BZ2Decompressor
    if head.startswith((b"\xfd7zXZ", b"\x5d\x00")):
        return lzma.LZMADecompressor
    return None
