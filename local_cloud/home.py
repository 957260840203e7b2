"""The home folder: all that a local cloud has on disk.

The process holds a lock on the folder for as long as it lives, so there is one a folder, and what
a killed one left behind can be told from what a living one uses.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATE, LOG = "state.json", "server.log"


class LocalCloudError(Exception):
    """The local cloud cannot be started, or is not running; the message says what to do."""


def default_home() -> Path:
    """Return $LOCAL_CLOUD_HOME, or .local_cloud beside this package."""
    chosen = os.environ.get("LOCAL_CLOUD_HOME")
    return Path(chosen).absolute() if chosen else Path(__file__).parents[1] / ".local_cloud"


@contextmanager
def sole_owner(home: Path) -> Iterator[None]:
    """Own the folder, emptied but for the log, and remove it at the end.

    The lock outlives the folder: it is let go of when the process is gone. Raises LocalCloudError
    when another process has it.
    """
    home.mkdir(parents=True, exist_ok=True)
    if not try_lock(os.open(home, os.O_RDONLY)):
        raise LocalCloudError(f"{home}: another local cloud lives here")
    try:
        for left_over in home.iterdir():
            if left_over.name != LOG:
                shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink()
        yield
    finally:
        shutil.rmtree(home, ignore_errors=True)


def owned(home: Path) -> bool:
    """Tell whether a process owns the folder."""
    try:
        folder = os.open(home, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(folder)
    finally:
        os.close(folder)


def remove_abandoned(home: Path) -> None:
    """Remove the folder, unless a process owns it."""
    if not owned(home):
        shutil.rmtree(home, ignore_errors=True)


def try_lock(folder: int) -> bool:
    """Lock an open folder, and tell whether that went well: whether no process owns it."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
