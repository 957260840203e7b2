from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_artifact.archive import (
    ArchiveError,
    build_archive,
    collect_members,
    tar_stream,
    write_archive,
)

NAMES = st.text("abcxyz._-é", min_size=1, max_size=12).filter(lambda name: name.strip("."))
CONTENTS = st.dictionaries(NAMES, st.binary(max_size=2000), min_size=1, max_size=6)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return fill(tmp_path / "model", {"model.joblib": b"weights", "deep/er/labels.txt": b"a\nb\n"})


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return fill(tmp_path / "code", {"inference.py": b"def model_fn(_): ...\n"})


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def packed(members: dict[str, Path]) -> tuple[str, bytes]:
    stream = io.BytesIO()
    return write_archive(members, stream), stream.getvalue()


def test_the_model_lies_at_the_root_and_the_code_in_its_folder(
    model: Path, code: Path, tmp_path: Path
) -> None:
    archive = build_archive(model, code, tmp_path / "out" / "model.tar.gz")
    with tarfile.open(archive.path) as opened:
        assert opened.getnames() == ["code/inference.py", "deep/er/labels.txt", "model.joblib"]


@given(CONTENTS)
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]
) -> None:
    folder = fill(tmp_path_factory.mktemp("members"), contents)
    _, data = packed({name: folder / name for name in contents})
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        found = {entry.name: opened.extractfile(entry) for entry in opened}
        assert {name: file.read() for name, file in found.items() if file} == contents


def test_owner_times_permissions_and_order_leave_no_trace(
    model: Path, code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = collect_members(model, code)
    before = packed(members)
    for path in members.values():
        os.utime(path, (1, 1))
        path.chmod(0o600)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    previous = os.umask(0o077)
    try:
        backwards = dict(reversed(list(members.items())))
        archive = build_archive(model, code, tmp_path / "again.tar.gz")
        assert packed(backwards) == before
        assert (archive.content_sha256, archive.path.read_bytes()) == before
    finally:
        os.umask(previous)
        monkeypatch.undo()
        time.tzset()


def test_neither_the_name_nor_the_time_of_the_file_is_in_its_header(
    model: Path, code: Path, tmp_path: Path
) -> None:
    data = build_archive(model, code, tmp_path / "model.tar.gz").path.read_bytes()
    assert data[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"
    assert b"ustar" in gzip.decompress(data)


def test_the_hash_is_the_documented_one(tmp_path: Path) -> None:
    folder = fill(tmp_path, {"b": b"22", "a": b"1"})
    expected = hashlib.sha256()
    for name, content in ((b"a", b"1"), (b"b", b"22")):
        for part in (name, content):
            expected.update(len(part).to_bytes(8, "big") + part)
    assert packed({"b": folder / "b", "a": folder / "a"})[0] == expected.hexdigest()


@given(CONTENTS, CONTENTS)
def test_different_contents_have_different_hashes(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    hashes = [
        packed({name: folder / name for name in contents})[0]
        for contents in (one, other)
        for folder in [fill(tmp_path_factory.mktemp("members"), contents)]
    ]
    assert (hashes[0] == hashes[1]) is (one == other)


def test_a_byte_moved_from_a_name_to_its_content_is_another_archive(tmp_path: Path) -> None:
    folder = fill(tmp_path, {"ab": b"c", "a": b"bc"})
    assert packed({"ab": folder / "ab"})[0] != packed({"a": folder / "a"})[0]


def test_what_tools_leave_behind_is_not_packed(model: Path, code: Path) -> None:
    fill(code, {"__pycache__/inference.cpython-312.pyc": b"", ".mypy_cache/x": b"", ".env": b""})
    assert "code/inference.py" in collect_members(model, code)
    assert len(collect_members(model, code)) == 3


def test_an_image_that_serves_by_itself_needs_no_code(model: Path, tmp_path: Path) -> None:
    fill(model, {"code/config.txt": b"the server's own"})
    archive = build_archive(model, None, tmp_path / "model.tar.gz")
    with tarfile.open(archive.path) as opened:
        assert opened.getnames() == ["code/config.txt", "deep/er/labels.txt", "model.joblib"]


def test_vendored_packages_take_the_place_of_the_requirements_and_of_all_other_wheels(
    model: Path, code: Path, tmp_path: Path
) -> None:
    fill(code, {"requirements.txt": b"asked", "requirements.lock": b"", "wheels/own.whl": b"own"})
    packed = fill(tmp_path / "packed", {"requirements.txt": b"pinned", "a.whl": b"a wheel"})
    vendored = {
        "code/requirements.txt": packed / "requirements.txt",
        "code/wheels/a.whl": packed / "a.whl",
    }
    archive = build_archive(model, code, tmp_path / "model.tar.gz", vendored=vendored)
    with tarfile.open(archive.path) as opened:
        assert [name for name in opened.getnames() if name.startswith("code/")] == [
            "code/inference.py",
            "code/requirements.txt",
            "code/wheels/a.whl",
        ]
        requirements = opened.extractfile("code/requirements.txt")
        assert requirements
        assert requirements.read() == b"pinned"


def test_without_vendored_packages_code_is_packed_as_it_is(model: Path, code: Path) -> None:
    fill(code, {"requirements.txt": b"", "requirements.lock": b"", "wheels/own.whl": b""})
    assert {"code/requirements.lock", "code/wheels/own.whl"} < set(collect_members(model, code))


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda model, _: [p.unlink() for p in model.rglob("*") if p.is_file()], "no model files"),
        (lambda _, code: (code / "inference.py").unlink(), "no inference.py"),
        (lambda model, _: fill(model, {"code/x.py": b""}), "move this file"),
        (lambda model, _: (model / "link").symlink_to("/etc/passwd"), "only regular files"),
        (lambda _, code: (code / "gone").symlink_to("nowhere"), "only regular files"),
        (lambda model, _: os.mkfifo(model / "pipe"), "only regular files"),
        (lambda model, _: fill(model, {"new\nline": b""}), "rename it"),
    ],
)
def test_files_that_make_no_archive_are_refused_by_name(
    model: Path, code: Path, tmp_path: Path, break_it: object, said: str
) -> None:
    assert callable(break_it)
    break_it(model, code)
    with pytest.raises(ArchiveError, match=said):
        build_archive(model, code, tmp_path / "model.tar.gz")
    assert not list(tmp_path.glob("*.tar.gz*"))


def test_an_interrupted_build_leaves_the_archive_before_it_and_nothing_else(
    model: Path, code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = tmp_path / "out" / "model.tar.gz"
    before = build_archive(model, code, destination).path.read_bytes()

    def interrupt(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("model_artifact.archive.write_archive", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build_archive(model, code, destination)
    assert destination.read_bytes() == before
    assert list(destination.parent.iterdir()) == [destination]


def test_an_interruption_while_threads_compress_ends_them_and_leaves_no_file(
    model: Path, code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(*_: object) -> Iterator[bytes]:
        yield from [os.urandom(1 << 18)] * 20
        raise KeyboardInterrupt

    monkeypatch.setattr("model_artifact.archive.tar_stream", stream)
    with pytest.raises(KeyboardInterrupt):
        build_archive(model, code, tmp_path / "out" / "model.tar.gz")
    assert not list((tmp_path / "out").iterdir())
    assert not [thread.name for thread in threading.enumerate() if "gzip" in thread.name]


def while_packing(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], after_chunks: int = 0
) -> None:
    """Have act called once, when that many chunks of the archive have been read."""

    def stream(members: dict[str, Path], content: hashlib._Hash) -> Iterator[bytes]:
        for number, chunk in enumerate(tar_stream(members, content)):
            if number == after_chunks:
                act()
            yield chunk

    monkeypatch.setattr("model_artifact.archive.tar_stream", stream)


@pytest.mark.parametrize("after_chunks", [0, 9])  # before it is opened; after all were read
@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_bytes(b"longer than before"),
        lambda file: file.write_bytes(b"short"),
        lambda file: file.write_bytes(b"WEIGHTS"),
        lambda file: (
            file.with_name("new").write_bytes(b"weights") and file.with_name("new").replace(file)
        ),
    ],
    ids=["grown", "shrunk", "rewritten", "replaced"],
)
def test_a_file_that_changes_while_it_is_packed_is_refused_by_name(
    model: Path,
    code: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], object],
    after_chunks: int,
) -> None:
    while_packing(monkeypatch, lambda: change(model / "model.joblib"), after_chunks)
    with pytest.raises(ArchiveError, match=r"model\.joblib: changed while it was packed"):
        build_archive(model, code, tmp_path / "out" / "model.tar.gz")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("content", [b"longer than before", b"short"])
def test_a_file_of_another_size_than_its_header_says_is_never_packed(
    tmp_path: Path, content: bytes
) -> None:
    folder = fill(tmp_path, {"weights": b"weights"})
    stream = tar_stream({"weights": folder / "weights"}, hashlib.sha256())
    next(stream)
    (folder / "weights").write_bytes(content)
    with pytest.raises(ArchiveError, match="weights: changed"):
        list(stream)


def test_a_file_that_cannot_be_read_is_refused_by_name(
    model: Path, code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_packing(monkeypatch, (model / "model.joblib").unlink)
    with pytest.raises(ArchiveError, match=r"model\.joblib: No such file"):
        build_archive(model, code, tmp_path / "out" / "model.tar.gz")


def test_a_full_disk_is_told_with_the_folder_that_needs_the_space(
    model: Path, code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("model_artifact.archive.write_archive", full)
    with pytest.raises(ArchiveError, match=f"No space left on device;.* space in {tmp_path}"):
        build_archive(model, code, tmp_path / "model.tar.gz")
    assert not list(tmp_path.glob("*.tar.gz*"))


def test_a_member_above_8_gib_keeps_its_size(tmp_path: Path) -> None:
    size = (8 << 30) + 1
    with (tmp_path / "weights").open("wb") as file:
        file.truncate(size)  # a hole: it takes no space
    header = next(tar_stream({"weights": tmp_path / "weights"}, hashlib.sha256()))
    entry = tarfile.TarFile(fileobj=io.BytesIO(header)).next()
    assert entry
    assert entry.size == size


def test_what_is_read_can_be_watched(model: Path, code: Path) -> None:
    seen = 0

    def watch(chunks: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal seen
        for chunk in chunks:
            seen += len(chunk)
            yield chunk

    file = io.BytesIO()
    write_archive(collect_members(model, code), file, watch)
    assert seen == len(gzip.decompress(file.getvalue()))
