"""`code/requirements.txt`: AWS's container installs it, an instance here checks it.

An instance runs in the Python environment of the local cloud and does not change it. The wheels of
an archive need no package index; they are installed beside that environment.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from container import wheels

_VENDORED = ["--no-index", "--find-links wheels"]
"""The first lines of a file whose packages are in `wheels` beside it; it has no other options."""


class UnsatisfiedRequirementsError(Exception):
    """The environment of the local cloud lacks what `code/requirements.txt` asks for."""


def satisfy(path: Path, packages: Path) -> None:
    """Install the fitting wheels beside a requirements file, if the file exists.

    They go into the folder `packages`; all else is compared with what is installed. Raises
    UnsatisfiedRequirementsError naming every requirement that is not met, and InstallModuleError.
    """
    lines = _lines(path.read_text()) if path.is_file() else []
    if lines == _VENDORED[:1]:
        return  # the image has everything that the file asks for
    shelf = path.parent / "wheels" if lines[: len(_VENDORED)] == _VENDORED else None
    problems: list[str] = []
    on_shelf: list[Requirement] = []
    for line in lines[len(_VENDORED) :] if shelf else lines:
        requirement = _parsed(line)
        if shelf and isinstance(requirement, Requirement):
            if wheels.fitting(shelf, requirement):
                on_shelf.append(requirement)
                continue
            instead = f", and {wheels.instead(shelf, requirement)}"
        else:
            instead = ""
        problems += [f"{problem}{instead}" for problem in _missing(requirement)]
    if problems:
        raise UnsatisfiedRequirementsError(
            f"code/requirements.txt: {'; '.join(problems)}. An instance runs in the environment of "
            f"the local cloud (Python {platform.python_version()}) and installs only the "
            "wheels in code/wheels that fit: install the packages in that environment, or change "
            "the file"
        )
    if shelf and on_shelf:
        wheels.install(shelf, on_shelf, packages)


def unsatisfied(text: str) -> Iterator[str]:
    """Say why lines of a requirements file are not met."""
    for line in _lines(text):
        yield from _missing(_parsed(line))


def _lines(text: str) -> list[str]:
    """Split a requirements file, without its comments and empty lines."""
    lines = re.sub(r"\\\r?\n", "", text).splitlines()
    return [asked for line in lines if (asked := re.sub(r"(^|\s)#.*$", "", line).strip())]


def _parsed(line: str) -> Requirement | str | None:
    """Read a line: its requirement if this Python needs it, or (str) why it cannot be read."""
    if line.startswith("-") or " --" in line:
        return f"{line!r} is an option of pip, and the local cloud follows no such option"
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return f"{line!r} is not a requirement that the local cloud can check"
    if requirement.marker is not None and not requirement.marker.evaluate():
        return None
    if requirement.url:
        return f"{requirement} names a URL, which the local cloud cannot check"
    return requirement


def _missing(requirement: Requirement | str | None) -> Iterator[str]:
    """Say what is installed instead of a requirement, if anything else is."""
    if not isinstance(requirement, Requirement):
        yield from [requirement] if requirement else []
        return
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        yield f"{requirement} is not installed"
        return
    if not requirement.specifier.contains(installed, prereleases=True):
        yield f"{requirement} is asked for, but {installed} is installed"
