"""The package indexes that pip is configured with, and the tools that ask them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from model_artifact.archive import ArchiveError
from model_artifact.progress import waited
from model_artifact.wheels.requirements import Sources, local, redacted

PIP = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "--no-color"]

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
    found = re.findall(r"^(global|download|:env:)\.([\w-]+)=(.+)$", told.output, re.MULTILINE)
    # What is more special wins, as in pip.
    found.sort(key=lambda setting: ("global", "download", ":env:").index(setting[0]))
    return {name: str(ast.literal_eval(value)) for _, name, value in found}


def configured_sources(configuration: Mapping[str, str]) -> Sources:
    """Return where pip's configuration has packages come from."""

    def is_on(name: str) -> bool:
        return configuration.get(name, "").lower() in ("1", "true", "yes", "on", "y", "t")

    return Sources(
        index_url=configuration.get("index-url", ""),
        extra_index_urls=configuration.get("extra-index-url", "").split(),
        find_links=[
            local(place, Path())
            for place in configuration.get("find-links", "").split()
            # pip passes over a folder that is not there, and uv ends.
            if "://" in place or Path(place).expanduser().exists()
        ],
        trusted_hosts=configuration.get("trusted-host", "").split(),
        no_index=is_on("no-index"),
        prereleases=is_on("pre"),
    )
