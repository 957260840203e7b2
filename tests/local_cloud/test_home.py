"""The home folder in every situation: what the commands say, and that nothing of its user goes."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from folders import FolderError, OwnFolder
from local_cloud.__main__ import main
from local_cloud.home import (
    INSTANCES,
    LOG,
    MADE,
    MODEL_DATA,
    STATE,
    default_home,
    remove_abandoned,
    sole_owner,
)
from local_cloud.process import find

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "start": ["start", "--port", "0"],
    "stop": ["stop"],
    "status": ["status"],
    "logs": ["logs", "iris-dev"],
    "exec": ["exec", "--", "true"],
}
Situation = Callable[[Path], None]
Run = Callable[[str], tuple[int, str]]

NOT_RUNNING = "the local cloud is not running; start it with `python -m local_cloud start`"
ADVICE = "set LOCAL_CLOUD_HOME to a folder that is new or empty, and yours"


def claim(home: Path) -> None:
    OwnFolder(home, "Slipway's local cloud").claim()


def new(_home: Path) -> None:
    pass


def empty(home: Path) -> None:
    home.mkdir(mode=0o755)


def crashed(home: Path) -> None:
    """What is left of one that was killed, while another program has got its port since."""
    claim(home)
    (home / STATE).write_text(json.dumps({"url": "http://localhost:1", "token": "t", "pid": 1}))
    (home / LOG).write_text("Killed\n")
    (home / INSTANCES / "i-0" / "opt").mkdir(parents=True)


def marked_and_no_more(home: Path) -> None:
    """What is left of one that was killed as soon as it had made the folder."""
    claim(home)


def files(home: Path) -> None:
    """A folder that has other things under the very names of the local cloud's."""
    (home / "instances").mkdir(parents=True)
    (home / "instances" / "rows.csv").write_text("1,2\n")
    for name in ("notes.txt", STATE, LOG):
        (home / name).write_text('{"url": "http://localhost:1"}')


def file(home: Path) -> None:
    home.write_text("notes")


def link_to_empty(home: Path) -> None:
    home.with_name("elsewhere").mkdir(mode=0o755)
    home.symlink_to(home.with_name("elsewhere"))


def link_to_files(home: Path) -> None:
    files(home.with_name("elsewhere"))
    home.symlink_to(home.with_name("elsewhere"))


def link_to_nothing(home: Path) -> None:
    home.symlink_to(home.with_name("elsewhere"))


def link_to_itself(home: Path) -> None:
    home.symlink_to(home)


def beneath_a_file(home: Path) -> None:
    home.parent.rmdir()
    home.parent.write_text("notes")


def unwritable_parent(home: Path) -> None:
    home.parent.chmod(0o555)


def unwritable(home: Path) -> None:
    home.mkdir(mode=0o555)


def unreadable(home: Path) -> None:
    files(home)
    home.chmod(0o000)


FREE = [new, empty, crashed, marked_and_no_more, link_to_empty, link_to_nothing]
TAKEN: dict[Situation, str] = {
    files: f"alone, and it holds instances, notes.txt, server.log and 1 more; {ADVICE}",
    link_to_files: f"alone, and it holds instances, notes.txt, server.log and 1 more; {ADVICE}",
    file: f"no folder for Slipway's local cloud can be had here (Not a directory); {ADVICE}",
    link_to_itself: f"Too many levels of symbolic links); {ADVICE}",
    beneath_a_file: f"can be had here (Not a directory); {ADVICE}",
}


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a folder: its kind and permissions, and its content."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        content = os.fsencode(path.readlink()) if path.is_symlink() else b""
        found[str(path)] = status.st_mode, content or (path.is_file() and path.read_bytes()) or b""
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "parent" / "home"
    folder.parent.mkdir()
    monkeypatch.setenv("LOCAL_CLOUD_HOME", str(folder))
    yield folder
    for path in (folder.parent, folder):  # so that pytest can remove them
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


@pytest.fixture
def run(home: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; return its status, and what it said on either stream."""

    def run(command: str) -> tuple[int, str]:
        assert str(home) == os.environ["LOCAL_CLOUD_HOME"]
        status = main(COMMANDS[command])
        return status, "".join(capfd.readouterr())

    return run


def unprivileged() -> None:
    """Have permissions count for root too, in the program that is started next."""
    if os.geteuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def ran(command: str) -> tuple[int, str]:
    """Run a command as its user does, and as one for whom permissions count."""
    done = subprocess.run(
        [sys.executable, "-m", "local_cloud", *COMMANDS[command]],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        preexec_fn=unprivileged,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("situation", TAKEN)
def test_a_folder_that_is_not_its_own_is_refused_in_one_line_and_left_as_it_is(
    home: Path, run: Run, situation: Situation, command: str
) -> None:
    situation(home)
    before = tree(home.parent)
    status, said = run(command)
    assert status == 1
    assert said.startswith(f"{default_home()}: ")
    assert said.endswith(f"{TAKEN[situation]}\n")
    assert said.count("\n") == 1
    assert tree(home.parent) == before


@pytest.mark.parametrize("command", ["stop", "status", "logs"])
@pytest.mark.parametrize("situation", FREE)
def test_where_none_runs_it_is_said_and_only_what_a_killed_one_left_is_removed(
    home: Path, run: Run, situation: Situation, command: str
) -> None:
    situation(home)
    before = tree(home.parent)
    status, said = run(command)
    if command != "stop":
        assert (status, said) == (1, f"{NOT_RUNNING}\n")
        assert tree(home.parent) == before
    elif situation in (crashed, marked_and_no_more):
        left = f"it was not running; what a killed one had left in {home} is removed\n"
        assert (status, said) == (0, left)
        assert not home.exists()
    else:
        assert (status, said) == (0, "it was not running\n")
        assert tree(home.parent) == before


@pytest.mark.parametrize(
    ("situation", "command"),
    [
        (new, "start"),
        (empty, "exec"),
        (crashed, "start"),
        (link_to_empty, "exec"),
        (link_to_nothing, "start"),
    ],
)
def test_it_starts_answers_every_command_and_leaves_what_was_there_before(
    home: Path, situation: Situation, command: str
) -> None:
    situation(home)
    before = {path for path in tree(home.parent) if situation is not crashed}
    try:
        status, said = ran(command)
        assert status == 0, said
        assert default_home().stat().st_mode & 0o777 == 0o700
        assert {path.name for path in default_home().iterdir()} == {"slipway.txt", LOG, STATE}
        assert ran("status")[0] == ran("start")[0] == 0
        assert ran("logs") == (1, "no endpoint iris-dev has written a log; see `status`\n")
    finally:
        stopped = ran("stop")
    assert stopped == (0, "stopped\n")
    assert tree(home.parent).keys() == (before or {str(home.parent)})


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("situation", "refusing"),
    [
        (unwritable_parent, {"start", "exec"}),
        (unwritable, {"start", "exec"}),
        (unreadable, COMMANDS),
    ],
)
def test_what_may_not_be_written_to_is_refused_in_one_line_by_what_would_write(
    home: Path, situation: Callable[[Path], None], refusing: set[str], command: str
) -> None:
    situation(home)
    mode = home.parent.stat().st_mode, home.exists() and home.stat().st_mode
    status, said = ran(command)
    assert said.count("\n") == 1
    if command in refusing:
        assert status == 1
        assert f"{home}: no folder for Slipway's local cloud can be had here (" in said
        assert said.endswith(f"); {ADVICE}\n")
    else:
        assert (status, said.startswith("it was not running")) == (
            (0, True) if command == "stop" else (1, False)
        )
    assert mode == (home.parent.stat().st_mode, home.exists() and home.stat().st_mode)
    home.parent.chmod(0o755)
    if home.exists():
        home.chmod(0o755)
        assert any(home.iterdir()) is (situation is unreadable)


@pytest.mark.parametrize("command", ["start", "exec", "stop"])
def test_what_cannot_be_removed_is_named_in_one_line_and_the_folder_stays_its_own(
    home: Path, command: str
) -> None:
    crashed(home)
    folder = home / INSTANCES / "i-0"
    folder.chmod(0o555)
    try:
        status, said = ran(command)
    finally:
        folder.chmod(0o755)
    assert status == 1
    assert said.count("\n") == 1
    assert "opt: Permission denied; this is what a local cloud left behind: remove " in said
    remove_abandoned(home)
    assert not home.exists()


def test_a_folder_that_cannot_be_closed_to_others_is_not_marked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_user_s(path: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    empty(home)
    monkeypatch.setattr("folders.keep_private", another_user_s)
    with pytest.raises(FolderError, match=r"can be had here \(Operation not permitted\)"):
        claim(home)
    assert not any(home.iterdir())


def test_a_file_that_its_user_put_there_outlives_the_local_cloud_and_is_named(
    home: Path, run: Run
) -> None:
    crashed(home)
    (home / "notes\n.txt").write_text("mine")
    assert run("stop") == (
        0,
        f"it was not running; what a killed one had left in {home} is removed; {home} stays, "
        r"since it holds 'notes\n.txt', which the local cloud did not make" + "\n",
    )
    assert [path.name for path in home.iterdir()] == ["notes\n.txt"]


def test_a_start_removes_what_a_killed_one_left_and_the_end_all_that_was_made(home: Path) -> None:
    crashed(home)
    (home / "notes.txt").write_text("mine")
    with sole_owner(home):
        assert {path.name for path in home.iterdir()} == {"slipway.txt", "notes.txt"}
        for name in MADE:
            (home / name).touch()
    assert [path.name for path in home.iterdir()] == ["notes.txt"]


def test_links_in_the_folder_are_removed_and_never_followed(home: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    files(theirs)
    before = tree(theirs)
    claim(home)
    for name in MADE:
        (home / name).symlink_to(theirs / name)
    with sole_owner(home):
        assert [path.name for path in home.iterdir()] == ["slipway.txt"]
        (home / INSTANCES).symlink_to(theirs)
        (home / MODEL_DATA / "deep").mkdir(parents=True)
        (home / MODEL_DATA / "deep" / "link").symlink_to(theirs)
    assert not home.exists()
    assert tree(theirs) == before


@pytest.mark.parametrize("text", ["", "This folder belongs to Slipway's local cloud."])
def test_a_mark_that_a_killed_start_wrote_in_part_is_one(home: Path, text: str) -> None:
    empty(home)
    (home / "slipway.txt").write_text(text)
    (home / STATE).touch()
    remove_abandoned(home)
    assert home.is_dir(), "who made it is not known, so it stays"
    assert not any(home.iterdir())


@pytest.mark.parametrize(
    "other", [lambda mark: mark.write_text("notes"), lambda mark: mark.mkdir(), os.mkfifo]
)
def test_what_merely_has_the_name_of_the_mark_is_none(
    home: Path, other: Callable[[Path], object]
) -> None:
    empty(home)
    other(home / "slipway.txt")
    with pytest.raises(FolderError, match=r"and it holds slipway\.txt$"):
        claim(home)
    remove_abandoned(home)
    assert (home / "slipway.txt").exists()


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_its_user_alone_can_read_it(home: Path, umask: int) -> None:
    previous = os.umask(umask)
    try:
        claim(home)
        assert home.stat().st_mode & 0o777 == 0o700
        home.chmod(0o775)
        claim(home)
        assert home.stat().st_mode & 0o777 == 0o700, "one of ours that was open is closed"
    finally:
        os.umask(previous)


def test_of_those_that_race_for_the_folder_one_has_it_and_the_last_leaves_none(home: Path) -> None:
    """Each life is short: the others find a folder that comes and goes under their hands."""
    code = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from local_cloud.home import LocalCloudError, STATE, sole_owner\n"
        "lives = 0\n"
        "while lives < 20:\n"
        "    try:\n"
        "        with sole_owner(Path(sys.argv[1])):\n"
        "            (Path(sys.argv[1]) / STATE).touch(exist_ok=False)\n"
        "            time.sleep(0.01)\n"
        "            lives += 1\n"
        "    except LocalCloudError as error:\n"
        "        assert 'another local cloud lives here' in str(error), error\n"
        "    os.closerange(3, 64)\n"  # as if the process ended: the lock is let go of
    )
    command = [sys.executable, "-c", code, str(home)]
    racers = [
        subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [racer.communicate()[1] for racer in racers] == [""] * 3
    remove_abandoned(home)
    assert not home.exists() or not any(home.iterdir())


def test_a_lock_on_a_folder_that_was_removed_meanwhile_is_none(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def try_lock(folder: int) -> bool:
        tried.append(folder)
        if len(tried) == 1:  # one ends, and another starts
            shutil.rmtree(home)
            claim(home)
        return True

    monkeypatch.setattr("local_cloud.home.try_lock", try_lock)
    with sole_owner(home):
        assert len(tried) == 2
        assert os.path.samestat(os.fstat(tried[1]), home.stat())


def test_a_folder_that_another_process_holds_is_neither_stopped_nor_emptied(
    home: Path, run: Run
) -> None:
    crashed(home)
    before = tree(home)
    code = (
        "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), fcntl.LOCK_EX); "
        "print(flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(home)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout
        holder.stdout.readline()
        status, said = run("stop")
        assert find(home) is None
        remove_abandoned(home)
        holder.kill()
    assert status == 1
    assert said.startswith(f"{home}: a process holds this folder and does not answer; ")
    assert said.count("\n") == 1
    assert tree(home) == before


def test_a_relative_path_and_a_link_are_told_as_the_folder_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("folder")
    monkeypatch.setenv("LOCAL_CLOUD_HOME", "link/below")
    assert default_home() == tmp_path / "folder" / "below"
    monkeypatch.setenv("LOCAL_CLOUD_HOME", "")
    assert default_home() == ROOT / ".local_cloud"
