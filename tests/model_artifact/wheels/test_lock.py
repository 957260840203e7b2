from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_artifact.archive import ArchiveError
from model_artifact.wheels import Interpreter, vendor
from model_artifact.wheels.lock import Pin, Section, hash_of, read_lock, write_lock
from tests.model_artifact.wheels.conftest import make_wheel

IMAGE = Interpreter("3.12", "x86_64", "2.28")
OTHER_IMAGE = Interpreter("3.12", "x86_64", "2.28", {"needed": "1.0"})

SHA256S = st.from_regex("[0-9a-f]{64}", fullmatch=True)
PINS = st.builds(
    Pin,
    st.from_regex("[a-z]{1,5}(-[a-z0-9])?", fullmatch=True),
    st.sampled_from(["1.0", "2!1.0.post1", "2.4.0+cpu", "1rc1"]),
    st.tuples(SHA256S),
)
SECTIONS = st.lists(
    st.builds(
        Section,
        st.sampled_from([str(IMAGE), "Python 3.9, aarch64, glibc 2.26"]),
        SHA256S,
        SHA256S,
        st.lists(PINS, max_size=3).map(tuple),
    ),
    max_size=3,
)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "requirements.txt").write_text("asked\n")
    return folder


@pytest.fixture
def lock(index: Path, code: Path, tmp_path: Path) -> Path:
    """The lock of code, after newer versions have come into the index."""
    make_wheel(index, "asked", "1.0", "needed")
    make_wheel(index, "needed", "1.0")
    vendor(code, tmp_path / "wheels", IMAGE)
    make_wheel(index, "asked", "2.0", "needed")
    make_wheel(index, "needed", "2.0")
    return code / "requirements.lock"


def pins(lock: Path) -> list[list[str]]:
    return [[str(pin) for pin in section.pins] for section in read_lock(lock)]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A lock as Slipway writes it, with packages that do not exist."""
    path = tmp_path / "requirements.lock"
    some = tuple(
        Pin(name, "1.0", (digit * 64,)) for name, digit in (("asked", "1"), ("needed", "2"))
    )
    write_lock(path, [Section(str(IMAGE), "a" * 64, "b" * 64, some)])
    return path


@pytest.fixture
def asked_of_tools(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The purpose of each run of a tool, by its first word."""
    from model_artifact.wheels import download, indexes, resolution

    asked: list[str] = []
    run = indexes.run

    def note(command: list[str], what: str, *rest: None) -> indexes.Run:
        asked.append(what.split()[0])
        return run(command, what, *rest)

    for module in (download, indexes, resolution):
        monkeypatch.setattr(module, "run", note)
    return asked


@given(SECTIONS)
def test_a_lock_that_was_written_is_read_the_same(
    tmp_path_factory: pytest.TempPathFactory, sections: list[Section]
) -> None:
    path = tmp_path_factory.mktemp("code") / "requirements.lock"
    write_lock(path, sections)
    assert read_lock(path) == sorted(sections)
    assert list(path.parent.iterdir()) == [path]


@given(st.lists(st.lists(st.text(max_size=3), max_size=3), max_size=3))
def test_two_different_inputs_never_have_the_same_hash(parts: Sequence[list[str]]) -> None:
    assert hash_of(*parts) != hash_of(*parts, [])
    assert hash_of(*parts, ["a", "b"]) != hash_of(*parts, ["ab"])
    assert hash_of(*parts, ["a"], ["b"]) != hash_of(*parts, ["a", "b"])


def test_each_line_has_the_one_hash_of_its_wheel(lock: Path, tmp_path: Path) -> None:
    [section] = read_lock(lock)
    for pin in section.pins:
        [sha256] = pin.hashes
        assert [wheel.name for wheel in (tmp_path / "wheels" / sha256).iterdir()] == [
            f"{pin.name}-1.0-py3-none-any.whl"
        ]


def test_a_message_says_that_a_lock_was_written_and_what_to_do(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock.unlink()
    vendor(lock.parent, lock.parent.parent / "wheels", IMAGE)
    # On a slow machine, progress messages come before this line.
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"{lock}: 2 wheels for Python 3.12, x86_64, glibc 2.28; commit this file to version control"
    )
    vendor(lock.parent, lock.parent.parent / "wheels", IMAGE)
    assert capsys.readouterr().err == ""


def test_with_a_lock_and_its_wheels_no_tool_is_asked(
    lock: Path, code: Path, tmp_path: Path, asked_of_tools: list[str]
) -> None:
    (code / "requirements.txt").write_text("# another comment\n\nasked  # and another\n")
    assert len(vendor(code, tmp_path / "wheels", IMAGE)) == 3
    assert asked_of_tools == []
    assert pins(lock) == [["asked==1.0", "needed==1.0"]]


def test_with_a_lock_alone_its_wheels_are_fetched_and_nothing_is_resolved(
    lock: Path, code: Path, tmp_path: Path, asked_of_tools: list[str]
) -> None:
    before = lock.read_bytes()
    members = vendor(code, tmp_path / "elsewhere", IMAGE)
    assert asked_of_tools == ["asking", "downloading"]
    assert "asked==1.0" in members["code/requirements.txt"].read_text()
    assert lock.read_bytes() == before


def test_a_damaged_wheel_is_fetched_again(lock: Path, code: Path, tmp_path: Path) -> None:
    assert lock.exists()
    name = "code/wheels/asked-1.0-py3-none-any.whl"
    wheel = vendor(code, tmp_path / "wheels", IMAGE)[name]
    content = wheel.read_bytes()
    wheel.write_bytes(content[:-1])
    assert vendor(code, tmp_path / "wheels", IMAGE)[name].read_bytes() == content


def test_a_wheel_that_is_no_longer_the_locked_one_is_refused(
    lock: Path, code: Path, index: Path, tmp_path: Path
) -> None:
    make_wheel(index, "asked", "1.0", content="import os")
    with pytest.raises(ArchiveError, match=rf"{lock}: .*delete requirements\.lock.*[^$]* HASHES"):
        vendor(code, tmp_path / "elsewhere", IMAGE)


def test_a_wheel_of_another_hash_than_the_user_s_is_refused(
    lock: Path, code: Path, tmp_path: Path
) -> None:
    before = lock.read_bytes()
    (code / "requirements.txt").write_text(f"asked --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ArchiveError, match=r"requirements\.txt: [^$]* HASHES"):
        vendor(code, tmp_path / "wheels", IMAGE)
    assert lock.read_bytes() == before


def test_other_requirements_change_only_what_they_must(
    lock: Path, code: Path, index: Path, tmp_path: Path
) -> None:
    make_wheel(index, "more", "1.0")
    (code / "requirements.txt").write_text("asked\nmore\n")
    vendor(code, tmp_path / "wheels", IMAGE)
    assert pins(lock) == [["asked==1.0", "more==1.0", "needed==1.0"]]
    (code / "requirements.txt").write_text("asked>1\nmore\n")
    vendor(code, tmp_path / "wheels", IMAGE)
    assert pins(lock) == [["asked==2.0", "more==1.0", "needed==1.0"]]


def test_without_the_lock_the_newest_versions_are_taken(
    lock: Path, code: Path, tmp_path: Path
) -> None:
    lock.unlink()
    vendor(code, tmp_path / "wheels", IMAGE)
    assert pins(lock) == [["asked==2.0", "needed==2.0"]]


def test_stages_of_different_images_have_a_section_each_until_the_requirements_change(
    lock: Path, code: Path, tmp_path: Path, asked_of_tools: list[str]
) -> None:
    vendor(code, tmp_path / "wheels", OTHER_IMAGE)
    assert sorted(pins(lock)) == [["asked==1.0"], ["asked==1.0", "needed==1.0"]]
    asked_of_tools.clear()
    vendor(code, tmp_path / "wheels", IMAGE)
    vendor(code, tmp_path / "wheels", OTHER_IMAGE)
    assert asked_of_tools == []
    (code / "requirements.txt").write_text("asked>1\n")
    vendor(code, tmp_path / "wheels", OTHER_IMAGE)
    assert pins(lock) == [["asked==2.0"]]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda text: text.replace("asked==1.0", "asked==2.0"), "not those that were written"),
        (lambda text: text.replace("--hash=sha256:", "--hash=sha256:0", 1), "not those that"),
        (lambda text: text[: text.rindex("needed")], "not those that were written"),
        (lambda text: text + "more==1.0\n", "not those that were written"),
        (lambda text: "<<<<<<< mine\n" + text, "does not begin as"),
        (lambda text: text.replace("\n# for", "\nmore==1.0\n# for"), "did not write"),
        (lambda text: text.replace("# image ", "# image  "), "section does not begin"),
        (lambda text: re.sub("# requirements .*", "# requirements x", text), "section does not"),
        (lambda _: "", "does not begin as"),
        (lambda _: "asked==1.0\n", "does not begin as"),
    ],
)
def test_a_lock_that_was_edited_is_refused_with_the_way_out(
    written: Path, edit: Callable[[str], str], said: str
) -> None:
    written.write_text(edit(written.read_text()))
    with pytest.raises(ArchiveError, match=f"{written}: .*{said}.*; restore it .* or delete it"):
        read_lock(written)


def test_a_lock_with_a_line_that_is_not_a_package_is_refused_even_with_the_right_hash(
    written: Path,
) -> None:
    made_up = hashlib.sha256(b"asked\n").hexdigest()
    title, _ = written.read_text().split("# lines")
    written.write_text(f"{title}# lines {made_up}\nasked\n")
    with pytest.raises(ArchiveError, match="asked is not a package with one version and a hash"):
        read_lock(written)


def test_a_lock_that_is_not_text_is_refused(written: Path) -> None:
    written.write_bytes(b"\xff")
    with pytest.raises(ArchiveError, match="delete it and Slipway writes it anew"):
        read_lock(written)


def test_an_edited_lock_is_neither_followed_nor_written_over(code: Path, tmp_path: Path) -> None:
    (code / "requirements.lock").write_text("asked==1.0\n")
    with pytest.raises(ArchiveError, match=r"requirements\.lock"):
        vendor(code, tmp_path / "wheels", IMAGE)
    assert (code / "requirements.lock").read_text() == "asked==1.0\n"


def test_an_interrupted_writing_leaves_the_lock_as_it_was(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = written.read_bytes()
    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_lock(written, [])
    assert written.read_bytes() == before
    assert list(written.parent.iterdir()) == [written]
