"""User code loaded in this process, with nothing of it left behind."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from container import handler
from container.image import IMAGES

Load = Callable[..., handler.Transform]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Load a handler from files (by their path under /opt/ml/model) as an instance does."""
    # This repository has an `inference` of its own, which is not the user's.
    others = [path for path in sys.path if not list(Path(path).glob("inference*"))]
    monkeypatch.setattr(sys, "path", others)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = dict(sys.modules)

    def loaded(
        files: Mapping[str, str] | str, framework: str = "sklearn", **environment: str
    ) -> handler.Transform:
        files = {"code/inference.py": files} if isinstance(files, str) else files
        model = tmp_path / "opt" / "ml" / "model"
        for name, text in files.items():
            path = model / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name in [name for name in sys.modules if name.partition(".")[0] == "inference"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        script = {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": str(model / "code"),
        }
        handler.install(tmp_path, environment or script)
        return handler.load(tmp_path, environment or script, IMAGES[framework])

    yield loaded
    sys.modules.clear()
    sys.modules.update(before)
