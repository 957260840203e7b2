"""The wheels in `code/wheels`, installed by pip without an index, for one instance."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from packaging import tags
from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

logger = logging.getLogger("container")


class InstallModuleError(Exception):
    """The wheels of `code/wheels` cannot be installed; the message has pip's reason."""


def fitting(shelf: Path, requirement: Requirement) -> bool:
    """Tell whether a folder has a requirement's wheel for this Python and platform."""
    here = set(tags.sys_tags())
    return any(not here.isdisjoint(suits) for _, suits in _found(shelf, requirement))


def instead(shelf: Path, requirement: Requirement) -> str:
    """Say what a folder has in place of a wheel that fits."""
    found = ", ".join(path.name for path, _ in _found(shelf, requirement))
    if not found:
        return f"code/wheels has no wheel of {requirement}"
    ours = next(tags.sys_tags())
    return (
        f"{found} in code/wheels is not for this Python and platform, {ours} (install "
        f"{requirement} here, or run the local cloud with the Python that the wheel is for)"
    )


def install(shelf: Path, requirements: Sequence[Requirement], packages: Path) -> None:
    """Install requirements from the wheels in a folder, unless the environment has them.

    As in AWS's container, installed packages count, dependencies too: pip is asked what is missing,
    and puts that into `packages` (`pip --target` alone would ignore installed packages).
    Raises InstallModuleError.
    """
    if importlib.util.find_spec("pip") is None:
        raise InstallModuleError(
            "code/requirements.txt has wheels to install, and this environment has no pip: "
            f"install pip with {sys.executable} -m ensurepip"
        )
    asked = [str(requirement) for requirement in requirements]
    report = _pip("--dry-run", "--report", "-", "--find-links", str(shelf), *asked)
    missing: list[dict[str, Any]] = json.loads(report)["install"]
    if missing:
        files = [item["download_info"]["url"] for item in missing]
        _pip("--no-deps", "--target", str(packages), *files)
    named = (f"{item['metadata']['name']} {item['metadata']['version']}" for item in missing)
    logger.info(
        "installed from code/wheels: %s", ", ".join(named) or "nothing, all is installed already"
    )


def _found(shelf: Path, requirement: Requirement) -> Iterator[tuple[Path, frozenset[tags.Tag]]]:
    """Give a requirement's wheels in a folder, and the Pythons and platforms of each."""
    for path in sorted(shelf.glob("*.whl")):
        try:
            name, version, _, suits = parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            continue
        if name == canonicalize_name(requirement.name) and requirement.specifier.contains(
            version, prereleases=True
        ):
            yield path, suits


def _pip(*arguments: str) -> str:
    """Run `pip install` without an index and without any configuration of the user's."""
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-s", "-m", "pip", "--isolated", "--quiet", "--no-input"),
            *("--disable-pip-version-check", "--no-cache-dir", "install", "--no-index"),
            *("--only-binary", ":all:", "--root-user-action", "ignore", *arguments),
        ],
        env={name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        | {"PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        raise InstallModuleError(
            f"code/requirements.txt: pip cannot install the packages from code/wheels: "
            f"{' '.join(reasons) or done.stderr.strip()}"
        )
    return done.stdout
