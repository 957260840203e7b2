"""The packages that a requirements file resolves to, according to uv.

pip cannot resolve for an image's Python: it evaluates the markers of dependencies for the Python
that runs it, whatever --python-version says (pypa/pip #11198, and #6117 and #11010 before it).
"""

from __future__ import annotations

import re
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version
from uv import find_uv_bin

from model_artifact.archive import ArchiveError
from model_artifact.wheels.indexes import Run, run
from model_artifact.wheels.interpreter import Interpreter
from model_artifact.wheels.lock import Pin
from model_artifact.wheels.pip_settings import uv_environment
from model_artifact.wheels.requirements import Wanted, logical_lines


def resolve(
    path: Path,
    wanted: Wanted,
    interpreter: Interpreter,
    configuration: Mapping[str, str],
    before: Iterable[Pin] = (),
) -> list[Pin]:
    """Return the packages that wanted needs beside those of the image; path names its file.

    The image's packages stay as they are. A package that wanted names is replaced only if the
    image's version does not fit. Versions from before, an earlier answer, stay if they still fit.
    Raises ArchiveError, which says what is in the way.
    """
    installed: dict[str, str] = {
        canonicalize_name(name): version for name, version in interpreter.installed.items()
    }
    fixed = {name: version for name, version in installed.items() if name not in wanted.places}
    with_extras = {canonicalize_name(asked.name) for asked in wanted.requirements if asked.extras}
    preferred = {pin.name: pin.version for pin in before} | installed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for package, version in installed.items():
            if package not in with_extras:
                _stand_in(folder, package, version, interpreter)
        asked = [*wanted.sources.lines(), f"--find-links {folder.resolve().as_uri()}"]
        asked += map(str, wanted.requirements)
        constraints = [*wanted.constraints, *equal(fixed)]
        for file, lines in (("in", asked), ("constraints", constraints), ("out", equal(preferred))):
            # uv keeps the versions in its output file, even if newer ones exist.
            (folder / file).write_text("\n".join(lines), encoding="utf-8")
        ended = run(
            _command(folder, wanted, interpreter, configuration),
            f"resolving {path} for {interpreter}",
            uv_environment(configuration),
        )
        if ended.code:
            raise _unsolved(path, wanted, fixed, ended)
        _refuse_extras(path, installed, ended)
        answer = (folder / "out").read_text(encoding="utf-8")
    pins = [Pin.parse(line) for _, line in logical_lines(answer)]
    return [
        pin._replace(hashes=wanted.hashes.get(pin.name, pin.hashes))
        for pin in pins
        if pin.name not in installed or Version(pin.version) != Version(installed[pin.name])
    ]


def equal(versions: Mapping[str, str]) -> list[str]:
    """Return requirements for exactly these versions."""
    return [f"{name}=={version}" for name, version in sorted(versions.items())]


def _stand_in(folder: Path, name: str, version: str, interpreter: Interpreter) -> None:
    """Make an empty wheel without dependencies, which stands for a package of the image.

    The index may not have the image's version, or have no wheel of it. The image has the package's
    dependencies too, and their versions are not ours to choose. The tag and the build number make
    uv prefer this wheel to any other of the same version.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(folder / f"{stem}-999999999-{interpreter.uv_best_tag}.whl", "w") as wheel:
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{stem}.dist-info/METADATA", metadata)
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")


def _command(
    folder: Path, wanted: Wanted, interpreter: Interpreter, configuration: Mapping[str, str]
) -> list[str]:
    constraints = [*configuration.get("constraint", "").split(), str(folder / "constraints")]
    return [
        *(find_uv_bin(), "pip", "compile", "--color=never", "--no-progress", "--no-config"),
        *("--no-header", "--no-annotate", "--generate-hashes", "--only-binary=:all:"),
        # uv needs any Python, and would otherwise download the image's version.
        *("--python", sys.executable, "--no-python-downloads"),
        f"--python-version={interpreter.python}",
        f"--python-platform={interpreter.uv_platform}",
        *wanted.sources.uv_options(),
        *(f"--constraints={file}" for file in constraints),
        f"--output-file={folder / 'out'}",
        str(folder / "in"),
    ]


def _refuse_extras(path: Path, installed: Mapping[str, str], ended: Run) -> None:
    """Refuse an extra of a package of the image: nobody has resolved its dependencies."""
    missing = re.findall(r"`([\w.-]+)==\S+` does not have an extra named `([\w.-]+)`", ended.errors)
    for name, extra in missing:
        if name in installed:
            raise ArchiveError(
                f"{path}: a package needs {name}[{extra}], but the image has {name} "
                f"{installed[name]}, perhaps without the packages of this extra; "
                f"write {name}[{extra}] into this file too"
            )


def _unsolved(path: Path, wanted: Wanted, fixed: Mapping[str, str], ended: Run) -> ArchiveError:
    in_the_way = [
        name
        for name, version in fixed.items()
        if re.search(rf"(?<![\w.-]){name}=={re.escape(version)}(?![\w+])", ended.errors)
    ]
    if in_the_way:
        has = " and ".join(f"{name} {fixed[name]}" for name in in_the_way)
        why = (
            f"{path}: no versions fit beside what the image has: {has}; ask for versions that fit, "
            f"or write {' and '.join(in_the_way)} into this file to replace the image's version"
        )
    elif without := re.findall(r"Wheels are required for `([\w.-]+)`", ended.errors):
        where = next((wanted.places[name] for name in without if name in wanted.places), path)
        why = (
            f"{where}: the index has no fitting wheel of {' and '.join(without)}; build it (with "
            "compiled code, on a machine like the image's): "
            f"`pip wheel --no-deps --wheel-dir {path.parent / 'wheels'} {' '.join(without)}`"
        )
    else:
        why = f"{path}: not resolved; fix what uv says (`pip config list` shows the index)"
    return ArchiveError(f"{why}. uv says:\n{ended.explanation}")
