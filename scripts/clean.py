"""Remove what was made in this folder, by name: `make clean`. It takes nothing but Python.

Nothing else goes, and no link is followed. What stays is said, and what to do about it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from folders import MARK, listed, remove
from model_artifact.build import CDK_OUT, MADE, MADE_BY_CDK, build_folder

ROOT = Path(__file__).parents[1]


def clean(root: Path) -> Iterator[str]:
    """Remove what was made, and yield for each folder that stays which it is, and why."""
    cleaners: dict[str, Callable[[Path], str]] = {
        CDK_OUT: lambda folder: _empty(folder, MADE_BY_CDK),
        "build": _clean_build,
        "node_modules": lambda folder: _empty(folder, _node_packages(root)),
        ".venv": _clean_environment,  # last, since this may run in it
    }
    for name, cleaner in cleaners.items():
        folder = root / name
        why = ""
        if folder.is_symlink():
            why = "it is a link"
        elif folder.is_dir():
            why = cleaner(folder)
        if why:
            yield f"{folder} stays, since {why}; remove it yourself if nobody needs it"


def _clean_build(folder: Path) -> str:
    build = build_folder(folder.parent)
    if not build.is_marked():
        return f"it was not made here: it has no {MARK} of {build.owner}"
    return _holds(folder, build.release(MADE))


def _clean_environment(folder: Path) -> str:
    if not (folder / "installed").is_file():
        return "`make install` did not make it, or did not end"
    shutil.rmtree(folder)
    return ""


def _empty(folder: Path, names: Sequence[str]) -> str:
    left = remove(folder, names)
    if not left:
        folder.rmdir()
    return _holds(folder, left)


def _holds(folder: Path, left: Sequence[Path]) -> str:
    names = [path.relative_to(folder).as_posix() for path in left]
    return f"it holds what was not made here ({listed(names)})" if names else ""


def _node_packages(root: Path) -> list[str]:
    """Name what `npm ci` makes in node_modules: the lock file's packages, and two of its own."""
    packages = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    names = [name.removeprefix("node_modules/") for name in packages if name]
    return [*names, ".bin", ".package-lock.json"]


def main() -> int:
    """Clean the project, and return the exit status."""
    try:
        for line in clean(ROOT):
            print(line)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}; this cannot be removed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
