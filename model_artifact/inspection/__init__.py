"""Inspection finds what would fail on SageMaker, before an archive is uploaded."""

from __future__ import annotations

from pathlib import Path

from model_artifact.inspection import layout, pickles, requirements, script, trial, versions
from model_artifact.inspection.container import Container
from model_artifact.inspection.contents import read_contents
from model_artifact.inspection.findings import RULES, Finding, Rule, Severity
from model_artifact.inspection.imports import Imports

__all__ = ["RULES", "Container", "Finding", "Rule", "Severity", "inspect"]


def inspect(archive: Path, container: Container, *, run: bool = True) -> list[Finding]:
    """Return the findings about an archive that is deployed into a container.

    First the archive is read; nothing in it is run or written to disk. Then a process without a
    network loads the model and answers the sample request, unless run is False or an error was
    found. Work that takes more than a second is shown on standard error. Raises OSError if the
    archive cannot be read.
    """
    contents, findings = read_contents(archive)
    asked = requirements.read(contents)
    imports = Imports(container, asked.names, contents.modules)
    findings += layout.check(contents, container)
    findings += script.check(contents, container, imports)
    findings += pickles.check(contents, container, imports)
    findings += versions.check(contents, container)
    findings += requirements.check(contents, container, asked)
    if run and not any(finding.rule.severity is Severity.ERROR for finding in findings):
        findings += trial.try_archive(contents, container, imports)
    return findings
