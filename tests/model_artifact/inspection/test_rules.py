"""Every rule finds an archive that breaks it, and not one that almost breaks it."""

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
    """Return the findings as text, by the ids of the rules."""
    findings = inspect(case.write(folder), case.container, run=run)
    return {finding.rule.id: str(finding) for finding in findings}


def documented() -> list[str]:
    return re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.read_text(), re.MULTILINE)


def test_the_document_lists_the_rules() -> None:
    assert DOCUMENT.read_text() == document()
    assert sorted(documented()) == sorted(RULES)


def test_every_rule_has_an_archive_that_breaks_it_and_one_that_almost_does() -> None:
    assert BROKEN.keys() == WHOLE.keys() == set(documented())


@pytest.mark.parametrize("rule", BROKEN)
def test_an_archive_that_breaks_a_rule_is_found(rule: str, tmp_path: Path) -> None:
    said = found(BROKEN[rule], tmp_path, run=rule.startswith("trial"))
    assert rule in said, said
    if RULES[rule].severity is not Severity.INFO:
        assert "; " in said[rule], "the finding has no fix"


@pytest.mark.parametrize("rule", WHOLE)
def test_an_archive_that_almost_breaks_a_rule_is_not_found(rule: str, tmp_path: Path) -> None:
    said = found(WHOLE[rule], tmp_path, run=rule.startswith("trial"))
    assert rule not in said, said


def test_the_good_archive_has_no_problem(tmp_path: Path) -> None:
    case = Case(container=container(network_isolation=True, egress=False, memory_bytes=1 << 30))
    assert found(case, tmp_path, run=True).keys() == {"pickle-globals", "trial-report"}
