"""The command: start, stop, status, logs and exec, each as its user runs it."""

from __future__ import annotations

import io
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_cloud.__main__ import _parser, main
from local_cloud.access import environment
from local_cloud.process import find

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "local_cloud"]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    yield folder
    subprocess.run([*COMMAND, "stop"], env=variables(folder), cwd=ROOT, check=True)
    assert not folder.exists()


@pytest.fixture
def run(home: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            env=variables(home),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def variables(home: Path) -> dict[str, str]:
    return {**os.environ, "LOCAL_CLOUD_HOME": str(home)}


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended, but was not asked how, is no more alive."""
    listing = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listing.stdout.strip()[:1] not in ("", "Z")


def test_it_starts_once_says_where_and_stops_without_a_trace(run: Run, home: Path) -> None:
    assert run("status").returncode == 1
    started = run("start", "--port", "0")
    assert "runs at http://localhost:" in started.stdout
    running = find(home)
    assert running
    assert running.url in run("status").stdout
    assert running.url in run("start").stdout, "a second start finds the first"
    assert find(home) == running
    assert run("stop").stdout == "stopped\n"
    assert not alive(running.pid)
    assert not home.exists()
    assert run("stop").stdout == "it was not running\n"


def test_it_listens_on_the_loopback_address_only(run: Run, home: Path) -> None:
    run("start", "--port", "0")
    running = find(home)
    assert running
    port = int(running.url.rpartition(":")[2])
    with socket.socket() as other:
        # Had it bound every address, this one would be taken.
        other.bind(("127.0.0.2", port))


def test_a_port_in_use_is_said_and_another_is_taken(run: Run, home: Path) -> None:
    with socket.socket() as occupant:
        # Not the default port itself: other tests, and people, may use that one meanwhile.
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        port = occupant.getsockname()[1]
        script = (
            "from pathlib import Path; from local_cloud import server; "
            f"server.DEFAULT_PORT = {port}; server.serve(Path({str(home)!r}), None)"
        )
        with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as server:
            try:
                deadline = time.monotonic() + 30
                while not (running := find(home)):
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                taken = running.url.rpartition(":")[2]
                assert taken != str(port)
                assert f"port {port} is in use, so it took {taken}" in run("status").stdout
            finally:
                server.terminate()


def test_a_port_that_was_asked_for_is_taken_or_nothing_starts(run: Run, home: Path) -> None:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        port = str(occupant.getsockname()[1])
        started = run("start", "--port", port)
    assert started.returncode == 1
    assert f"port {port}: Address already in use; choose another" in started.stderr
    assert not home.exists()


def test_what_a_killed_one_left_behind_is_no_obstacle(run: Run, home: Path) -> None:
    run("start", "--port", "0")
    running = find(home)
    assert running
    os.kill(running.pid, signal.SIGKILL)
    while alive(running.pid):
        time.sleep(0.01)
    assert home.exists()
    assert run("status").returncode == 1
    (home / "logs" / "left-over").mkdir(parents=True)
    assert run("start", "--port", "0").returncode == 0
    assert not (home / "logs").exists()


def test_exec_starts_it_passes_the_status_on_and_leaves_it_running(run: Run, home: Path) -> None:
    script = (
        "import boto3, sys\n"
        "boto3.client('s3', region_name='us-east-1').create_bucket(Bucket='bucket')\n"
        "sys.exit(7)"
    )
    done = run("exec", "--", sys.executable, "-c", script)
    assert done.returncode == 7, done.stderr
    assert "the local cloud runs at" in done.stderr
    running = find(home)
    assert running
    listing = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'])"
    assert "'Name': 'bucket'" in run("exec", "--", sys.executable, "-c", listing).stdout


def test_exec_passes_on_how_the_command_ended_as_a_shell_does(run: Run) -> None:
    assert run("start", "--port", "0").returncode == 0
    for ending, status in (("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143)):
        assert run("exec", "--", "sh", "-c", ending).returncode == status


def test_exec_waits_for_a_command_that_goes_on_after_a_ctrl_c(
    run: Run, home: Path, tmp_path: Path
) -> None:
    run("start", "--port", "0")
    script = (
        "import pathlib, sys, time\n"
        "try:\n"
        f"    pathlib.Path({str(tmp_path / 'began')!r}).touch()\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        f"    pathlib.Path({str(tmp_path / 'tidied')!r}).touch()\n"
        "    sys.exit(5)\n"
    )
    process = subprocess.Popen(
        [*COMMAND, "exec", "--", sys.executable, "-c", script],
        env=variables(home),
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "began").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 5
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / "tidied").exists()


@pytest.mark.parametrize("command", ["", "start", "stop", "status", "logs", "exec"])
def test_help_shows_an_example_that_can_be_run(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*filter(None, [command]), "--help"])
    example = capsys.readouterr().out.splitlines()[-1]
    assert example.startswith(f"  python -m local_cloud {command}")
    assert _parser().parse_args(shlex.split(example)[3:]).run


def test_output_that_nobody_reads_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setenv("LOCAL_CLOUD_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "stdout", Closed())
    assert main(["status"]) == 128 + signal.SIGPIPE


def test_exec_names_a_command_that_is_not_there(run: Run) -> None:
    done = run("exec", "--", "no-such-command")
    assert done.returncode == 1
    assert "no-such-command: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("already_running", [True, False])
def test_ctrl_c_during_exec_ends_the_command_and_what_exec_started(
    run: Run, home: Path, tmp_path: Path, already_running: bool
) -> None:
    if already_running:
        run("start", "--port", "0")
    script = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen(
        [*COMMAND, "exec", "--", sys.executable, "-c", script],
        env=variables(home),
        cwd=ROOT,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running = find(home)
        assert running
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.wait()
    assert not alive(int((tmp_path / "pid").read_text()))
    assert alive(running.pid) is already_running
    assert home.exists() is already_running


def test_logs_of_an_endpoint_that_is_not_there_are_an_error_of_one_line(run: Run) -> None:
    run("start", "--port", "0")
    done = run("logs", "nothing")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "nothing" in done.stderr


def test_a_commands_environment_leads_to_the_local_cloud_and_nowhere_else() -> None:
    base = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_REGION": "us-west-2",
        "NO_PROXY": "intranet",
    }
    made = environment("http://localhost:1", base)
    assert made["PATH"] == "/bin"
    assert made["AWS_ENDPOINT_URL"] == "http://localhost:1"
    assert made["AWS_REGION"] == made["AWS_DEFAULT_REGION"] == "us-west-2"
    assert made["NO_PROXY"] == "127.0.0.1,intranet,localhost"
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        assert name not in made
    assert "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" not in made
