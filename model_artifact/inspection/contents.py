"""What an archive holds that inspection judges: read in one pass, without running any of it."""

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
"""Of a Python module, a requirements file or a sample: more than anyone writes by hand."""

MAX_SOURCES_BYTES = 1 << 23
"""Of all of them. What is larger is not looked into: parsed, it takes a hundred times as much."""

WHEELS = "code/wheels/"


@dataclass
class ArchiveContents:
    """An archive's files, and what was read of those that matter."""

    archive: Path
    sizes: dict[str, int] = field(default_factory=dict)
    """Every regular file by its name, in bytes."""
    sources: dict[str, bytes] = field(default_factory=dict)
    """The text files of code/: modules, requirements and the sample request."""
    pickles: list[Pickle] = field(default_factory=list)
    xgboost_versions: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """The version of XGBoost that wrote a model file."""
    xgboost_binaries: list[str] = field(default_factory=list)
    """Model files in the format that XGBoost had before JSON and UBJSON."""

    @property
    def modules(self) -> set[str]:
        """The top-level modules and packages that code/ has."""
        parts = [name.split("/") for name in self.sizes if name.startswith("code/")]
        return {part[1].removesuffix(".py") for part in parts if part[-1].endswith(".py")}


def read_contents(archive: Path) -> tuple[ArchiveContents, list[Finding]]:
    """Read an archive, and say what is wrong with its form."""
    contents, members = ArchiveContents(archive), Members()

    def read(name: str, size: int, file: BinaryIO) -> None:
        if name.startswith("code/") and name.endswith((".py", ".txt", ".json")):
            total_bytes = sum(map(len, contents.sources.values()))
            if size <= MAX_SOURCE_BYTES and total_bytes + size <= MAX_SOURCES_BYTES:
                contents.sources[name] = file.read()
                file.seek(0)
        if name.startswith(WHEELS):
            return  # pip's, whatever is in them
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
