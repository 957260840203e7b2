"""What tests of several parts share: the example's model and the stages' templates, made once."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

from model_artifact.train import save, train

pytest_plugins = ["tests.leftovers"]

ROOT = Path(__file__).parents[1]
PACKAGES = [folder.parent.name for folder in ROOT.glob("*/__init__.py")]
"""The parts of the project, by their folders."""

# Other tests run at the same time: how long an example takes says nothing.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests have counted."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each worker its share of the deployments, and have it begin with them.

    They wait most of the time, and would be the last to run, side by side with nothing. That of
    README is the longest.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if "/end_to_end/" in item.nodeid]
    slow.sort(key=lambda item: "readme" not in item.nodeid)
    quick = [item for item in items if "/end_to_end/" not in item.nodeid]
    bounds = [len(quick) * part // workers for part in range(workers + 1)]
    items[:] = [
        item
        for part in range(workers)
        for item in (*slow[part::workers], *quick[bounds[part] : bounds[part + 1]])
    ]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's model, trained by these tests, whatever lies in model_artifact/model."""
    folder = tmp_path_factory.mktemp("model")
    save(*train(), folder)
    return folder


@pytest.fixture(scope="session")
def handler() -> ModuleType:
    """inference/code/inference.py, under a name that does not hide our package inference."""
    spec = spec_from_file_location("handler", ROOT / "inference" / "code" / "inference.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules["handler"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def cdk_context() -> dict[str, Any]:
    """The feature flags of cdk.json, which an App made in a test does not read by itself."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return context


@pytest.fixture
def project(tmp_path: Path, model_folder: Path) -> Path:
    """A checkout with a trained model, to be changed at will."""
    folder = tmp_path / "project"
    for name in (*PACKAGES, "stages"):
        # With what Python has compiled: the copies keep their times, by which it stays valid.
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("model"))
    shutil.copytree(model_folder, folder / "model_artifact" / "model")
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, folder)
    return folder
