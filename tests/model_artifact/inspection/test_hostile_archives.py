"""Hostile archives: inspection reads them correctly or refuses them, and takes no harm."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model_artifact.inspection import RULES, Severity, inspect
from tests.model_artifact.inspection.archives import Case, container, good, header, tar_gz

PARTS = st.sampled_from(["a", "b", "A", "é", "..", ".", "", "x" * 120, "a\\b", "a\nb", "\udc80"])
NAMES = st.builds("/".join, st.lists(PARTS, min_size=1, max_size=4))
KINDS = st.sampled_from(
    [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE,
     tarfile.CHRTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"\x00", b"Z"]
)  # fmt: skip
MEMBERS = st.lists(st.tuples(NAMES, KINDS, st.binary(max_size=600)), max_size=6)
FORMATS = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])


def errors(path: Path) -> list[str]:
    """Inspect without running, and return the ids of the errors in the archive's form."""
    found = inspect(path, container(), run=False)
    assert all(each.rule.id in RULES for each in found)
    return [
        each.rule.id
        for each in found
        if each.rule.severity is Severity.ERROR and each.rule.id.startswith(("archive", "member"))
    ]


def packed(members: list[tuple[str, bytes, bytes]], form: int) -> bytes | None:
    """Pack members as they are, or return None for names that the format cannot hold."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for name, kind, content in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "a"
            if kind in (tarfile.REGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"\x00", b"Z"):
                entry.size = len(content)
            try:
                tar.addfile(entry, io.BytesIO(content))
            except (ValueError, UnicodeEncodeError):
                return None
    return gzip.compress(stream.getvalue())


@given(MEMBERS, FORMATS)
@example([("é/", b"0", b"")], tarfile.PAX_FORMAT)  # unpacked without the slash
@settings(max_examples=300)
def test_an_accepted_archive_unpacks_to_exactly_the_files_that_were_read(
    members: list[tuple[str, bytes, bytes]], form: int
) -> None:
    data = packed(members, form)
    if data is None:
        return
    with tempfile.TemporaryDirectory() as name:
        path, root = Path(name, "model.tar.gz"), Path(name, "root")
        path.write_bytes(data)
        if errors(path):
            return
        root.mkdir()
        with tarfile.open(path) as tar:
            tar.extractall(root, filter="data")
        there = {
            str(file.relative_to(root)): file.read_bytes()
            for file in root.rglob("*")
            if file.is_file()
        }
        regular = (tarfile.REGTYPE, tarfile.CONTTYPE, b"\x00", b"Z")
        assert there == {
            member.removeprefix("./").rstrip("/"): content
            for member, kind, content in members
            if kind in regular
        }
        assert {file.name for file in Path(name).iterdir()} == {"model.tar.gz", "root"}


@given(st.binary(max_size=3000))
def test_bytes_that_are_not_an_archive_are_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "model.tar.gz")
        for content in (data, gzip.compress(data)):
            path.write_bytes(content)
            if content is data or data.strip(b"\0"):
                assert "archive-unreadable" in errors(path) or not data


@given(st.data())
@settings(max_examples=150)
def test_a_damaged_archive_is_whole_or_refused(data: st.DataObject) -> None:
    whole = tar_gz(good())
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = data.draw(
        st.sampled_from([whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]])
    )
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "model.tar.gz")
        path.write_bytes(damaged)
        if errors(path):
            return
        # The changed bit is in a part of the header without effect: the time or the name.
        assert gzip.decompress(damaged) == gzip.decompress(whole)


@given(st.integers(0, 6), st.integers(0, 511), st.integers(0, 255))
@settings(max_examples=200)
def test_a_damaged_header_never_hides_the_members_after_it(block: int, at: int, value: int) -> None:
    tar = bytearray(gzip.decompress(tar_gz(good())))
    before = bytes(tar)
    tar[512 * block + at] = value
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "model.tar.gz")
        path.write_bytes(gzip.compress(bytes(tar), 1))
        if not errors(path) and bytes(tar) != before:
            with tarfile.open(path) as opened:
                assert len(opened.getnames()) == len(good())


@pytest.mark.parametrize(("count", "said"), [(50, []), (51, ["archive-bomb"])])
def test_one_member_above_the_limit_is_an_error(
    count: int, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_artifact.inspection.members.MAX_MEMBERS", 50)
    many = {f"{number}": b"" for number in range(count)}
    assert errors(Case(data=tar_gz(many)).write(tmp_path)) == said


@pytest.mark.parametrize(
    "entry",
    [
        header(tarfile.SYMTYPE, "/etc"),
        header(tarfile.LNKTYPE, "model.pkl"),
        header(tarfile.FIFOTYPE),
        header(tarfile.BLKTYPE),
    ],
)
def test_a_member_that_is_neither_file_nor_folder_is_refused(
    entry: tarfile.TarInfo, tmp_path: Path
) -> None:
    assert errors(Case({"other": entry}).write(tmp_path)) == ["member-kind"]


WORST = """
import gzip, io, resource, sys, tarfile
from pathlib import Path
from model_artifact.inspection import Container, inspect

def entry(name, size, kind=tarfile.REGTYPE, **pax):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.pax_headers = size, kind, pax
    return info.tobuf(tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT)

path = Path(sys.argv[2])
with gzip.open(path, "wb", 1) as file:
    match sys.argv[1]:
        case "a long name":
            file.write(entry("././@LongLink", 1 << 30, tarfile.GNUTYPE_LONGNAME))
            for _ in range(64): file.write(b"a" * (1 << 20))
        case "a long pax record":
            file.write(entry("pax", 1 << 30, tarfile.XHDTYPE) + b"1073741824 path=")
            for _ in range(64): file.write(b"a" * (1 << 20))
        case "a map of a sparse file":
            file.write(entry("s", 1 << 29, **{"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                       "GNU.sparse.name": "s", "GNU.sparse.realsize": "1"}))
            file.write(b"99999999\\n")
            for _ in range(64): file.write(b"1\\n" * (1 << 19))
        case "a file of zeros":
            file.write(entry("zeros", 1 << 33))
            for _ in range(256): file.write(bytes(1 << 20))
        case "eight exbibytes":
            file.write(entry("large", (1 << 63) - 512) + bytes(1 << 20))
        case "long names":
            for number in range(60_000):
                name = f"{number}/" + "/".join(["n" * 100] * 9)
                file.write(entry(name, 0))
        case "a large script":
            file.write(entry("code/inference.py", 1 << 24) + b"(" * (1 << 24))
        case "a long script":
            text = b"a=1\\n" * (1 << 15)
            file.write(entry("code/inference.py", len(text)) + text)
        case "a deep script":
            text = b"x = " + b"[" * 150 + b"-" * 100_000 + b"1" + b"]" * 150
            file.write(entry("code/inference.py", len(text)) + text + bytes(-len(text) % 512))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
image = "1.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ids = [each.rule.id for each in inspect(path, Container(image), run=False)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, *ids)
"""
MEMORY_BYTES = 150e6


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("a long name", "archive-unreadable"),
        ("a long pax record", "archive-unreadable"),
        ("a map of a sparse file", "archive-unreadable"),
        ("a file of zeros", "archive-bomb"),
        ("eight exbibytes", "archive-bomb"),
        ("long names", "archive-bomb"),
        ("a large script", "layout-no-model"),
        ("a long script", "script-model-fn"),
        ("a deep script", "script-syntax"),
    ],
)
def test_no_archive_takes_more_memory_than_is_stated(kind: str, rule: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORST, kind, tmp_path / "model.tar.gz"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kilobytes, *ids = done.stdout.split()
    assert rule in ids
    assert int(kilobytes) * 1024 < MEMORY_BYTES
