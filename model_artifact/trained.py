"""What a training writes: the model's file, and metadata.json, which has the file's SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

METADATA = "metadata.json"


class TrainedModelError(Exception):
    """Files in the place of a trained model that no training wrote; the message has the fix."""


def save_model(folder: Path, name: str, model: bytes, description: Mapping[str, Any]) -> None:
    """Write a model's file and its metadata into folder, over those of a training before.

    Raises TrainedModelError rather than write over a file of the user's.
    """
    written = _written(folder)
    for path in (folder / name, folder / METADATA):
        if path.is_symlink() or (path.exists() and path.name not in written):
            raise TrainedModelError(
                f"{path}: no training wrote this file, and it would be lost; move it elsewhere, or "
                "train into another folder with --output"
            )
    metadata = {**description, "model": {"file": name, "sha256": _sha256(model)}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(model)
    (folder / METADATA).write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")


def _written(folder: Path) -> set[str]:
    """Name the files in folder that a training wrote; its model, unless it has changed since."""
    try:
        saved = json.loads((folder / METADATA).read_text(encoding="utf-8"))["model"]
        name, sha256 = saved["file"], saved["sha256"]
        unchanged = (folder / name).is_file() and _sha256((folder / name).read_bytes()) == sha256
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or none of ours
        return set()
    return {METADATA, name} if unchanged else {METADATA}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
