from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from model_artifact.archive import Archive, build_archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """model/, code/ and, from build, out/."""
    for name, content in (("model/a", b"1"), ("model/b", b"2"), ("code/inference.py", b"")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were written just now count as written long ago."""
    monkeypatch.setattr("model_artifact.record.SETTLED_NS", -(10**12))


def build(folder: Path) -> Archive:
    return build_archive(folder / "model", folder / "code", folder / "out" / "model.tar.gz")


def is_made_again(folder: Path) -> bool:
    before = (folder / "out" / "model.tar.gz").stat().st_ino
    # Held open, so that its inode is not free for the next.
    with (folder / "out" / "model.tar.gz").open():
        build(folder)
        return (folder / "out" / "model.tar.gz").stat().st_ino != before


@pytest.mark.usefixtures("settled")
def test_an_unchanged_model_is_not_packed_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(folder)

    def pack(*_: object) -> str:
        raise AssertionError

    monkeypatch.setattr("model_artifact.archive.write_archive", pack)
    assert build(folder) == made


def rewrite_with_the_same_times(path: Path, content: bytes) -> None:
    status = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def cut_off(path: Path) -> None:
    path.write_text(path.read_text()[:-20])


def change(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


CHANGES: dict[str, Callable[[Path], object]] = {
    "another size": lambda at: (at / "model/a").write_bytes(b"11"),
    "another content of the same size": lambda at: (at / "model/a").write_bytes(b"0"),
    "even with its times put back": lambda at: rewrite_with_the_same_times(at / "model/a", b"0"),
    "a new time": lambda at: os.utime(at / "model/a", (1, 1)),
    "a copy in its place": lambda at: (
        shutil.copy2(at / "model/a", at / "copy") and (at / "copy").replace(at / "model/a")
    ),
    "another name": lambda at: (at / "model/a").rename(at / "model/c"),
    "two names exchanged": lambda at: (
        (at / "model/a").rename(at / "c"),
        (at / "model/b").rename(at / "model/a"),
        (at / "c").rename(at / "model/b"),
    ),
    "a file more": lambda at: (at / "model/c").write_bytes(b""),
    "a file less": lambda at: (at / "model/a").unlink(),
    "other code": lambda at: (at / "code/inference.py").write_bytes(b"1"),
    "a damaged archive": lambda at: (at / "out/model.tar.gz").write_bytes(b"half"),
    "an archive of something else": lambda at: rewrite_with_the_same_times(
        at / "out/model.tar.gz", (at / "out/model.tar.gz").read_bytes()[::-1]
    ),
    "no record": lambda at: (at / "out/model.tar.gz.json").unlink(),
    "an unfinished record": lambda at: cut_off(at / "out/model.tar.gz.json"),
    "a record that is something else": lambda at: (at / "out/model.tar.gz.json").write_text("[]"),
    "an unreadable record": lambda at: (at / "out/model.tar.gz.json").write_bytes(b"\xff"),
    "a record of another format": lambda at: change(
        at / "out/model.tar.gz.json", '"format": 1', '"format": 0'
    ),
}


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_after_any_change_the_archive_is_made_again_and_right(
    folder: Path, change: Callable[[Path], object]
) -> None:
    build(folder)
    assert not is_made_again(folder)
    change(folder)
    assert is_made_again(folder)
    fresh = build_archive(folder / "model", folder / "code", folder / "fresh" / "model.tar.gz")
    assert build(folder).content_sha256 == fresh.content_sha256
    assert (folder / "out/model.tar.gz").read_bytes() == fresh.path.read_bytes()


@pytest.mark.usefixtures("settled")
def test_a_missing_archive_is_made_again(folder: Path) -> None:
    made = build(folder)
    made.path.unlink()
    assert build(folder) == made
    assert made.path.exists()


def test_a_file_changed_too_shortly_before_to_tell_is_not_trusted(folder: Path) -> None:
    build(folder)
    assert is_made_again(folder)


@pytest.mark.usefixtures("settled")
def test_an_archive_that_another_process_put_there_is_not_taken_for_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def overtaken(self: Path, target: Path) -> Path:
        replaced = replace(self, target)
        (folder / "theirs").write_bytes(target.read_bytes())
        replace(folder / "theirs", target)
        return replaced

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", overtaken)
        build(folder)
    assert is_made_again(folder)
