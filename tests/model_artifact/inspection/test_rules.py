"""Every rule speaks up for an archive that breaks it, and not for one that comes close."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from model_artifact.inspection import RULES, Severity, inspect
from model_artifact.inspection.__main__ import document
from tests.model_artifact.inspection.archives import Case, container
from tests.model_artifact.inspection.cases import BROKEN, WHOLE

DOCUMENT = Path(__file__).parents[3] / "docs" / "inspection.md"


def found(case: Case, folder: Path, *, run: bool) -> dict[str, str]:
    """Return what inspection says, by the rules' ids."""
    findings = inspect(case.write(folder), case.container, run=run)
    return {finding.rule.id: str(finding) for finding in findings}


def documented() -> list[str]:
    return re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.read_text(), re.MULTILINE)


def test_the_document_is_the_rules() -> None:
    assert DOCUMENT.read_text() == document()
    assert sorted(documented()) == sorted(RULES)


def test_every_rule_has_an_archive_that_breaks_it_and_one_that_does_not() -> None:
    assert BROKEN.keys() == WHOLE.keys() == set(documented())


@pytest.mark.parametrize("rule", BROKEN)
def test_an_archive_that_breaks_a_rule_is_told_so(rule: str, tmp_path: Path) -> None:
    said = found(BROKEN[rule], tmp_path, run=rule.startswith("trial"))
    assert rule in said, said
    if RULES[rule].severity is not Severity.INFO:
        assert "; " in said[rule], "there is no fix in it"


@pytest.mark.parametrize("rule", WHOLE)
def test_an_archive_that_comes_close_is_not(rule: str, tmp_path: Path) -> None:
    said = found(WHOLE[rule], tmp_path, run=rule.startswith("trial"))
    assert rule not in said, said


def test_nothing_is_wrong_with_the_good_archive(tmp_path: Path) -> None:
    case = Case(container=container(network_isolation=True, egress=False, memory_bytes=1 << 30))
    assert found(case, tmp_path, run=True).keys() == {"pickle-globals", "trial-report"}
