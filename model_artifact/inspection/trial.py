"""A trial runs the archive: unpacks it, loads the model and sends the sample request.

The model runs in the local cloud's container, in a process without a network and with the memory of
an instance. `cdk deploy` to the local cloud runs the same container.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import tarfile
import tempfile
from collections.abc import Iterator
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from model_artifact.inspection.answers import Asked
from model_artifact.inspection.container import Container
from model_artifact.inspection.contents import ArchiveContents
from model_artifact.inspection.findings import Finding, Severity, rule
from model_artifact.inspection.imports import Imports, Offer
from model_artifact.inspection.members import unpacked_stream
from model_artifact.inspection.serving import Answer, Serving
from model_artifact.progress import Progress

LOAD = rule(
    "trial-load",
    Severity.ERROR,
    "the script can be imported, and model_fn returns a model",
    "The health check never passes, and the endpoint fails after minutes.",
)
TIMEOUT = rule(
    "trial-timeout",
    Severity.ERROR,
    "the model loads within the time limit of the health check",
    "SageMaker gives up while the model still loads.",
)
MEMORY = rule(
    "trial-memory",
    Severity.ERROR,
    "loading the model takes no more memory than the smallest instance has",
    "The kernel ends the container, and the log does not say why.",
)
SKIPPED = rule(
    "trial-skipped",
    Severity.INFO,
    "the archive is tried on this machine",
    "Nothing, but nobody tries whether the model loads before the deployment.",
)
REPORT = rule(
    "trial-report",
    Severity.INFO,
    "the time and the memory that loading and answering took on this machine",
    "Nothing: the figures are for comparing models. They differ on an instance.",
)

# A trial on this machine proves something only with the image's version of these distributions.
_DECISIVE = {"sklearn": ("scikit-learn",), "xgboost": ("xgboost", "xgboost-cpu")}


def try_archive(
    contents: ArchiveContents, container: Container, imports: Imports
) -> Iterator[Finding]:
    """Run an archive without errors, and yield how the trial went."""
    if reason := _not_here(contents, container):
        yield Finding(SKIPPED, "", f"not tried: {reason}")
        return
    with tempfile.TemporaryDirectory(prefix="slipway-trial-") as name:
        root = Path(name).resolve()
        with (
            unpacked_stream(contents.archive, f"unpacking {contents.archive.name}") as file,
            tarfile.open(fileobj=file, mode="r:") as tar,
        ):
            tar.extractall(root / "opt" / "ml" / "model", filter="data")
        with Serving(root, container) as serving:
            loaded = serving.load(Progress(f"loading {contents.archive.name}"))
            if loaded.status != HTTPStatus.OK:
                yield _not_loaded(loaded, serving, container, imports)
                return
            asked = Asked(serving)
            yield from asked.sample(contents)
        yield Finding(REPORT, "", *_report(serving, asked))


def _not_here(contents: ArchiveContents, container: Container) -> str | None:
    """Say why a trial on this machine is impossible or proves nothing."""
    if container.family not in _DECISIVE or not container.needs_script:
        return "only AWS's images for scikit-learn and XGBoost with a script can be tried here"
    names = _DECISIVE[container.family]
    here = next((found for found in map(_installed, names) if found), None)
    if here is None:
        return f"{names[0]} is not installed here"
    packages = container.contents.packages if container.contents else {}
    there = Version(packages[names[0]]) if names[0] in packages else here
    if there.release[:2] != here.release[:2]:
        return f"{names[0]} is {here} here, but {there} in the image"
    unpacked, free = sum(contents.sizes.values()), shutil.disk_usage(tempfile.gettempdir()).free
    if unpacked > free:
        return (
            f"it unpacks to {unpacked / 1e9:.1f} GB, but only {free / 1e9:.1f} GB of disk are free"
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if unpacked > memory:
        return f"it unpacks to {unpacked / 1e9:.1f} GB, but this machine has {memory / 1e9:.1f} GB"
    return None


def _installed(distribution: str) -> Version | None:
    try:
        return Version(version(distribution))
    except (PackageNotFoundError, InvalidVersion):
        return None


def _not_loaded(
    answer: Answer, serving: Serving, container: Container, imports: Imports
) -> Finding:
    """Say why the model did not load, because of the archive or because of this machine."""
    reason = answer.body.decode("utf-8", "replace")
    missing = re.match(r"ModuleNotFoundError: No module named '([\w.]+)'", reason)
    if reason.startswith("UnsatisfiedRequirementsError"):
        return Finding(SKIPPED, "", f"not tried: {reason.partition(': ')[2]}")
    if missing and imports.offers(missing[1]) is not Offer.NO and not imports.has(missing[1]):
        return Finding(SKIPPED, "", f"not tried: {missing[1]} is not installed here")
    if not answer.in_time:
        return Finding(
            TIMEOUT,
            "",
            f"the model did not load within {container.startup_seconds} s",
            "make it load faster, or raise container_startup_health_check_timeout_in_seconds",
        )
    if _is_memory(reason, serving):
        return _memory(reason, container)
    return Finding(
        LOAD,
        "",
        f"the model does not load: {reason}",
        "correct the script or the model; the end of the log:\n" + serving.log,
    )


def _is_memory(reason: str, serving: Serving) -> bool:
    killed = serving.exit_status in (-signal.SIGKILL, -signal.SIGABRT, 137, 134)
    return "MemoryError" in reason or (serving.exit_status is not None and killed)


def _memory(reason: str, container: Container) -> Finding:
    limit = (
        f"{container.memory_bytes / 1e9:.1f} GB" if container.memory_bytes else "this machine has"
    )
    got = f"loading the model takes more memory than {limit}: {reason}"
    return Finding(MEMORY, "", got, "choose a larger instance type")


def _report(serving: Serving, asked: Asked) -> tuple[str, str, dict[str, Any]]:
    figures: dict[str, Any] = {
        "python": platform.python_version(),
        "load_seconds": round(serving.load_seconds, 3),
        "peak_bytes": serving.peak_bytes,
        "latency": [
            {"rows": rows, "seconds": round(taken, 6)} for rows, taken in asked.seconds.items()
        ],
        "formats": asked.formats,
    }
    megabytes = f"{serving.peak_bytes / 1e6:,.0f} MB"
    said = [f"the model loads in {serving.load_seconds:.1f} s with {megabytes} of memory"]
    for rows, taken in asked.seconds.items():
        said.append(f"{rows:,} row{'s' if rows > 1 else ''} in {taken * 1000:.1f} ms")
    if len(asked.formats) > 1:
        said.append(f"the same answer to {', '.join(asked.formats)}")
    return ", ".join(said), "", figures
