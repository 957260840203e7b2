"""The model archive: the model's files and the code that serves them, as one model.tar.gz.

Its identity is a hash of its content. Neither the hash nor the archive's bytes depend on when,
where or by whom it was made, so that an unchanged model is an unchanged deployment.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

ENTRY_POINT = "code/inference.py"
"""What the container imports; SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY point at it."""


class ArchiveError(Exception):
    """Files that make no archive a container could serve; the message says which, and the fix."""


@dataclass(frozen=True)
class Archive:
    """A model archive on disk."""

    path: Path
    content_sha256: str
    """Over the names and bytes of its members, before compression: 64 hexadecimal digits."""


def build_archive(model: Path, code: Path, destination: Path) -> Archive:
    """Pack the folder model at the root of an archive, and the folder code as code/ within it.

    Raises ArchiveError as collect_members does. An interrupted call leaves no file behind.
    """
    members = collect_members(model, code)
    destination.parent.mkdir(parents=True, exist_ok=True)
    unfinished = destination.with_name(f"{destination.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            content_sha256 = write_archive(members, file)
        unfinished.replace(destination)
    finally:
        unfinished.unlink(missing_ok=True)
    return Archive(destination, content_sha256)


def collect_members(model: Path, code: Path) -> dict[str, Path]:
    """Map the archive's member names to the files that they are made of.

    Raises ArchiveError for a folder that is missing or empty, for code without inference.py, for
    a link or anything else that is no regular file, and for a model that has a code/ of its own.
    """
    members = dict(_files(model))
    if not members:
        raise ArchiveError(
            f"{model}: no model files there; train the example with "
            "`python -m model_artifact.train`, or put your own into this folder"
        )
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
    return members


def write_archive(members: Mapping[str, Path], file: BinaryIO) -> str:
    """Write members, name to file, as a gzipped tar archive, and return their content's hash.

    The hash is SHA-256 over the members in the order of their names, each as the length of its
    name, its name, the length of its content and its content; lengths are 8 bytes, big-endian.
    Memory does not grow with a member's size.
    """
    content = hashlib.sha256()
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as compressed,
        tarfile.open(mode="w", fileobj=compressed, format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(members):
            with members[name].open("rb") as source:
                # A new TarInfo is all zeros: mode alone is given, so nothing of the file's owner,
                # permissions or times gets into the archive.
                entry = tarfile.TarInfo(name)
                entry.mode = 0o644
                entry.size = os.fstat(source.fileno()).st_size
                content.update(len(name.encode()).to_bytes(8, "big") + name.encode())
                content.update(entry.size.to_bytes(8, "big"))
                archive.addfile(entry, _Hashed(source, content))
    return content.hexdigest()


class _Hashed(io.RawIOBase):
    """A file that is hashed as it is read, so that it is read once."""

    def __init__(self, source: BinaryIO, digest: hashlib._Hash) -> None:
        self._source = source
        self._digest = digest

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self._digest.update(data)
        return data


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
        if path.is_file():
            yield relative.as_posix(), path
