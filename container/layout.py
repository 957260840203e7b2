"""An instance's folder, laid out as SageMaker lays out `/opt/ml` in a container.

A model archive comes from outside, so all of it is scanned before the first byte is written.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

MAX_MEMBERS = 100_000
MAX_BYTES = 32 * 1024**3
"""How much an archive may unpack to; a laptop should not unpack more unseen."""

MAX_RATIO = 200
RATIO_COUNTS_FROM_BYTES = 16 * 1024**2
"""Unpacked bytes per packed byte: model files reach 10, a decompression bomb 1,000."""


class ArchiveError(Exception):
    """A model archive that cannot be unpacked, or not safely."""


def model_dir(root: Path) -> Path:
    """Where the model archive is unpacked: `/opt/ml/model`."""
    return root / "opt" / "ml" / "model"


def models_dir(root: Path) -> Path:
    """Where the archives of a container of several models are unpacked, each in `NAME/model`."""
    return root / "opt" / "ml" / "models"


def code_dir(root: Path) -> Path:
    """Where the container puts the user's code before it is imported: `/opt/ml/code`."""
    return root / "opt" / "ml" / "code"


def packages_dir(root: Path) -> Path:
    """Where the archive's own packages are installed: a `site-packages` of the container."""
    return root / "site-packages"


def inside(root: Path, value: str) -> str:
    """Map a path under `/opt/ml` into the instance's folder; other values stay as they are."""
    if value == "/opt/ml" or value.startswith("/opt/ml/"):
        return f"{root}{value}"
    return value


def extract(archive: Path, folder: Path) -> None:
    """Unpack a `.tar.gz` into an empty folder; of a refused one (ArchiveError) write nothing."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            scan(tar, archive.stat().st_size)
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise ArchiveError(f"not a valid tar.gz archive: {error}") from error


def scan(members: Iterable[tarfile.TarInfo], packed_bytes: int) -> None:
    """Refuse (ArchiveError) what `filter="data"` would let through, move or overwrite.

    The members are read one by one, so that a bomb is refused at the header that announces it.
    """
    files: set[str] = set()
    folders: set[str] = {"."}
    unpacked_bytes = 0
    for count, member in enumerate(members, start=1):
        name = _checked_name(member)
        parents = _parents(name)
        if name in files or (member.isfile() and name in folders) or files & parents:
            raise ArchiveError(f"member {member.name!r} is in the archive twice or beneath a file")
        folders |= parents
        (folders if member.isdir() else files).add(name)
        unpacked_bytes += member.size
        if count > MAX_MEMBERS:
            raise ArchiveError(f"the archive has more than {MAX_MEMBERS:,} members")
        if unpacked_bytes > MAX_BYTES:
            raise ArchiveError(f"the archive unpacks to more than {MAX_BYTES:,} bytes")
        if unpacked_bytes > max(RATIO_COUNTS_FROM_BYTES, MAX_RATIO * packed_bytes):
            raise ArchiveError(
                f"{packed_bytes:,} bytes unpack to {unpacked_bytes:,} or more, over {MAX_RATIO} "
                "times as much: no model file does that"
            )


def _checked_name(member: tarfile.TarInfo) -> str:
    """Return a member's place in the folder, if its kind and its name are harmless."""
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise ArchiveError(f"member {member.name!r} is neither a regular file nor a folder")
    name = member.name.removeprefix("./")
    if name != "." and {"", ".", ".."}.intersection(name.split("/")):
        raise ArchiveError(
            f"member {member.name!r} does not have a plain relative path as its name"
        )
    if "\\" in name or "\0" in name:
        raise ArchiveError(f"member {member.name!r} has a backslash or a zero byte in its name")
    return name


def _parents(name: str) -> set[str]:
    """Name every folder above a member."""
    return {str(parent) for parent in PurePosixPath(name).parents} - {"."}
