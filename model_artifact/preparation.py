"""A stage's archive, ready to be uploaded: packed, and inspected for the stage's container."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from model_artifact.archive import Archive, ArchiveError, build_archive
from model_artifact.inspection import Container, Finding, Severity, inspect
from model_artifact.inspection.record import remember, remembered
from model_artifact.wheels import Interpreter, vendor

if TYPE_CHECKING:
    from stacks.stage import Stage


class InspectionError(ArchiveError):
    """An archive that would fail on SageMaker; the message has a line for each reason."""


def prepare(stage: Stage, root: Path) -> Archive | None:
    """Pack the folders that a stage names, which are relative to root.

    Returns None for a model that lies in S3 already. Raises ArchiveError.
    """
    artifact, code = stage.model.artifact, stage.model.code_folder
    if not isinstance(artifact, Path):
        return None
    build = root / "build"
    return build_archive(
        root / artifact,
        root / code if code else None,
        build / stage.endpoint.name / "model.tar.gz",
        vendored=_vendored(stage, root / code, build / "wheels") if code else {},
    )


def check(archive: Archive | None, stage: Stage, switch: str | None = None) -> None:
    """Inspect a stage's archive, unless switch is "off", and print warnings on standard error.

    Raises InspectionError for what would fail on SageMaker. What was found is remembered for as
    long as nothing that it depends on changes.
    """
    if switch not in (None, "off"):
        raise ArchiveError(f"-c inspect={switch}: it can only be off; leave it out to inspect")
    if switch == "off":
        return
    name = stage.endpoint.name
    if archive is None:
        print(
            f"{name}: {stage.model.artifact} is not inspected, since it is not on this machine; "
            "`python -m model_artifact inspect FILE` inspects an archive that was downloaded",
            file=sys.stderr,
        )
        return
    container = container_of(stage)
    findings = remembered(archive, container)
    if findings is None:
        findings = inspect(archive.path, container)
        remember(archive, container, findings)
    for warning in _of(Severity.WARNING, findings):
        print(f"{name}: {warning}", file=sys.stderr)
    if errors := _of(Severity.ERROR, findings):
        raise InspectionError(
            "\n".join(f"{name}: {error}" for error in errors)
            + f"\n{name}: not deployed; docs/inspection.md has more on each, and "
            "`-c inspect=off` deploys all the same"
        )


def container_of(stage: Stage) -> Container:
    """Return what a stage deploys its archive into."""
    timeouts = [
        variant.container_startup_health_check_timeout_in_seconds
        for variant in stage.endpoint.variants
    ]
    return Container(
        image=stage.image,
        environment=stage.container_environment,
        needs_script=stage.model.code is not False,
        network_isolation=stage.model.network_isolation,
        memory_bytes=stage.memory_bytes,
        startup_seconds=min((each for each in timeouts if each), default=Container.startup_seconds),
    )


def _vendored(stage: Stage, code: Path, cache: Path) -> Mapping[str, Path]:
    """Return the members that bring the requirements along, if the stage asks for them."""
    if not stage.model.vendor_requirements:
        return {}
    container = container_of(stage)
    image = container.contents
    if image is None:
        raise ArchiveError(
            f"{code / 'requirements.txt'}: vendor_requirements needs to know which Python "
            f"{container.name} has, and model_artifact/inspection/images.json does not; add it "
            "there, or remove vendor_requirements"
        )
    interpreter = Interpreter(image.python, container.machine, image.glibc, image.packages)
    return vendor(code, cache, interpreter)


def _of(severity: Severity, findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.rule.severity is severity]
