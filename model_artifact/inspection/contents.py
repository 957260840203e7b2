"""The parts of an archive that inspection judges, read in one pass; nothing of it is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from model_artifact.inspection import pickle_files, xgboost_models
from model_artifact.inspection.findings import Finding
from model_artifact.inspection.members import Members
from model_artifact.inspection.pickle_files import Pickle

MAX_SOURCE_BYTES = 1 << 17
"""The limit for a Python module, a requirements file or a sample: nobody writes more by hand."""

MAX_SOURCES_BYTES = 1 << 23
"""The limit for all of them. The rest is not read: parsing takes a hundred times the memory."""

WHEELS = "code/wheels/"


@dataclass
class ArchiveContents:
    """An archive's files, and the content of those that matter."""

    archive: Path
    sizes: dict[str, int] = field(default_factory=dict)
    """The size of every regular file in bytes, by its name."""
    sources: dict[str, bytes] = field(default_factory=dict)
    """The text files of code/: modules, requirements and the sample request."""
    pickles: list[Pickle] = field(default_factory=list)
    xgboost_versions: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """The version of XGBoost that wrote each model file."""
    xgboost_binaries: list[str] = field(default_factory=list)
    """Model files in XGBoost's old format, from before JSON and UBJSON."""

    @property
    def modules(self) -> set[str]:
        """The top-level modules and packages in code/."""
        parts = [name.split("/") for name in self.sizes if name.startswith("code/")]
        return {part[1].removesuffix(".py") for part in parts if part[-1].endswith(".py")}


def read_contents(archive: Path) -> tuple[ArchiveContents, list[Finding]]:
    """Read an archive, and return its contents and the problems of its form."""
    contents, members = ArchiveContents(archive), Members()

    def read(name: str, size: int, file: BinaryIO) -> None:
        if name.startswith("code/") and name.endswith((".py", ".txt", ".json")):
            total_bytes = sum(map(len, contents.sources.values()))
            if size <= MAX_SOURCE_BYTES and total_bytes + size <= MAX_SOURCES_BYTES:
                contents.sources[name] = file.read()
                file.seek(0)
        if name.startswith(WHEELS):
            return  # only pip opens them
        found = list(pickle_files.read(name, size, file))
        contents.pickles += found
        file.seek(0)
        if version := xgboost_models.version(size, file):
            contents.xgboost_versions[name] = version
        elif not found and xgboost_models.is_binary(name, file):
            contents.xgboost_binaries.append(name)

    findings = list(members.read(archive, read))
    contents.sizes = members.sizes
    return contents, findings


def lines(source: bytes) -> Iterator[tuple[int, str]]:
    """Yield the logical lines of a requirements file and their numbers, from 1."""
    number, joined = 1, ""
    for at, line in enumerate(source.decode("utf-8-sig", "replace").splitlines(), 1):
        if not joined:
            number = at
        joined += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield number, joined
            joined = ""
    if joined:
        yield number, joined
