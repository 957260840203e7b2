from __future__ import annotations

import logging
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from container.handler import Transform
from container.requirements import UnsatisfiedRequirementsError, satisfy
from container.wheels import InstallModuleError

Load = Callable[..., Transform]
OPTIONS = "--no-index\n--find-links wheels\n"
OTHER_PYTHON = "cp27-cp27m-win32"


def wheel(folder: Path, name: str, number: str, tag: str = "py3-none-any", needs: str = "") -> Path:
    """Write a wheel of one module, which knows its version."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{number}-{tag}.whl"
    info = f"{name}-{number}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n"
    metadata += f"Requires-Dist: {needs}\n" if needs else ""
    contents = {
        f"{name}.py": f"VERSION = {number!r}\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in contents.items():
            archive.writestr(member, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{member},,\n" for member in contents))
    return path


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a code folder, with an index and a configuration for pip that lead nowhere."""
    for name in ("PIP_INDEX_URL", "PIP_REQUIRE_HASHES", "PIP_NO_BINARY"):
        monkeypatch.setenv(name, {"PIP_INDEX_URL": "http://127.0.0.1:1/"}.get(name, ":all:"))
    folder = tmp_path / "opt/ml/model/code"
    folder.mkdir(parents=True)
    return folder


def satisfied(code: Path, lines: str, options: str = OPTIONS) -> set[str]:
    """Satisfy a requirements file, and name the modules that this installed."""
    (code / "requirements.txt").write_text(options + lines)
    packages = code.parent / "packages"
    satisfy(code / "requirements.txt", packages)
    return {path.stem for path in packages.glob("*.py")}


def refusal(code: Path, lines: str, options: str = OPTIONS) -> str:
    with pytest.raises((UnsatisfiedRequirementsError, InstallModuleError)) as caught:
        satisfied(code, lines, options)
    return str(caught.value)


def test_wheels_that_an_archive_brings_along_are_installed_before_its_code_is_imported(
    load: Load, code: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wheel(code / "wheels", "brought_along", "1.2.3")
    caplog.set_level(logging.INFO)
    inference = (
        "import brought_along\n"
        "def model_fn(d):\n    return brought_along.VERSION, brought_along.__file__\n"
        "def transform_fn(m, *_):\n    return m\n"
    )
    needs = f"{OPTIONS}# pinned\nbrought-along==1.2.3  # by its name\n"
    transform = load({"code/inference.py": inference, "code/requirements.txt": needs})
    installed = str(tmp_path / "site-packages" / "brought_along.py")
    assert transform("", "a/b", "a/b") == ("1.2.3", installed)
    assert "installed from code/wheels: brought_along 1.2.3" in caplog.text


def test_a_wheel_wins_over_another_version_that_the_environment_has(code: Path) -> None:
    wheel(code / "wheels", "numpy", "0.0.1")
    assert satisfied(code, "numpy==0.0.1") == {"numpy"}


def test_what_the_environment_has_is_not_installed_again_nor_asked_for_as_a_dependency(
    code: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    wheel(code / "wheels", "numpy", version("numpy"))
    assert satisfied(code, f"numpy=={version('numpy')}") == set()
    assert "installed from code/wheels: nothing, all is installed already" in caplog.text
    wheel(code / "wheels", "needing_numpy", "1", needs="numpy")
    assert satisfied(code, "needing-numpy==1") == {"needing_numpy"}


def test_a_dependency_comes_from_the_wheels_too_and_is_named_when_it_is_nowhere(
    code: Path,
) -> None:
    wheel(code / "wheels", "upper", "1", needs="lower-thing>=2")
    assert "lower-thing>=2" in refusal(code, "upper==1")
    wheel(code / "wheels", "lower_thing", "2")
    assert satisfied(code, "upper==1") == {"upper", "lower_thing"}


def test_nothing_is_installed_where_the_image_has_all_of_it(code: Path, tmp_path: Path) -> None:
    (code / "requirements.txt").write_text("# what the image has already\n--no-index\n")
    satisfy(code / "requirements.txt", tmp_path / "packages")
    assert not (tmp_path / "packages").exists()


def test_a_wheel_that_is_missing_is_named(code: Path) -> None:
    wheel(code / "wheels", "there", "1")
    (code / "wheels" / "no-wheel.whl").touch()
    said = refusal(code, "there==1\nthere==2; python_version < '3'\nthere==3\nnowhere==1")
    assert "there==3 is not installed, and code/wheels has no wheel of there==3" in said
    assert "nowhere==1 is not installed, and code/wheels has no wheel of nowhere==1" in said
    assert "there==1 is" not in said
    assert "code/wheels has no wheel of there==2" not in said


def test_a_wheel_for_another_python_is_compared_with_what_is_installed(code: Path) -> None:
    wheel(code / "wheels", "numpy", version("numpy"), OTHER_PYTHON)
    wheel(code / "wheels", "fits", "1")
    assert satisfied(code, f"numpy=={version('numpy')}\nfits==1") == {"fits"}
    path = wheel(code / "wheels", "numpy", "0.1", OTHER_PYTHON)
    said = refusal(code, "numpy==0.1")
    assert f"numpy==0.1 is asked for, but {version('numpy')} is installed" in said
    assert f"{path.name} in code/wheels is not for this Python and platform, cp3" in said
    assert "run the local cloud with the Python that the wheel is for" in said


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--no-index\n", "--no-index"),
        ("--no-index\n--find-links elsewhere\n", "--find-links elsewhere"),
        ("--find-links wheels\n", "--find-links wheels"),
        (f"{OPTIONS}--pre\n", "--pre"),
        (f"{OPTIONS}-i https://example.org/simple\n", "-i https://example.org/simple"),
    ],
)
def test_other_options_stay_refused_by_name(code: Path, options: str, named: str) -> None:
    wheel(code / "wheels", "there", "1")
    assert f"'{named}' is an option of pip, and the local cloud follows no such option" in refusal(
        code, "there==1", options
    )


def test_a_wheel_that_pip_refuses_says_so_in_its_words(code: Path) -> None:
    wheel(code / "wheels", "broken", "1").write_bytes(b"no zip")
    assert "pip cannot install the packages from code/wheels: ERROR: " in refusal(code, "broken==1")


def test_an_environment_without_pip_says_so(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(code / "wheels", "there", "1")
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.partition(".")[0] == "pip"]:
        monkeypatch.delitem(sys.modules, name)
    assert f"install pip with {sys.executable} -m ensurepip" in refusal(code, "there==1")
