from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from model_artifact.archive import Archive
from model_artifact.inspection import RULES, Finding, record
from model_artifact.inspection.record import remember, remembered
from tests.model_artifact.inspection.archives import container

WARNING = Finding(RULES["member-case"], "a", "got", "fix", {"figure": 1})
ERROR = Finding(RULES["archive-bomb"], "", "got", "fix")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "model.tar.gz", "0" * 64)


def test_findings_are_remembered(archive: Archive) -> None:
    assert remembered(archive, container()) is None
    remember(archive, container(), [WARNING])
    assert remembered(archive, container()) == [WARNING]


def test_a_record_does_not_serve_another_archive_container_or_environment(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(archive, container(), [WARNING])
    assert remembered(replace(archive, content_sha256="1" * 64), container()) is None
    assert remembered(archive, container(memory_bytes=1)) is None
    monkeypatch.setattr(record, "_here", lambda: ["another environment"])
    assert remembered(archive, container()) is None


def test_errors_are_not_remembered(archive: Archive) -> None:
    remember(archive, container(), [WARNING, ERROR])
    assert remembered(archive, container()) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"of": 1}', "null"])
def test_a_damaged_record_is_ignored(archive: Archive, text: str) -> None:
    remember(archive, container(), [])
    (file,) = archive.path.parent.iterdir()
    file.write_text(text)
    assert remembered(archive, container()) is None


def test_a_record_with_a_rule_that_no_longer_exists_is_ignored(archive: Archive) -> None:
    remember(archive, container(), [WARNING])
    (file,) = archive.path.parent.iterdir()
    kept = json.loads(file.read_text())
    kept["findings"][0]["id"] = "gone"
    file.write_text(json.dumps(kept))
    assert remembered(archive, container()) is None
