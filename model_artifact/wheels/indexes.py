"""The tools that ask package indexes, and pip's configuration, as it tells it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import NamedTuple

from model_artifact.archive import ArchiveError
from model_artifact.progress import waited
from model_artifact.wheels.pip_settings import PIP, settings_of
from model_artifact.wheels.requirements import redacted

MAX_EXPLANATION_LINES = 16


class Run(NamedTuple):
    """The exit code and the output of a tool."""

    code: int
    output: str
    errors: str

    @property
    def explanation(self) -> str:
        """The last lines of its errors, which conclude, without credentials and warnings."""
        lines = [
            line
            for line in redacted(self.errors).splitlines()
            if line.strip() and not line.lower().startswith(("warning:", "[notice]"))
        ]
        cut = ["..."] if len(lines) > MAX_EXPLANATION_LINES else []
        return "\n".join([*cut, *lines[-MAX_EXPLANATION_LINES:]])


def run(command: list[str], what: str, environment: Mapping[str, str] | None = None) -> Run:
    """Run a tool to its end, and show how long it takes; an interruption ends the tool too."""
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment
        ) as process,
    ):
        try:
            code = waited(process, what)
        finally:
            process.kill()  # does nothing if it has ended
            process.wait()
        output.seek(0)
        errors.seek(0)
        return Run(
            code, output.read().decode(errors="replace"), errors.read().decode(errors="replace")
        )


def pip_configuration() -> dict[str, str]:
    """Return what `pip download` is configured with, by its files and the environment."""
    told = run([*PIP, "config", "list"], "asking pip for its configuration")
    if told.code:
        raise ArchiveError(
            f"{sys.executable}: this Python's pip does not print its configuration; "
            f"make `pip config list` work there. pip says:\n{told.explanation}"
        )
    return settings_of("download", told.output)
