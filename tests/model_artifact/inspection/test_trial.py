"""The trial of an archive: what it cannot reach, what it reports, and that it leaves nothing."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_artifact.inspection import Container, Finding, inspect
from model_artifact.inspection.serving import Serving
from tests.model_artifact.inspection.archives import ENVIRONMENT, SCRIPT, Case, container


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check that every container has ended and the folder for temporary files is empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    started: list[subprocess.Popen[bytes]] = []

    class Remembered(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr("model_artifact.inspection.serving.subprocess.Popen", Remembered)
    yield
    assert list(folder.iterdir()) == []
    for process in started:
        with pytest.raises(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)


def tried(folder: Path, script: str, into: Container | None = None) -> dict[str, Finding]:
    """Inspect the good archive with another script."""
    case = Case({"code/inference.py": script.encode()}, into or container(memory_bytes=1 << 30))
    return {found.rule.id: found for found in inspect(case.write(folder), case.container)}


def test_the_report_says_how_long_it_took_in_how_much_memory(tmp_path: Path) -> None:
    figures = tried(tmp_path, SCRIPT)["trial-report"].figures
    assert figures["load_seconds"] > 0
    assert figures["peak_bytes"] > 10e6
    assert [each["rows"] for each in figures["latency"]] == [1, 1000]
    assert all(each["seconds"] > 0 for each in figures["latency"])
    assert figures["formats"] == ["application/json", "text/csv"]


def test_the_model_has_no_network_while_it_is_tried(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        calling = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 5)\n"
        said = tried(tmp_path, calling + SCRIPT)["trial-load"]
        assert "Error" in str(said)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_nothing_is_run_of_an_archive_that_would_run_a_program(tmp_path: Path) -> None:
    marker = tmp_path / "was here"

    class Exploit:
        def __reduce__(self) -> tuple[object, ...]:
            return os.system, (f"touch '{marker}'",)

    writing = f"open({str(marker)!r}, 'w').close()\n"
    evil = pickle.dumps(Exploit())
    case = Case({"evil.pkl": evil, "code/inference.py": writing.encode()})
    found = {each.rule.id: each for each in inspect(case.write(tmp_path), case.container)}
    assert found["pickle-dangerous"].member == "evil.pkl"
    assert "posix.system" in found["pickle-dangerous"].got
    assert not marker.exists()
    assert not [rule for rule in found if rule.startswith("trial")]
    # The same pickle does run the program when it is loaded.
    pickle.loads(evil)  # noqa: S301
    assert marker.exists()


def test_an_interrupted_trial_ends_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Serving, "load", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tried(tmp_path, SCRIPT)


def test_the_container_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    starting = (
        "import subprocess, sys, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
    )
    tried(tmp_path, starting + SCRIPT)
    child = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    assert not child.exists() or child.read_text().split()[2] in "ZX"


@pytest.mark.parametrize(
    ("script", "lines", "said"),
    [
        ("import pandas\n", "", "pandas is not installed here"),
        ("", "tqdm==0.0.1", "tqdm==0.0.1 is not installed"),
    ],
)
def test_what_this_machine_lacks_is_not_the_archives_fault(
    tmp_path: Path, script: str, lines: str, said: str
) -> None:
    case = Case(
        {"code/inference.py": (script + SCRIPT).encode(), "code/requirements.txt": lines.encode()},
    )
    found = {each.rule.id: str(each) for each in inspect(case.write(tmp_path), case.container)}
    assert said in found["trial-skipped"]
    assert "trial-load" not in found


def test_the_models_variables_reach_it_with_the_containers_paths(tmp_path: Path) -> None:
    checking = (
        "import os\n"
        "assert os.path.isdir(os.environ['ARTIFACTS']), os.environ['ARTIFACTS']\n"
        "assert os.environ['GREETING'] == 'hello'\n"
        "assert 'AWS_ACCESS_KEY_ID' not in os.environ\n"
    )
    into = Container(
        container().image,
        ENVIRONMENT | {"ARTIFACTS": "/opt/ml/model", "GREETING": "hello"},
    )
    assert "trial-report" in tried(tmp_path, checking + SCRIPT, into)


def test_the_log_of_a_model_that_does_not_load_is_in_the_finding(tmp_path: Path) -> None:
    raising = SCRIPT.replace("def model_fn(model_dir):", "def model_fn(model_dir):\n    1 / 0")
    said = str(tried(tmp_path, raising)["trial-load"])
    assert "the model does not load: ZeroDivisionError: division by zero" in said
    assert 'inference.py", line' in said


def test_the_finding_says_how_a_container_ended(tmp_path: Path) -> None:
    said = str(tried(tmp_path, "import os\nos._exit(3)\n" + SCRIPT)["trial-load"])
    assert "the container exited with status 3" in said


def test_a_sample_that_is_not_a_table_is_sent_as_it_is(tmp_path: Path) -> None:
    script = SCRIPT.replace('json.loads(body)["instances"]', '[[len(json.loads(body)["text"]), 0]]')
    case = Case({"code/inference.py": script.encode(), "code/sample.json": b'{"text": "hello"}'})
    found = {each.rule.id: each for each in inspect(case.write(tmp_path), case.container)}
    assert found["trial-report"].figures["formats"] == ["application/json"]
    assert found["trial-report"].figures["latency"] == []


def test_inspection_does_not_wait_forever_if_a_live_container_breaks_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_artifact.inspection.serving._ENDING_SECONDS", 0.1)
    # The user's code closes the socket that the container answers on.
    breaking = SCRIPT.replace(
        "def transform_fn(model, body, content_type, accept):",
        "def transform_fn(model, body, content_type, accept):\n"
        "    import os\n"
        "    for number in range(3, 200):\n"
        "        try:\n"
        "            if os.readlink(f'/proc/self/fd/{number}').startswith('socket:'):\n"
        "                import socket\n"
        "                socket.socket(fileno=os.dup(number)).shutdown(2)\n"
        "        except OSError:\n"
        "            pass",
    )
    said = str(tried(tmp_path, breaking)["trial-answer"])
    assert "the container broke the connection" in said
