"""Folders of the project's own, in which no file of their user is ever removed.

A folder is taken if it is new or empty, and then gets a mark: a file whose name and text say whose
folder it is, written before all else and removed after all else. What was made in it is removed by
name, and never through a link. Its user alone can read it.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

MARK = "slipway.txt"

_SHOWN = 3
"""How many names a message has."""


class FolderError(Exception):
    """A folder that cannot be had; the message says which and why, and its reader adds the fix."""


@dataclass(frozen=True)
class OwnFolder:
    """A folder for one owner, whose name is in the mark: one owner's folder is not another's."""

    path: Path
    owner: str

    def claim(self) -> None:
        """Make the folder, or take one that is empty or marked, for its user alone.

        Raises FolderError as is_ours does, and for a folder that cannot be made or written to.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            while not self._take():
                pass
        except OSError as error:
            raise self._unusable(error) from error

    def is_ours(self) -> bool:
        """Tell whether the folder is marked; one that is new or empty is not yet.

        Raises FolderError for a folder that holds anything else, and for what is no folder or
        cannot be read.
        """
        try:
            if self.is_marked():
                return True
            names = [path.name for path in self.path.iterdir()]
            # Marked, and more, since it was looked at first.
            if MARK in names and self.is_marked():
                return True
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unusable(error) from error
        if names:
            raise FolderError(
                f"{self.path}: this folder has to be for {self.owner} alone, and it holds "
                f"{listed(names)}"
            )
        return False

    def is_marked(self) -> bool:
        """Tell whether the mark is there, whole or as far as a killed process has written it."""
        try:
            is_file = stat.S_ISREG(self._mark.lstat().st_mode)
            return is_file and self._text(made=True).startswith(self._mark.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
            return False

    def release(self, names: Iterable[str]) -> list[Path]:
        """Remove what has one of names, as remove does, then the mark; return what is left.

        The folder goes too if claim made it and nothing is left: one that its user made stays.
        """
        made = self._mark.read_text("utf-8") == self._text(made=True)
        left = [path for path in remove(self.path, names) if path != self._mark]
        self._mark.unlink()
        if made:
            with suppress(OSError):  # it is not empty
                self.path.rmdir()
        return left

    def _take(self) -> bool:
        """Do what claim does, and tell whether the folder stayed there meanwhile."""
        made = _make(self.path)
        is_new = made or not self.is_ours()
        try:
            if is_new:
                self._write_mark(made)
            keep_private(self.path)
        except FileNotFoundError:  # whose it was before has just removed it
            if self.path.is_symlink():  # or it is a link that leads nowhere
                raise
            return False
        except OSError:
            if is_new:
                self._mark.unlink(missing_ok=True)
            raise
        return True

    @property
    def _mark(self) -> Path:
        return self.path / MARK

    def _text(self, *, made: bool) -> str:
        text = f"This folder belongs to {self.owner}. Keep files of your own elsewhere.\n"
        return text + ("It is removed with what was made in it.\n" if made else "")

    def _write_mark(self, made: bool) -> None:
        with suppress(FileExistsError), self._mark.open("x") as file:  # another was faster
            file.write(self._text(made=made))

    def _unusable(self, error: OSError) -> FolderError:
        place = "" if error.filename in (None, str(self.path)) else f"{error.filename}: "
        return FolderError(
            f"{self.path}: no folder for {self.owner} can be had here ({place}{error.strerror})"
        )


def keep_private(folder: Path) -> None:
    """Leave a folder to its user alone: take every permission from others."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        folder.chmod(mode & ~0o077)


def remove(folder: Path, names: Iterable[str]) -> list[Path]:
    """Remove what is below a folder at one of names, and return what is left.

    Names are paths below folder, in each part of which * stands for anything. A folder with such
    a name is removed whole, and one above it when it is empty. Links are removed, not followed.
    """
    patterns = [name.split("/", 1) for name in names]
    left = []
    for path in sorted(folder.iterdir()):
        matching = [rest for first, *rest in patterns if fnmatchcase(path.name, first)]
        is_folder = path.is_dir() and not path.is_symlink()
        if [] in matching:
            shutil.rmtree(path) if is_folder else path.unlink()
        elif matching and is_folder:
            left += remove(path, [rest for [rest] in matching])
            if not any(path.iterdir()):
                path.rmdir()
        else:
            left.append(path)
    return left


def listed(names: Iterable[str]) -> str:
    """Name the first few of a folder's entries, in text of one line whatever is in their names."""
    shown = [name if name.isprintable() else ascii(name) for name in sorted(names)]
    if len(shown) > _SHOWN:
        shown[_SHOWN:] = [f"{len(shown) - _SHOWN} more"]
    *first, last = shown
    return f"{', '.join(first)} and {last}" if first else last


def _make(folder: Path) -> bool:
    """Make a folder, and tell whether it was not there yet."""
    try:
        folder.mkdir(mode=0o700)
    except (FileExistsError, IsADirectoryError):  # macOS has the second one for /
        return False
    return True
