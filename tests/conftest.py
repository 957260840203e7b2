"""What tests of several parts share: the example's model and the stages' templates, made once."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from model_artifact.train import save, train

ROOT = Path(__file__).parents[1]


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
