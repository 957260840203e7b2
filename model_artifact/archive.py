"""The model archive: the model's files and the code that serves them, as one model.tar.gz.

Its identity is a hash of its content. Neither the hash nor the archive's bytes depend on when,
where or by whom it was made, so that an unchanged model is an unchanged deployment.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from model_artifact.compression import BLOCK_BYTES, write_gzip
from model_artifact.progress import shown
from model_artifact.record import Stamp, remember, remembered, stamps

ENTRY_POINT = "code/inference.py"
"""What the container imports; SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY point at it."""

WHEELS = "code/wheels/"
"""Where the archive has the packages that the container installs without a network."""

LOCK = "code/requirements.lock"
"""What those were chosen by. It stays out: the wheels themselves are the archive's content."""


class ArchiveError(Exception):
    """Files that make no archive a container could serve; the message says which, and the fix."""


@dataclass(frozen=True)
class Archive:
    """A model archive on disk."""

    path: Path
    content_sha256: str
    """Over the names and bytes of its members, before compression: 64 hexadecimal digits."""


def build_archive(
    model: Path,
    code: Path | None,
    destination: Path,
    *,
    vendored: Mapping[str, Path] = MappingProxyType({}),
) -> Archive:
    """Pack the folder model at the root of an archive, and the folder code as code/ within it.

    Without code, for an image that serves a model by itself, it is the model alone. vendored are
    the members that wheels.vendor made of code's requirements.

    An archive at destination that was made of the same files is left as it is. More than a second
    of work is shown on standard error. Raises ArchiveError as collect_members does, and for a file
    that changes, or that cannot be read or written. An interrupted call leaves no file behind.
    """
    members = collect_members(model, code, vendored)
    try:
        before = stamps(members)
        content_sha256 = remembered(destination, before) or _build(members, before, destination)
    except OSError as error:
        raise ArchiveError(
            f"{error.filename or destination}: {error.strerror}; making {destination} takes files "
            f"that can be read, and up to as much space in {destination.parent} as they take"
        ) from error
    return Archive(destination, content_sha256)


def collect_members(
    model: Path, code: Path | None, vendored: Mapping[str, Path] = MappingProxyType({})
) -> dict[str, Path]:
    """Map the archive's member names to the files that they are made of.

    Raises ArchiveError for a folder that is missing or empty, for code without inference.py, for
    a link or anything else that is no regular file, and for a model that has a code/ of its own
    beside code.
    """
    members = dict(_files(model))
    if not members:
        raise ArchiveError(
            f"{model}: no model files there; train the example with "
            "`python -m model_artifact.train`, or put your own into this folder"
        )
    if code is None:
        return members
    for name in members:
        if name.partition("/")[0] == "code":
            raise ArchiveError(
                f"{model / name}: the archive's code/ is made of {code}; move this file there"
            )
    members |= {f"code/{name}": path for name, path in _files(code)}
    if ENTRY_POINT not in members:
        raise ArchiveError(
            f"{code}: no inference.py there; the container imports its handler functions from it"
        )
    if vendored:
        for name in [name for name in members if name == LOCK or name.startswith(WHEELS)]:
            del members[name]
    return members | dict(vendored)


def write_archive(
    members: Mapping[str, Path],
    file: BinaryIO,
    watch: Callable[[Iterable[bytes]], Iterable[bytes]] = iter,
) -> str:
    """Write members, name to file, as a gzipped tar archive, and return their content's hash.

    The hash is SHA-256 over the members in the order of their names, each as the length of its
    name, its name, the length of its content and its content; lengths are 8 bytes, big-endian.
    Memory does not grow with a member's size. What is read passes through watch. Raises
    ArchiveError for a file that grows or shrinks meanwhile.
    """
    content = hashlib.sha256()
    write_gzip(watch(tar_stream(members, content)), file)
    return content.hexdigest()


def tar_stream(members: Mapping[str, Path], content: hashlib._Hash) -> Iterator[bytes]:
    """Yield members as a tar archive, and update content with what write_archive's hash is over.

    tarfile makes the headers; its own copying, 16 kB at a time, would cost more than the hashing.
    """
    for name in sorted(members):
        with members[name].open("rb") as source:
            # A new TarInfo is all zeros: mode alone is given, so nothing of the file's owner,
            # permissions or times gets into the archive.
            entry = tarfile.TarInfo(name)
            entry.mode = 0o644
            entry.size = os.fstat(source.fileno()).st_size
            content.update(len(name.encode()).to_bytes(8, "big") + name.encode())
            content.update(entry.size.to_bytes(8, "big"))
            # PAX, since its sizes have no limit: 8 GiB is the older formats'.
            yield entry.tobuf(tarfile.PAX_FORMAT)
            left = entry.size
            while data := source.read(BLOCK_BYTES):
                left -= len(data)
                if left < 0:
                    break
                content.update(data)
                yield data
            if left:
                raise _changed(members[name])
            yield bytes(-entry.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _build(members: Mapping[str, Path], before: Mapping[str, Stamp], destination: Path) -> str:
    """Make the archive at destination, with its record beside it, and return its content hash."""
    started_ns = time.time_ns()
    total_bytes = sum(member.size_bytes for member in before.values())
    destination.parent.mkdir(parents=True, exist_ok=True)
    unfinished = destination.with_name(f"{destination.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            watch = partial(shown, what=f"packing {destination.name}", total_bytes=total_bytes)
            content_sha256 = write_archive(members, file, watch)
            file.flush()
            # All at the end: a file that changes after it was packed, while others still are,
            # would make an archive of a state that never was.
            for name, now in stamps(members).items():
                if now != before[name]:
                    raise _changed(members[name])
            unfinished.replace(destination)
            # Of the open file: another process may put its own archive there at any time.
            made = Stamp.of(os.fstat(file.fileno()))
        remember(destination, content_sha256, made, before, started_ns)
    finally:
        unfinished.unlink(missing_ok=True)
    return content_sha256


def _changed(path: Path) -> ArchiveError:
    return ArchiveError(
        f"{path}: changed while it was packed; run this again when nothing writes to it"
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder by their POSIX names.

    Python's caches are left out, and what is hidden by a dot: other tools' caches and settings.
    """
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ArchiveError(
                f"{path}: only regular files can be deployed, and this is a link or a device; "
                "put a copy of the file in its place"
            )
        if not path.name.isprintable():
            raise ArchiveError(
                f"{str(path)!r}: this name is not text, and not every tool could unpack it; "
                "rename it"
            )
        if path.is_file():
            yield relative.as_posix(), path
