"""For the tests of the examples: each example trained by its own command, and its handler."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ("onnx", "xgboost")


def trained(example: str, folder: Path, *options: str, hash_seed: str = "0") -> dict[str, bytes]:
    """Run an example's training, and return the files that it made."""
    command = [sys.executable, "-m", f"examples.{example}.train", "--output", str(folder), *options]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(folder) in done.stdout
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def load_handler(example: str) -> ModuleType:
    """Import an example's inference.py, and with it the formats.py beside it and no other."""
    code = ROOT / "examples" / example / "code"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(code)
        patch.delitem(sys.modules, "formats", raising=False)
        spec = spec_from_file_location(f"{example}_handler", code / "inference.py")
        assert spec
        assert spec.loader
        module = module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        sys.modules.pop("formats", None)
    return module


@pytest.fixture(scope="session")
def onnx_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    trained("onnx", folder)
    return folder


@pytest.fixture(scope="session")
def xgboost_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xgboost")
    trained("xgboost", folder)
    return folder


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def folder(example: str, request: pytest.FixtureRequest) -> Path:
    """The trained model of each example."""
    path: Path = request.getfixturevalue(f"{example}_folder")
    return path
