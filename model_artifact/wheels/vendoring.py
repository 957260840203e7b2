"""Pack the packages that code/requirements.txt asks for into the archive.

The container then installs them without a network. requirements.lock beside the file keeps the
resolved versions, so that the same code makes the same archive until its requirements change.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from model_artifact.archive import WHEELS, ArchiveError
from model_artifact.wheels.download import download, file_sha256, kept
from model_artifact.wheels.indexes import pip_configuration
from model_artifact.wheels.interpreter import Interpreter
from model_artifact.wheels.lock import Pin, Section, hash_of, read_lock, write_lock
from model_artifact.wheels.pip_settings import Sources, configured_sources, local
from model_artifact.wheels.requirements import Wanted, read
from model_artifact.wheels.resolution import equal, resolve

COMMENT = (
    "# What requirements.txt asks for and the image lacks, as of when this archive was packed."
)


def vendor(code: Path, folder: Path, interpreter: Interpreter) -> dict[str, Path]:
    """Return the members of an archive that install code/requirements.txt without a network.

    The members are another code/requirements.txt in place of the user's, and the wheels, which
    folder keeps; none if the user's file asks for nothing. requirements.lock beside that file is
    written if it has no answer yet. Raises ArchiveError if resolving, downloading or writing fails.
    """
    try:
        return _vendor(code / "requirements.txt", folder, interpreter)
    except OSError as error:
        raise ArchiveError(
            f"{error.filename or folder}: {error.strerror}; vendoring has to read {code} "
            f"and write wheels into {folder}"
        ) from error


def _vendor(path: Path, folder: Path, interpreter: Interpreter) -> dict[str, Path]:
    wanted = read(path, interpreter.markers) if path.exists() else Wanted()
    if not wanted.requirements:
        return {}
    built = sorted((path.parent / "wheels").glob("*.whl"))
    if built:
        wheels_folder = Sources(find_links=[local("wheels", path.parent)])
        wanted.sources = wanted.sources.then(wheels_folder)
    image = hash_of([str(interpreter)], equal(interpreter.installed))
    requirements = hash_of(wanted.lines, [f"{file_sha256(wheel)} {wheel.name}" for wheel in built])
    lock = path.with_name("requirements.lock")
    sections = read_lock(lock)
    for section in sections:
        if (section.image_sha256, section.requirements_sha256) == (image, requirements):
            wheels = _locked(section.pins, wanted.sources, interpreter, folder, lock)
            return _members(wheels, folder)
    configuration = pip_configuration()
    wanted.sources = configured_sources(configuration).then(wanted.sources)
    # The same image comes last, so that its versions win.
    sections.sort(key=lambda section: section.image_sha256 == image)
    before = [pin for section in sections for pin in section.pins]
    pins = resolve(path, wanted, interpreter, configuration, before)
    wheels = download(pins, wanted.sources, interpreter, folder, path) if pins else {}
    others = [
        section
        for section in sections
        if section.requirements_sha256 == requirements and section.image_sha256 != image
    ]
    write_lock(lock, [*others, Section(str(interpreter), image, requirements, tuple(wheels))])
    print(
        f"{lock}: {len(wheels)} wheels for {interpreter}; commit this file to version control",
        file=sys.stderr,
    )
    return _members(wheels, folder)


def _locked(
    pins: Iterable[Pin], sources: Sources, interpreter: Interpreter, folder: Path, lock: Path
) -> dict[Pin, Path]:
    """Return the wheels of a lock's pins, from folder or else from the index."""
    found = {pin: kept(pin, folder) for pin in pins}
    missing = [pin for pin, wheel in found.items() if not wheel]
    if missing:
        sources = configured_sources(pip_configuration()).then(sources)
        found |= download(missing, sources, interpreter, folder, lock)
    return {pin: wheel for pin, wheel in found.items() if wheel}


def _members(wheels: dict[Pin, Path], folder: Path) -> dict[str, Path]:
    options = ["--no-index", "--find-links wheels"] if wheels else ["--no-index"]
    # No hashes: with them, pip demands a hash of `.` too, and AWS's image for scikit-learn installs
    # `.` in the same call. The lock guards the wheels, and the archive has a hash of its own.
    text = "\n".join([COMMENT, *options, *map(str, wheels), ""])
    content = text.encode()
    packed = folder / hashlib.sha256(content).hexdigest() / "requirements.txt"
    # Files that are not written again keep their times, which show that the archive is unchanged.
    if not packed.exists() or packed.read_bytes() != content:
        packed.parent.mkdir(parents=True, exist_ok=True)
        packed.write_bytes(content)
    return {"code/requirements.txt": packed} | {
        f"{WHEELS}{wheel.name}": wheel for wheel in wheels.values()
    }
