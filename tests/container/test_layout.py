from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container import layout
from container.layout import ArchiveError, extract, inside

KINDS = {
    "file": tarfile.REGTYPE,
    "folder": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "device": tarfile.CHRTYPE,
    "pipe": tarfile.FIFOTYPE,
}


def archive(path: Path, members: Iterable[tuple[str, str, str]]) -> Path:
    """Write an archive of (name, kind, content or link target)."""
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = KINDS[kind]
            member.linkname = content if "link" in kind else ""
            data = content.encode() if kind == "file" else b""
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def tree(folder: Path) -> dict[str, str | None]:
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_files_and_folders_are_where_the_archive_has_them(tmp_path: Path) -> None:
    members = [(".", "folder", ""), ("./a", "file", "1"), ("b", "folder", ""), ("b/c", "file", "2")]
    extract(archive(tmp_path / "a.tar.gz", members), tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": "1", "b": None, "b/c": "2"}


@pytest.mark.parametrize(
    "members",
    [
        [("/etc/evil", "file", "x")],
        [("../evil", "file", "x")],
        [("a/../../evil", "file", "x")],
        [("a\\..\\evil", "file", "x")],
        [("link", "symlink", "/etc")],
        [("link", "symlink", "a")],
        [("link", "hard link", "/etc/passwd")],
        [("device", "device", "")],
        [("pipe", "pipe", "")],
        [("a", "file", "1"), ("a", "file", "2")],
        [("a", "file", "1"), ("./a", "file", "2")],
        [("a", "file", "1"), ("a/b", "file", "2")],
        [("a/b", "file", "1"), ("a", "file", "2")],
        [("a", "folder", ""), ("a", "file", "2")],
        [("a", "file", "1"), ("a", "folder", "")],
        [(".", "file", "1")],
    ],
)
def test_a_hostile_member_is_refused_and_nothing_is_written(
    tmp_path: Path, members: list[tuple[str, str, str]]
) -> None:
    path = archive(tmp_path / "a.tar.gz", [("good", "file", "x"), *members])
    with pytest.raises(ArchiveError):
        extract(path, tmp_path / "in" / "out")
    assert [item.name for item in tmp_path.iterdir()] == ["a.tar.gz"]


names = st.lists(st.sampled_from(["a", "b", "..", ".", "", "ü"]), min_size=1, max_size=4).map(
    "/".join
)
members = st.tuples(names, st.sampled_from([*KINDS, "file", "folder"]), st.sampled_from("ab/"))


@settings(deadline=None, max_examples=150)
@given(st.lists(members, max_size=5))
def test_no_member_whatever_it_is_is_written_outside_the_folder(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[tuple[str, str, str]]
) -> None:
    base = tmp_path_factory.mktemp("hostile")
    path, out = archive(base / "a.tar.gz", chosen), base / "in" / "out"
    try:
        extract(path, out)
    except ArchiveError:
        assert not out.exists()
    else:
        assert not [item for item in out.rglob("*") if item.is_symlink()]
        written = [item for item in base.rglob("*") if item.is_file() and item != path]
        assert all(item.is_relative_to(out) for item in written)
        assert len(written) == sum(kind == "file" for _, kind, _ in chosen)
    assert {item.name for item in base.iterdir()} <= {"a.tar.gz", "in"}


@settings(deadline=None, max_examples=150)
@given(content=st.binary(max_size=600), cut=st.integers(0, 200), flip=st.integers(0, 200))
def test_any_bytes_are_an_archive_or_an_archive_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int, flip: int
) -> None:
    base = tmp_path_factory.mktemp("bytes")
    path = archive(base / "a.tar.gz", [("a", "file", "x" * 50)])
    damaged = bytearray(path.read_bytes()[: max(20, cut)])
    damaged[flip % len(damaged)] ^= 0xFF
    for number, data in enumerate((content, bytes(damaged))):
        path.write_bytes(data)
        with suppress(ArchiveError):
            extract(path, base / f"out-{number}")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", [("zeros", "file", "0" * 50_000_000)])
    with pytest.raises(ArchiveError, match="over 200 times"):
        extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_many_or_too_large_members_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "a.tar.gz", [("a", "file", "12"), ("b", "file", "34")])
    monkeypatch.setattr(layout, "MAX_BYTES", 3)
    with pytest.raises(ArchiveError, match="more than 3 bytes"):
        extract(path, tmp_path / "out")
    monkeypatch.setattr(layout, "MAX_MEMBERS", 1)
    with pytest.raises(ArchiveError, match="more than 1 members"):
        extract(path, tmp_path / "out")


def test_paths_under_opt_ml_are_inside_the_instance_and_others_are_not() -> None:
    root = Path("/instances/i-0")
    assert inside(root, "/opt/ml/model/code") == "/instances/i-0/opt/ml/model/code"
    assert inside(root, "/opt/ml") == "/instances/i-0/opt/ml"
    assert inside(root, "/opt/mlx") == "/opt/mlx"
    assert inside(root, "text") == "text"
