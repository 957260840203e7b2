"""A record of the findings, so that an unchanged archive is not inspected again.

model.tar.gz.inspection.json lies beside model.tar.gz. It has the findings, and a hash over all that
they depend on: the archive's content, the container, the packages of this environment, and the
inspection itself. Errors are not kept: this machine may be their cause, so they are checked anew.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from container import layout
from model_artifact.archive import Archive
from model_artifact.inspection import Container, Finding, Severity

_SOURCES = (Path(__file__).parent, Path(layout.__file__).parent)


def remembered(archive: Archive, container: Container) -> Sequence[Finding] | None:
    """Return the findings for the same archive and container, or None if they are not known."""
    try:
        record = json.loads(_beside(archive).read_text(encoding="utf-8"))
        if record["of"] == _depends_on(archive, container):
            return [Finding.from_json(found) for found in record["findings"]]
    except (OSError, ValueError, KeyError, TypeError):  # no record, or a damaged one
        pass
    return None


def remember(archive: Archive, container: Container, findings: Sequence[Finding]) -> None:
    """Keep the findings, unless one is an error."""
    if any(finding.rule.severity is Severity.ERROR for finding in findings):
        return
    record = {
        "of": _depends_on(archive, container),
        "findings": [finding.to_json() for finding in findings],
    }
    # An interruption may cut the file off. The rest is not JSON, so it is not used.
    _beside(archive).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _beside(archive: Archive) -> Path:
    return archive.path.with_name(f"{archive.path.name}.inspection.json")


def _depends_on(archive: Archive, container: Container) -> str:
    return hashlib.sha256(
        json.dumps([archive.content_sha256, asdict(container), *_here()], sort_keys=True).encode()
    ).hexdigest()


@cache
def _here() -> Sequence[str]:
    """Return what identifies this environment and this inspection."""
    # NAME-VERSION.dist-info says enough; importlib.metadata would read a file for each package.
    packages = sorted({path.name for each in sys.path for path in Path(each).glob("*-info")})
    sources = hashlib.sha256()
    for path in sorted(path for folder in _SOURCES for path in folder.iterdir() if path.is_file()):
        sources.update(path.name.encode() + path.read_bytes())
    return [sys.version, *packages, sources.hexdigest()]
