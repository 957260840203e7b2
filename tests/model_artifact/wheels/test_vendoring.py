from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from model_artifact.archive import ArchiveError, build_archive
from model_artifact.build import MADE, build_folder
from model_artifact.wheels import Interpreter, vendor
from tests.model_artifact.wheels.conftest import make_wheel

IMAGE = Interpreter("3.9", "x86_64", "2.28", {"Num_Py": "2.5.1"})
"""No test runs on such an old Python, so a wheel for it can only come from this request."""

COMMENT = (
    "# What requirements.txt asks for and the image lacks, as of when this archive was packed."
)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "my code"
    folder.mkdir()
    (folder / "inference.py").touch()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "build" / "wheels"


def vendored(code: Path, folder: Path, asked: str, image: Interpreter = IMAGE) -> list[str]:
    """Return the lines of the packed requirements after the options."""
    (code / "requirements.txt").write_text(asked)
    members = vendor(code, folder, image)
    comment, no_index, *rest = members["code/requirements.txt"].read_text().splitlines()
    assert (comment, no_index) == (COMMENT, "--no-index")
    options, pins = rest[:1], rest[1:]
    assert options == (["--find-links wheels"] if pins else [])
    wheels = {name.removeprefix("code/wheels/") for name in members} - {"code/requirements.txt"}
    assert {wheel.split("-")[0].replace("_", "-") for wheel in wheels} == {
        pin.partition("==")[0] for pin in pins
    }
    return pins


def wheel_names(members: Mapping[str, Path]) -> list[str]:
    return sorted(path.name for path in members.values() if path.suffix == ".whl")


def test_what_is_asked_for_is_brought_along_with_all_that_it_needs(
    index: Path, code: Path, folder: Path
) -> None:
    make_wheel(index, "asked", "1.0", "needed>=1")
    make_wheel(index, "needed", "1.0")
    make_wheel(index, "needed", "2.0")
    make_wheel(index, "other", "1.0")
    assert vendored(code, folder, "asked  # why\n") == ["asked==1.0", "needed==2.0"]


def test_of_the_wheels_that_are_kept_nothing_stays_when_build_is_cleaned(
    index: Path, code: Path, folder: Path, tmp_path: Path
) -> None:
    build = build_folder(tmp_path)
    build.claim()
    make_wheel(index, "asked", "1.0")
    assert vendored(code, folder, "asked\n") == ["asked==1.0"]
    assert build.release(MADE) == []
    assert not build.path.exists()


def test_wheels_are_the_image_s_and_not_this_machine_s(
    index: Path, code: Path, folder: Path
) -> None:
    here = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for tag in (
        f"{here}-{here}-manylinux2014_x86_64",
        "cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp39-cp39-manylinux2014_aarch64",
        "cp39-cp39-macosx_11_0_arm64",
    ):
        make_wheel(index, "compiled", "1.0", tag=tag)
    make_wheel(index, "stable", "1.0", tag="cp37-abi3-manylinux1_x86_64")
    make_wheel(index, "new", "1.0", tag="cp39-cp39-manylinux_2_28_x86_64")
    make_wheel(index, "new", "2.0", tag="cp39-cp39-manylinux_2_34_x86_64")
    make_wheel(index, "private", "1.0", tag="cp39-none-linux_x86_64")
    (code / "requirements.txt").write_text("compiled\nstable\nnew\nprivate")
    assert wheel_names(vendor(code, folder, IMAGE)) == [
        "compiled-1.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "new-1.0-cp39-cp39-manylinux_2_28_x86_64.whl",
        "private-1.0-cp39-none-linux_x86_64.whl",
        "stable-1.0-cp37-abi3-manylinux1_x86_64.whl",
    ]
    (code / "requirements.txt").write_text("compiled")
    arm = Interpreter("3.9", "aarch64", "2.26")
    assert wheel_names(vendor(code, folder, arm)) == [
        "compiled-1.0-cp39-cp39-manylinux2014_aarch64.whl"
    ]


def test_markers_of_packages_are_those_of_the_image(index: Path, code: Path, folder: Path) -> None:
    make_wheel(
        index,
        "asked",
        "1.0",
        'backport ; python_version < "3.10"',
        'too-new ; python_version >= "3.10"',
        'arm ; platform_machine == "aarch64"',
    )
    make_wheel(index, "backport", "1.0")
    assert vendored(code, folder, "asked") == ["asked==1.0", "backport==1.0"]


def test_extras_bring_what_they_add(index: Path, code: Path, folder: Path) -> None:
    make_wheel(index, "asked", "1.0", 'added ; extra == "all"', extras=("all",))
    make_wheel(index, "added", "1.0")
    assert vendored(code, folder, "asked[all]") == ["added==1.0", "asked==1.0"]


@pytest.mark.parametrize("in_the_index", [(), ("2.5.1",), ("2.5.1", "2.6")])
def test_what_the_image_has_stays_and_is_not_packed(
    index: Path, code: Path, folder: Path, in_the_index: tuple[str, ...]
) -> None:
    make_wheel(index, "asked", "1.0", "num-py>=2")
    for version in in_the_index:
        # The tag fits best. The image has the dependency in some version.
        make_wheel(
            index, "num-py", version, "needed", tag="cp39-cp39-manylinux_2_28_x86_64", build="-1"
        )
    make_wheel(index, "needed", "1.0")
    assert vendored(code, folder, "asked") == ["asked==1.0"]


def test_a_newer_package_that_does_not_fit_the_image_s_is_passed_over(
    index: Path, code: Path, folder: Path
) -> None:
    make_wheel(index, "asked", "1.0", "num-py>=2")
    make_wheel(index, "asked", "2.0", "num-py>=3")
    make_wheel(index, "num-py", "3.0")
    assert vendored(code, folder, "asked") == ["asked==1.0"]


def test_a_package_of_the_image_in_the_way_is_named_with_the_ways_out(
    index: Path, code: Path, folder: Path
) -> None:
    make_wheel(index, "asked", "2.0", "num-py>=3")
    make_wheel(index, "num-py", "3.0")
    with pytest.raises(
        ArchiveError, match=r"beside what the image has: num-py 2\.5\.1; .*write num-py into"
    ) as refusal:
        vendored(code, folder, "asked")
    assert "asked" in str(refusal.value).partition("uv says:")[2]
    assert not (code / "requirements.lock").exists()
    assert vendored(code, folder, "asked\nnum-py") == ["asked==2.0", "num-py==3.0"]


@pytest.mark.parametrize(
    ("line", "packed"),
    [
        ("num.py", []),
        ("num-py>=2", []),
        ("num-py==2.5.1", []),
        ("num-py>=2.6", ["num-py==3.0"]),
        ("num-py<2.5", ["num-py==2.4"]),
        ('num-py<2.5 ; python_version >= "3.10"\nother', ["other==1.0"]),
    ],
)
def test_a_package_of_the_image_that_is_asked_for_is_packed_only_if_the_image_s_will_not_do(
    index: Path, code: Path, folder: Path, line: str, packed: list[str]
) -> None:
    for version in ("2.4", "2.5.1", "3.0"):
        make_wheel(index, "num-py", version)
    make_wheel(index, "other", "1.0", "num-py")
    assert vendored(code, folder, line) == packed


def test_an_extra_of_the_images_package_must_be_named_in_the_requirements(
    index: Path, code: Path, folder: Path
) -> None:
    make_wheel(index, "asked", "1.0", "num-py[fast]")
    make_wheel(index, "num-py", "2.5.1", 'blas ; extra == "fast"', extras=("fast",))
    make_wheel(index, "blas", "1.0")
    with pytest.raises(ArchiveError, match=r"needs num-py\[fast\], .*write num-py\[fast\]"):
        vendored(code, folder, "asked")
    assert vendored(code, folder, "asked\nnum-py[fast]") == ["asked==1.0", "blas==1.0"]


@pytest.mark.parametrize("asked", [None, "", "# nothing\n\n", 'mac ; sys_platform == "darwin"'])
def test_without_requirements_nothing_is_vendored(
    code: Path, folder: Path, asked: str | None
) -> None:
    if asked is not None:
        (code / "requirements.txt").write_text(asked)
    assert vendor(code, folder, IMAGE) == {}
    assert not folder.exists()
    assert not (code / "requirements.lock").exists()


def test_the_options_and_constraints_of_the_file_are_followed_and_not_packed(
    index: Path, code: Path, folder: Path, tmp_path: Path
) -> None:
    make_wheel(tmp_path / "elsewhere", "asked", "1.0")
    make_wheel(tmp_path / "elsewhere", "asked", "2.0")
    make_wheel(tmp_path / "elsewhere", "asked", "3.0rc1")
    make_wheel(index, "more", "1.0")
    (code / "limits.txt").write_text("asked<2\n")
    (code / "more.txt").write_text("more\n")
    asked = "-f ../elsewhere\nasked\n-r more.txt\n"
    assert vendored(code, folder, asked) == ["asked==2.0", "more==1.0"]
    assert vendored(code, folder, asked + "-c limits.txt\n") == ["asked==1.0", "more==1.0"]
    (code / "requirements.lock").unlink()
    assert vendored(code, folder, asked + "--pre") == ["asked==3.0rc1", "more==1.0"]


def test_the_constraints_that_pip_is_configured_with_are_followed(
    index: Path, code: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(index, "asked", "1.0")
    make_wheel(index, "asked", "2.0")
    (tmp_path / "limits.txt").write_text("asked<2\n")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    (tmp_path / "pip.conf").write_text(
        "[global]\nfind-links = /nowhere\nno-index = true\n"
        f"[download]\nfind-links =\n  {index.as_uri()}\n  /nowhere\n"
        f"constraint = {tmp_path / 'limits.txt'}\n[install]\nno-index = false\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("UV_FIND_LINKS", "/nowhere")
    assert vendored(code, folder, "asked") == ["asked==1.0"]


def test_a_wheel_of_one_s_own_in_code_wheels_is_found(
    index: Path, code: Path, folder: Path
) -> None:
    make_wheel(index, "needed", "1.0")
    make_wheel(code / "wheels", "own", "1.0", "needed")
    make_wheel(code / "wheels", "unused", "1.0")
    assert vendored(code, folder, "own==1.0") == ["needed==1.0", "own==1.0"]
    make_wheel(code / "wheels", "own", "1.0", "needed", content="NEW = True\n")
    members = vendor(code, folder, IMAGE)
    own = (code / "wheels" / "own-1.0-py3-none-any.whl").read_bytes()
    assert members["code/wheels/own-1.0-py3-none-any.whl"].read_bytes() == own


def test_a_package_without_a_wheel_is_refused_with_its_line_and_how_to_build_one(
    index: Path, code: Path, folder: Path
) -> None:
    (index / "source-1.0.tar.gz").write_bytes(b"")
    with pytest.raises(
        ArchiveError,
        match=r"requirements\.txt:2: .*pip wheel --no-deps --wheel-dir .*wheels source`",
    ):
        vendored(code, folder, "# first\nsource\n")


@pytest.mark.parametrize("asked", ["nowhere-to-be-found", "asked==9", "asked<1\nasked>1"])
def test_what_cannot_be_resolved_is_explained_by_uv(
    index: Path, code: Path, folder: Path, asked: str
) -> None:
    make_wheel(index, "asked", "1.0")
    with pytest.raises(ArchiveError, match=rf"not resolved; .*uv says:[^$]*{asked[:5]}"):
        vendored(code, folder, asked)


def test_the_same_code_makes_the_same_archive_with_nothing_kept(
    index: Path, code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(index, "asked", "1.0", "needed")
    make_wheel(index, "needed", "1.0")
    (code / "requirements.txt").write_text("asked")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").touch()
    archives = []
    for run in ("one", "two"):
        monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / run / "pip"))
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / run / "uv"))
        (code / "requirements.lock").unlink(missing_ok=True)
        members = vendor(code, tmp_path / run / "wheels", IMAGE)
        archives.append(
            build_archive(
                tmp_path / "model", code, tmp_path / run / "model.tar.gz", vendored=members
            )
        )
    one, two = archives
    assert one.content_sha256 == two.content_sha256
    assert one.path.read_bytes() == two.path.read_bytes()


def test_a_second_call_leaves_every_file_as_it_is(index: Path, code: Path, folder: Path) -> None:
    make_wheel(index, "asked", "1.0")
    vendored(code, folder, "asked")
    before = {path: path.stat() for path in [*folder.rglob("*"), *code.iterdir()]}
    assert vendor(code, folder, IMAGE)
    assert {path: path.stat().st_ctime_ns for path in [*folder.rglob("*"), *code.iterdir()]} == {
        path: status.st_ctime_ns for path, status in before.items()
    }


def is_alive(session: int) -> bool:
    """Tell whether a process of a session is still alive, after some time to end."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.usefixtures("index")
def test_an_interruption_ends_what_was_started_and_leaves_no_file(
    code: Path, folder: Path, tmp_path: Path
) -> None:
    # An index that accepts and never answers.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        (code / "requirements.txt").write_text(f"-i http://127.0.0.1:{port}/\nasked\n")
        program = (
            "import sys; from pathlib import Path; from model_artifact.wheels import *\n"
            "vendor(Path(sys.argv[1]), Path(sys.argv[2]), Interpreter('3.9', 'x86_64', '2.28'))"
        )
        environment = {**os.environ, "PIP_NO_INDEX": "0", "TMPDIR": str(tmp_path / "tmp")}
        (tmp_path / "tmp").mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", program, str(code), str(folder)],
            env=environment,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                silent.settimeout(60)
                connection, _ = silent.accept()
                with connection:
                    process.send_signal(signal.SIGINT)
                    process.wait(timeout=60)
                    assert not is_alive(process.pid)
            finally:
                process.kill()
    assert not list((tmp_path / "tmp").iterdir())
    assert sorted(path.name for path in code.iterdir()) == ["inference.py", "requirements.txt"]


def test_a_wheel_lies_in_the_folder_of_its_hash(index: Path, code: Path, folder: Path) -> None:
    make_wheel(index, "asked", "1.0")
    (code / "requirements.txt").write_text("asked")
    wheel = vendor(code, folder, IMAGE)["code/wheels/asked-1.0-py3-none-any.whl"]
    assert wheel.parent.name == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert wheel.parent.parent == folder
