"""What SageMaker would trip over in an archive, found before it is uploaded."""

from __future__ import annotations

from pathlib import Path

from model_artifact.inspection import layout, pickles, requirements, script, trial, versions
from model_artifact.inspection.container import Container
from model_artifact.inspection.contents import read_contents
from model_artifact.inspection.findings import RULES, Finding, Rule, Severity
from model_artifact.inspection.imports import Imports

__all__ = ["RULES", "Container", "Finding", "Rule", "Severity", "inspect"]


def inspect(archive: Path, container: Container, *, run: bool = True) -> list[Finding]:
    """Return what is found in an archive that is to be deployed into a container.

    It is read first, without running or writing anything of it. Then, unless run is False or an
    error was found, it is loaded and asked its sample request, in a process of its own without a
    network. More than a second of work is shown on standard error. Raises OSError where the
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
