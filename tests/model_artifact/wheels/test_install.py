"""The packed requirements, installed by a real pip that reaches no index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from model_artifact.wheels import Interpreter, vendor
from tests.model_artifact.wheels.conftest import make_wheel

IMAGE = Interpreter(
    f"{sys.version_info.major}.{sys.version_info.minor}", "x86_64", "2.17", {"image-has": "1.0"}
)
"""Fits any machine: the wheels here contain no compiled code."""

PYPROJECT = """\
[build-system]
requires = []
build-backend = "build"
backend-path = ["."]
"""
BUILD = """\
import shutil
def build_wheel(folder, config_settings=None, metadata_directory=None):
    return shutil.copy("inference-1.0-py3-none-any.whl", folder).rpartition("/")[2]
"""
"""A build backend that needs no packages: it copies a wheel. AWS's image has setuptools instead."""


class Container:
    """An environment with a pip whose only index is a port where nobody listens."""

    def __init__(self, folder: Path) -> None:
        self.code = folder / "code"
        self.code.mkdir()
        venv.create(folder / "venv", with_pip=True)
        self._python = folder / "venv" / "bin" / "python"

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_INDEX_URL": "http://127.0.0.1:9/",
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_RETRIES": "0",
        }
        command = [str(self._python), *map(str, arguments)]
        return subprocess.run(
            command, cwd=self.code, env=environment, capture_output=True, text=True
        )

    def pip_install(self, *arguments: object) -> str:
        ended = self.run("-m", "pip", "install", *arguments)
        return "" if ended.returncode == 0 else ended.stderr


@pytest.fixture
def container(tmp_path: Path) -> Container:
    folder = tmp_path / "container"
    folder.mkdir()
    started = Container(folder)
    assert not started.pip_install("--no-deps", make_wheel(folder, "image-has", "1.0"))
    return started


def test_what_was_vendored_is_installed_without_a_network_as_aws_s_containers_do(
    index: Path, tmp_path: Path, container: Container
) -> None:
    make_wheel(index, "asked", "1.0", "needed")
    make_wheel(index, "needed", "1.0", "image-has")
    make_wheel(index, "image-has", "2.0")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "requirements.txt").write_text("asked")
    for name, path in vendor(tmp_path / "code", tmp_path / "wheels", IMAGE).items():
        unpacked = container.code.parent / name
        unpacked.parent.mkdir(exist_ok=True)
        shutil.copy(path, unpacked)
    assert not container.pip_install("-r", "requirements.txt")
    # AWS's image for scikit-learn installs code itself in the same call.
    (container.code / "pyproject.toml").write_text(PYPROJECT)
    (container.code / "build.py").write_text(BUILD)
    make_wheel(container.code, "inference", "1.0")
    assert not container.pip_install(
        "--force-reinstall", "--no-deps", ".", "-r", "requirements.txt"
    )
    everything = "import asked, image_has, inference, needed; print(needed.VERSION)"
    assert container.run("-c", f"{everything}; print(image_has.VERSION)").stdout == "1.0\n1.0\n"
    # The reason why the packed requirements have no hashes.
    shutil.copy(tmp_path / "code" / "requirements.lock", container.code / "hashes.txt")
    with (container.code / "hashes.txt").open("a") as file:
        file.write("--no-index\n--find-links wheels\n")
    assert not container.pip_install("-r", "hashes.txt")
    assert "Can't verify hashes" in container.pip_install(".", "-r", "hashes.txt")


def test_nothing_is_installed_if_the_image_has_everything(
    index: Path, tmp_path: Path, container: Container
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "requirements.txt").write_text("image-has>=1")
    [packed] = vendor(tmp_path / "code", tmp_path / "wheels", IMAGE).values()
    assert not container.pip_install("-r", packed)
    assert container.run("-c", "import image_has; print(image_has.VERSION)").stdout == "1.0\n"
    assert not list(index.iterdir())
