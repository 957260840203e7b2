"""An index of tiny wheels: the only index that pip and uv know during a test."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    *needs: str,
    tag: str = "py3-none-any",
    build: str = "",
    content: str = "",
    extras: tuple[str, ...] = (),
    scripts: Mapping[str, str] | None = None,
) -> Path:
    """Put a wheel of a package with one module into folder; needs are its dependencies."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Provides-Extra: {extra}" for extra in extras]
    metadata += [f"Requires-Dist: {need}" for need in needs]
    files = {
        f"{name.replace('-', '_')}.py": content or f"VERSION = {version!r}\n",
        f"{stem}.dist-info/METADATA": "\n".join([*metadata, ""]),
        f"{stem}.dist-info/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
        ),
    }
    for script, text in (scripts or {}).items():
        files[f"{stem}.data/scripts/{script}"] = text
    record = [f"{file},," for file in [*files, f"{stem}.dist-info/RECORD"]]
    path = folder / f"{stem}{build}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in {**files, f"{stem}.dist-info/RECORD": "\n".join([*record, ""])}.items():
            # At a fixed time: the same wheel made twice has the same bytes.
            member = zipfile.ZipInfo(file)
            member.external_attr = (0o100755 if "/scripts/" in file else 0o100644) << 16
            wheel.writestr(member, text)
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the only index, with a space in its name; each test has caches of its own."""
    for name in os.environ:
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "the index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return folder
