"""The file that `-c stage=...` means, read."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from settings.corrections import Written, unquoted_line
from settings.errors import StageError, nearest


def read_file(name: str, folder: Path) -> tuple[dict[str, Any], Path]:
    """Return what a stage's file says, and its path. Raises StageError.

    It is folder/NAME.toml; or, for a name that ends in ".toml", that file of the project.
    """
    path = _path(name, folder)
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows' editors may begin it with a mark
    except (FileNotFoundError, NotADirectoryError):
        raise StageError(f"{path}: there is no such stage; {_known(name, folder)}") from None
    except OSError as error:
        raise StageError(f"{path}: {error.strerror}; a stage is a file that can be read") from error
    except UnicodeDecodeError as error:
        raise StageError(f"{path}: not TOML, which is UTF-8: {error}; save it as UTF-8") from None
    try:
        return tomllib.loads(text, parse_float=Written), path
    except tomllib.TOMLDecodeError as error:
        line = unquoted_line(text, str(error))
        hint = f"; write {line}" if line else ""
        raise StageError(f"{path}: not TOML: {error}{hint}") from None


def _path(name: str, folder: Path) -> Path:
    """Return the file of a stage. Raises StageError for a name of something outside folder."""
    if name.endswith(".toml"):
        return folder.parent / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        meant = next(_files(name, folder), None)
        raise StageError(
            f"{name}: this is no stage in {folder}; name a file in another folder by its path, "
            "with its ending .toml" + (f": -c stage={meant}" if meant else "")
        )
    return folder / f"{name}.toml"


def _known(name: str, folder: Path) -> str:
    """Say which stage may have been meant, and which there are."""
    stages = sorted(file.relative_to(folder) for file in folder.rglob("*.toml"))
    known = [file.with_suffix("").as_posix() for file in stages]
    others = [str(file.relative_to(folder.parent)) for file in folder.parent.glob("*/*/stage.toml")]
    # With the ending that only files elsewhere have, or with the folder that only they name.
    stem = name.removesuffix(".toml").removeprefix(f"{folder.name}/")
    meant = stem if stem in known else next(_files(stem, folder), nearest(stem, known + others))
    return (
        (f"did you mean -c stage={meant}? If not, " if meant else "")
        + f"there is {', '.join(known) or 'none'}. "
        "Choose one with `-c stage=NAME`, or write this file"
    )


def _files(name: str, folder: Path) -> Iterator[str]:
    """Yield the files of the project that a name lacks the ending of, or is the folder of."""
    for file in (f"{name}.toml", f"{name.rstrip('/')}/stage.toml"):
        if (folder.parent / file).is_file():
            yield file
