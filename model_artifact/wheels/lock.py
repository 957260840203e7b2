"""The lock beside a requirements.txt: the wheels that it resolves to, with their hashes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from model_artifact.archive import ArchiveError

FORMAT = 1
"""Raise it when the same requirements resolve to something else than before."""

TITLE = (
    "# Which wheels requirements.txt comes to, written by Slipway. Keep this file in version\n"
    "# control; delete it to have the newest versions.\n"
)
HEADER = re.compile(
    r"\n# for (?P<what_for>[^\n]+)\n"
    r"# image (?P<image>[0-9a-f]{64})\n"
    r"# requirements (?P<requirements>[0-9a-f]{64})\n"
    r"# lines (?P<lines>[0-9a-f]{64})\n"
)
"""The header of a section. The hashes are SHA-256; the last is the hash of the section's lines."""


class Pin(NamedTuple):
    """A package with one version, and the SHA-256s that its wheel may have."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @classmethod
    def parse(cls, line: str) -> Pin:
        """Read a line of a requirements file with hashes. Raises ValueError for any other."""
        text, *options = line.split()
        hashes = tuple(option.removeprefix("--hash=sha256:") for option in options)
        if not hashes or not all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in hashes):
            raise ValueError(line)
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise ValueError(line) from error
        [specifier] = requirement.specifier
        return cls(canonicalize_name(requirement.name), specifier.version, hashes)

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def line(self) -> str:
        """The pin as a line of a requirements file with hashes."""
        return " ".join([str(self), *(f"--hash=sha256:{sha256}" for sha256 in self.hashes)])


class Section(NamedTuple):
    """The packages that one text of requirements.txt resolves to for one image.

    Stages may deploy the same code into different images, so a lock has a section for each image.
    """

    what_for: str
    """The image's interpreter, for people who read the file."""
    image_sha256: str
    requirements_sha256: str
    pins: tuple[Pin, ...]
    """Each has one hash, its wheel's."""


def read_lock(path: Path) -> list[Section]:
    """Read a lock, or return [] without a file. Raises ArchiveError if the file was changed."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise _damaged(path, str(error)) from error
    if not text.startswith(TITLE):
        raise _damaged(path, "the file does not begin as Slipway writes it")
    title, *parts = re.split(r"(?=\n# for )", text)
    if title != TITLE:
        raise _damaged(path, "the file has lines that Slipway did not write")
    return [_section(path, part) for part in parts]


def write_lock(path: Path, sections: Iterable[Section]) -> None:
    """Write a lock; an interrupted call leaves the file as it was."""
    text = TITLE
    for section in sorted(sections):
        lines = "".join(f"{pin.line}\n" for pin in section.pins)
        text += (
            f"\n# for {section.what_for}\n# image {section.image_sha256}\n"
            f"# requirements {section.requirements_sha256}\n# lines {_sha256(lines)}\n{lines}"
        )
    # The dot keeps the file out of an archive that is packed at the same time.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _section(path: Path, text: str) -> Section:
    header = HEADER.match(text)
    if not header:
        begin = text.strip().partition("\n")[0]
        raise _damaged(path, f"a section does not begin as Slipway writes it ({begin})")
    lines = text[header.end() :]
    if _sha256(lines) != header["lines"]:
        raise _damaged(path, f"the lines for {header['what_for']} are not those that were written")
    try:
        pins = tuple(Pin.parse(line) for line in lines.splitlines())
    except ValueError as error:
        raise _damaged(path, f"{error} is not a package with one version and a hash") from error
    return Section(header["what_for"], header["image"], header["requirements"], pins)


def hash_of(*parts: Iterable[str]) -> str:
    """Return one hash over lists of texts; their order counts."""
    content = hashlib.sha256(f"{FORMAT}\n".encode())
    for part in parts:
        texts = list(part)
        content.update(len(texts).to_bytes(8, "big"))
        for text in texts:
            content.update(len(text.encode()).to_bytes(8, "big") + text.encode())
    return content.hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(path: Path, what: str) -> ArchiveError:
    return ArchiveError(
        f"{path}: {what}; restore it from version control, or delete it and Slipway writes it anew "
        "(change versions in requirements.txt)"
    )
