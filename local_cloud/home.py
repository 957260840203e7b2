"""The home folder: all that a local cloud has on disk.

The process holds a lock on the folder for as long as it lives, so there is one a folder, and what
a killed one left behind can be told from what a living one uses. The folder is the local cloud's
own, or is not used: `folders` has how that is known.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from folders import FolderError, OwnFolder, listed, remove

LOG = "server.log"
STATE, UNFINISHED_STATE = "state.json", "state.json.part"
INSTANCES, INSTANCE_LOGS, MODEL_DATA = "instances", "logs", "model-data"

MADE = (LOG, STATE, UNFINISHED_STATE, INSTANCES, INSTANCE_LOGS, MODEL_DATA)
"""All that is made in the folder, and that is removed from it."""


class LocalCloudError(Exception):
    """The local cloud cannot be started, or is not running; the message says what to do."""


def default_home() -> Path:
    """Return $LOCAL_CLOUD_HOME, or .local_cloud beside this package; a link's target for a link."""
    chosen = os.environ.get("LOCAL_CLOUD_HOME")
    return Path(os.path.realpath(chosen or Path(__file__).parents[1] / ".local_cloud"))


def is_ours(home: Path) -> bool:
    """Tell whether the folder is a local cloud's; one that is new or empty is not yet.

    Raises LocalCloudError for one that can be no local cloud's.
    """
    with _advice():
        return _folder(home).is_ours()


@contextmanager
def sole_owner(home: Path) -> Iterator[None]:
    """Own the folder, emptied of what was left over, and remove it at the end.

    The lock outlives the folder: it is let go of when the process is gone. Raises LocalCloudError
    when another process has it, the folder is not the local cloud's own, or what was left over
    cannot be removed.
    """
    _lock(home)
    try:
        with _removal(home):
            remove(home, MADE)
        yield
    finally:
        with suppress(OSError):  # whoever stops it will say what could not be removed
            _folder(home).release(MADE)


def _lock(home: Path) -> None:
    while True:
        with _advice():
            _folder(home).claim()
        try:
            folder = os.open(home, os.O_RDONLY)
        except FileNotFoundError:
            continue
        if not try_lock(folder):
            os.close(folder)
            raise LocalCloudError(f"{home}: another local cloud lives here")
        # One that ended since the folder was claimed has removed it, or its mark.
        if _folder(home).is_marked() and os.path.samestat(os.fstat(folder), home.stat()):
            return
        os.close(folder)


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
    """Remove what a local cloud left in the folder, unless a process owns it.

    Raises LocalCloudError for what cannot be removed.
    """
    try:
        folder = os.open(home, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        with _removal(home):
            if try_lock(folder) and _folder(home).is_marked():
                _folder(home).release(MADE)
    finally:
        os.close(folder)


def try_lock(folder: int) -> bool:
    """Lock an open folder, and tell whether that went well: whether no process owns it."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def contents(home: Path) -> str:
    """Name what is in the folder, in a few words; in one that is not there is nothing."""
    names = [path.name for path in home.iterdir()] if home.exists() else []
    return listed(names) if names else ""


def _folder(home: Path) -> OwnFolder:
    return OwnFolder(home, "Slipway's local cloud")


@contextmanager
def _removal(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LocalCloudError(
            f"{error.filename}: {error.strerror}; this is what a local cloud left behind: remove "
            f"{home} yourself, if nothing of yours is in it"
        ) from error


@contextmanager
def _advice() -> Iterator[None]:
    try:
        yield
    except FolderError as error:
        raise LocalCloudError(
            f"{error}; set LOCAL_CLOUD_HOME to a folder that is new or empty, and yours"
        ) from error
