"""A stage's archive, ready to be uploaded: packed, and inspected for the stage's container."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from folders import FolderError, OwnFolder
from model_artifact.archive import Archive, ArchiveError, build_archive
from model_artifact.build import build_folder
from model_artifact.inspection import Container, Finding, Severity, inspect
from model_artifact.inspection.record import remember, remembered
from model_artifact.wheels import Interpreter, vendor
from settings.stage import Stage


class InspectionError(ArchiveError):
    """An archive that would fail on SageMaker; the message has a line for each reason."""


def prepare(stage: Stage, root: Path) -> dict[str, Archive]:
    """Pack the folders that a stage names, which are relative to root.

    Returns the archives by the names of their models; a model that lies in S3 already has none,
    unless its code does not. Raises ArchiveError.
    """
    packed = {name: pack(stage, name, root) for name in stage.served}
    return {name: archive for name, archive in packed.items() if archive}


def pack(stage: Stage, name: str, root: Path) -> Archive | None:
    """Pack one model's folders, unless it lies in S3 already. Raises ArchiveError.

    Of a multi-model container it is the code alone.
    """
    model = stage.served[name]
    code = root / model.code_folder if model.code_folder else None
    build = build_folder(root)
    folder = build.path / stage.endpoint.name / name
    if code and model.has_code_apart:
        if not (code / "inference.py").is_file():
            raise ArchiveError(f"{code}: there is no inference.py; write it, or change model.code")
        _claim(build)
        return build_archive(code, None, folder / "sourcedir.tar.gz")
    if not isinstance(model.artifact, Path):
        return None
    _claim(build)
    return build_archive(
        root / model.artifact,
        code,
        folder / "model.tar.gz",
        vendored=_vendored(stage, name, code, build.path / "wheels") if code else {},
    )


def _claim(folder: OwnFolder) -> None:
    try:
        folder.claim()
    except FolderError as error:
        raise ArchiveError(
            f"{error}; move what is in the way, or let this folder be written to"
        ) from error


def check(archives: Mapping[str, Archive], stage: Stage, switch: str | None = None) -> None:
    """Inspect a stage's archives, unless switch is "off", and print warnings on standard error.

    Raises InspectionError for what would fail on SageMaker, in any of them. What was found is
    remembered for as long as nothing that it depends on changes.
    """
    if switch not in (None, "off"):
        raise ArchiveError(f"-c inspect={switch}: it can only be off; leave it out to inspect")
    if switch == "off":
        return
    errors = []
    for name, model in stage.served.items():
        place = f"{stage.endpoint.name} {name}".rstrip()
        if not isinstance(model.artifact, Path):
            print(
                f"{place}: {model.artifact} is not inspected, since it is not on this machine; "
                "`python -m model_artifact inspect FILE` inspects an archive that was downloaded",
                file=sys.stderr,
            )
            continue
        findings = _findings(archives[name], container_of(stage, name))
        for warning in _of(Severity.WARNING, findings):
            print(f"{place}: {warning}", file=sys.stderr)
        errors += [f"{place}: {error}" for error in _of(Severity.ERROR, findings)]
    if errors:
        raise InspectionError(
            "\n".join(errors)
            + f"\n{stage.endpoint.name}: not deployed; docs/inspection.md has more on each, and "
            "`-c inspect=off` deploys all the same"
        )


def _findings(archive: Archive, container: Container) -> Sequence[Finding]:
    findings = remembered(archive, container)
    if findings is None:
        findings = inspect(archive.path, container)
        remember(archive, container, findings)
    return findings


def container_of(stage: Stage, name: str = "") -> Container:
    """Return what a stage deploys a model's archive into."""
    model = stage.served[name]
    return Container(
        image=stage.image(name),
        environment=stage.container_environment(name),
        needs_script=model.code is not False,
        network_isolation=model.network_isolation,
        memory_bytes=stage.memory_bytes(name),
        startup_seconds=stage.startup_seconds(name) or Container.startup_seconds,
    )


def _vendored(stage: Stage, name: str, code: Path, cache: Path) -> Mapping[str, Path]:
    """Return the members that bring the requirements along, if the model asks for them."""
    if not stage.served[name].vendor_requirements:
        return {}
    container = container_of(stage, name)
    image = container.contents
    if image is None:
        raise ArchiveError(
            f"{code / 'requirements.txt'}: vendor_requirements needs to know which Python "
            f"{container.name} has, and catalogue/image_contents.json does not; add it "
            "there, or remove vendor_requirements"
        )
    interpreter = Interpreter(image.python, container.machine, image.glibc, image.packages)
    return vendor(code, cache, interpreter)


def _of(severity: Severity, findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.rule.severity is severity]
