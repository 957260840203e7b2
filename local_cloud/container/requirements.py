"""`code/requirements.txt`: AWS's container installs it, an instance here checks it.

An instance runs in the Python environment of the local cloud, which it does not change.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement


class UnsatisfiedRequirementsError(Exception):
    """The environment of the local cloud is not what `code/requirements.txt` asks for."""


def check(path: Path) -> None:
    """Compare a requirements file, if there is one, with what is installed.

    Raises UnsatisfiedRequirementsError naming every requirement that is not met.
    """
    problems = list(unsatisfied(path.read_text())) if path.is_file() else []
    if problems:
        raise UnsatisfiedRequirementsError(
            f"code/requirements.txt: {'; '.join(problems)}. An instance runs in the environment of "
            f"the local cloud (Python {platform.python_version()}) and installs nothing: install "
            "these there, or change the file"
        )


def unsatisfied(text: str) -> Iterator[str]:
    """Say of each line of a requirements file that is not met why it is not."""
    for line in re.sub(r"\\\r?\n", "", text).splitlines():
        asked = re.sub(r"(^|\s)#.*$", "", line).strip()
        if not asked:
            continue
        if asked.startswith("-") or " --" in asked:
            yield f"{asked!r} is an option of pip, which the local cloud does not follow"
            continue
        try:
            requirement = Requirement(asked)
        except InvalidRequirement:
            yield f"{asked!r} is not a requirement that the local cloud can check"
            continue
        if requirement.marker is None or requirement.marker.evaluate():
            yield from _missing(requirement)


def _missing(requirement: Requirement) -> Iterator[str]:
    """Say what is installed in place of a requirement, if that is not it."""
    if requirement.url:
        yield f"{requirement} names a URL, which the local cloud cannot check"
        return
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        yield f"{requirement} is not installed"
        return
    if not requirement.specifier.contains(installed, prereleases=True):
        yield f"{requirement} is asked for and {installed} is installed"
