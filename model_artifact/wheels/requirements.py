"""A requirements.txt, read as pip reads it."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from model_artifact.archive import ArchiveError
from model_artifact.wheels.pip_settings import Sources, local

CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
COMMENT = re.compile(r"(^|\s)#.*")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
NOT_IN_THE_INDEX = re.compile(r"^[./~]|[/\\]|\.(whl|zip|tar\.\w+|tgz)$")


@dataclass
class Wanted:
    """What a requirements file and its included files ask for."""

    sources: Sources = field(default_factory=Sources)
    requirements: list[Requirement] = field(default_factory=list)
    """The requirements whose marker is true in the image; the markers are removed."""
    hashes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The SHA-256s that the file gives, by package."""
    constraints: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    """The lines as written, without comments: files with equal lines ask for the same."""
    places: dict[str, str] = field(default_factory=dict)
    """The file and line that asks for each package."""


def read(path: Path, environment: Mapping[str, str]) -> Wanted:
    """Read a requirements file; environment has the values for markers (PEP 508).

    Raises ArchiveError for a line that cannot be vendored.
    """
    wanted = Wanted()
    _read(path, wanted, environment, including=())
    return wanted


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    r"""Yield the lines of a requirements file with their numbers.

    Comments and empty lines are left out, and a line that ends in a `\` continues in the next.
    """
    joined: list[str] = []
    begun = 0
    # The extra empty line ends a last line that has a backslash.
    for number, line in enumerate([*text.splitlines(), ""], 1):
        begun = begun if joined else number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            joined.append(line[:-1])
            continue
        if stripped := COMMENT.sub("", "".join([*joined, "" if comment else line])).strip():
            yield begun, stripped
        joined = []


def redacted(text: str) -> str:
    """Return text without the credentials of the URLs in it."""
    return CREDENTIALS.sub("****@", text)


def _read(
    path: Path, wanted: Wanted, environment: Mapping[str, str] | None, including: tuple[Path, ...]
) -> None:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        by = f", included by {including[-1]}" if including else ""
        raise ArchiveError(f"{path}{by}: {error}; write a file of UTF-8 text there") from error
    if path.resolve() in including:
        raise ArchiveError(f"{path}: this file includes itself; remove its -r or -c line")
    for number, line in logical_lines(text):
        where = f"{path}:{number}"
        wanted.lines.append(line)
        line = VARIABLE.sub(lambda found: os.environ.get(found[1], found[0]), line)
        if line.startswith("-"):
            options = _options(line, where)
            wanted.sources = wanted.sources.then(_sources(options, path.parent))
            within = (*including, path.resolve())
            for name in options.requirement:
                _read(path.parent / name, wanted, environment, within)
            for name in options.constraint:
                _read_constraints(path.parent / name, wanted, within)
        else:
            _require(line, where, path.parent, wanted, environment)


def _read_constraints(path: Path, wanted: Wanted, including: tuple[Path, ...]) -> None:
    included = Wanted()
    _read(path, included, None, including)
    wanted.sources = wanted.sources.then(included.sources)
    wanted.lines += [f"constraint: {line}" for line in included.lines]
    wanted.constraints += [*map(str, included.requirements), *included.constraints]


def _require(
    line: str, where: str, folder: Path, wanted: Wanted, environment: Mapping[str, str] | None
) -> None:
    text, *options = re.split(r"\s+(?=-)", line, maxsplit=1)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        if NOT_IN_THE_INDEX.search(text.partition(";")[0].strip()):
            raise _no_package(text, where, folder) from error
        raise ArchiveError(
            f"{where}: {redacted(text)!r} is not a requirement ({str(error).splitlines()[0]}); "
            "write the package's name and the versions that you accept, like numpy>=2"
        ) from error
    if requirement.url or NOT_IN_THE_INDEX.search(requirement.name):
        raise _no_package(text, where, folder)
    if environment is None:  # a constraint: uv evaluates its marker
        wanted.requirements.append(requirement)
    elif requirement.marker is None or requirement.marker.evaluate({**environment, "extra": ""}):
        requirement.marker = None
        name = canonicalize_name(requirement.name)
        wanted.requirements.append(requirement)
        wanted.places.setdefault(name, where)
        if hashes := re.findall(r"--hash[= ]sha256:([0-9a-f]{64})\b", " ".join(options)):
            wanted.hashes[name] = tuple(hashes)


def _no_package(text: str, where: str, folder: Path) -> ArchiveError:
    return ArchiveError(
        f"{where}: {redacted(text)} is a file or a repository, but only packages with a name and a "
        "version can be vendored; build its wheel with "
        f"`pip wheel --no-deps --wheel-dir {folder / 'wheels'} ...`, and write NAME==VERSION here"
    )


class _Options(argparse.ArgumentParser):
    """The options that a line of a requirements file may have."""

    def __init__(self) -> None:
        super().__init__(add_help=False)
        for names in (
            ("-r", "--requirement"),
            ("-c", "--constraint"),
            ("-e", "--editable"),
            ("--extra-index-url",),
            ("-f", "--find-links"),
            ("--trusted-host",),
            ("--only-binary",),
            ("--use-feature",),
        ):
            self.add_argument(*names, action="append", default=[])
        self.add_argument("-i", "--index-url", "--pypi-url", default="")
        for name in ("--no-index", "--pre", "--prefer-binary", "--require-hashes"):
            self.add_argument(name, action="store_true")

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _options(line: str, where: str) -> argparse.Namespace:
    try:
        options = _Options().parse_args(shlex.split(line))
    except ValueError as error:
        raise ArchiveError(
            f"{where}: vendoring does not support {redacted(line)!r} "
            f"({redacted(str(error))}); remove this line"
        ) from error
    if options.editable:
        raise _no_package(line, where, Path(where).parent)
    for name in (*options.requirement, *options.constraint):
        if "://" in name:
            raise ArchiveError(
                f"{where}: {redacted(name)} is not on this machine; download it into this file's "
                "folder, and write its name here"
            )
    return options


def _sources(options: argparse.Namespace, folder: Path) -> Sources:
    return Sources(
        options.index_url,
        options.extra_index_url,
        [local(place, folder) for place in options.find_links],
        options.trusted_host,
        options.no_index,
        options.pre,
    )
