"""The wheels of pinned packages: pip downloads them, and a folder keeps them by their hashes."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from packaging.utils import parse_wheel_filename
from packaging.version import Version

from model_artifact.archive import ArchiveError
from model_artifact.compression import BLOCK_BYTES
from model_artifact.progress import shown
from model_artifact.wheels.indexes import run
from model_artifact.wheels.interpreter import Interpreter
from model_artifact.wheels.lock import Pin
from model_artifact.wheels.pip_settings import PIP, Sources


def kept(pin: Pin, folder: Path) -> Path | None:
    """Return the wheel of a pin that has one hash, or None if folder has no undamaged one."""
    [sha256] = pin.hashes
    wheels = (folder / sha256).glob("*.whl")
    return next((wheel for wheel in wheels if file_sha256(wheel) == sha256), None)


def download(
    pins: Iterable[Pin], sources: Sources, interpreter: Interpreter, folder: Path, asked_by: Path
) -> dict[Pin, Path]:
    """Download the wheels of pins into folder, and return the wheels by their pins.

    Each returned pin has only the hash of its wheel. After an interruption too, folder has only
    complete wheels. Raises ArchiveError if a wheel cannot be had, or has another hash than its pin.
    """
    pins = sorted(pins)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as name:
        unfinished = Path(name)
        asked = [*sources.lines(), *(pin.line for pin in pins)]
        (unfinished / "asked").write_text("\n".join(asked), encoding="utf-8")
        ended = run(
            [
                *(*PIP, "download", "--no-deps", "--require-hashes", "--only-binary=:all:"),
                *("--progress-bar=off", f"--dest={name}", f"--requirement={unfinished / 'asked'}"),
                *(f"--python-version={interpreter.python}", "--implementation=cp"),
                f"--abi={interpreter.abi}",
                # All of them: pip does not know that one platform includes others.
                *(f"--platform={platform}" for platform in interpreter.platforms),
                *(f"--trusted-host={host}" for host in sources.trusted_hosts),
                *(["--pre"] if sources.prereleases else []),
            ],
            f"downloading {len(pins)} wheels for {interpreter}",
        )
        if ended.code:
            raise ArchiveError(
                f"{asked_by}: pip could not download the wheels; fix what pip says "
                "(`pip config list` shows the index); if a locked version is gone from the index, "
                f"delete requirements.lock. pip says:\n{ended.explanation}"
            )
        fetched = dict(_keep(wheel, folder) for wheel in unfinished.glob("*.whl"))
    wheels = [fetched[pin.name, Version(pin.version)] for pin in pins]
    return {
        pin._replace(hashes=(wheel.parent.name,)): wheel
        for pin, wheel in zip(pins, wheels, strict=True)
    }


def _keep(wheel: Path, folder: Path) -> tuple[tuple[str, Version], Path]:
    """Move a wheel to the folder of its hash, and return its name, its version and its new path."""
    place = folder / file_sha256(wheel)
    place.mkdir(exist_ok=True)
    package, version, *_ = parse_wheel_filename(wheel.name)
    return (package, version), wheel.replace(place / wheel.name)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, and show the progress if the file is large."""
    content = hashlib.sha256()
    with path.open("rb") as file:
        chunks = iter(partial(file.read, BLOCK_BYTES), b"")
        for chunk in shown(chunks, f"checking {path.name}", path.stat().st_size):
            content.update(chunk)
    return content.hexdigest()
