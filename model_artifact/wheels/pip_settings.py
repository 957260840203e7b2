"""What pip is configured with, and how uv is told: uv reads nothing of pip's configuration.

The set-up runs this file by its path before any package is installed, so it imports the standard
library alone: `python model_artifact/wheels/pip_settings.py uv pip install ...`.
"""

from __future__ import annotations

import ast
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "--no-color"]

SETTINGS_KEPT = ("UV_CACHE_DIR", "UV_KEYRING_PROVIDER", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS")
"""What uv's user may set; any other setting could make it choose what pip would not find."""

UV_NAMES = {
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
}
"""What pip and uv call how an index is reached."""


@dataclass(frozen=True)
class Sources:
    """Where packages come from; what is not said is as pip and uv have it by themselves."""

    index_url: str = ""
    extra_index_urls: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    trusted_hosts: list[str] = field(default_factory=list)
    no_index: bool = False
    prereleases: bool = False

    def lines(self) -> list[str]:
        """Return them as lines of a requirements file, for pip and uv alike."""
        lines = [f"--find-links {place}" for place in self.find_links]
        if self.no_index:
            return ["--no-index", *lines]
        if self.index_url:
            lines.append(f"--index-url {self.index_url}")
        return lines + [f"--extra-index-url {url}" for url in self.extra_index_urls]

    def uv_options(self) -> list[str]:
        """Return what uv has no such lines for."""
        return [
            # pip's way, and so the container's: the best version of all indexes.
            "--index-strategy=unsafe-best-match",
            *(f"--allow-insecure-host={host}" for host in self.trusted_hosts),
            *(["--prerelease=allow"] if self.prereleases else []),
        ]

    def then(self, other: Sources) -> Sources:
        """Return these, overruled by those of a requirements file as pip does it."""
        kept = [] if other.index_url else self.extra_index_urls
        return Sources(
            other.index_url or self.index_url,
            [*kept, *other.extra_index_urls],
            [*self.find_links, *other.find_links],
            [*self.trusted_hosts, *other.trusted_hosts],
            self.no_index or other.no_index,
            self.prereleases or other.prereleases,
        )


def local(place: str, folder: Path) -> str:
    """Return a place to find links at so that it means the same in any folder.

    As a URL, since spaces in a path are read differently by pip and uv.
    """
    return place if "://" in place else (folder / Path(place).expanduser()).resolve().as_uri()


def settings_of(command: str, listing: str) -> dict[str, str]:
    """Return what a command of pip's is configured with, of what `pip config list` has printed."""
    found = re.findall(rf"^(global|{command}|:env:)\.([\w-]+)=(.+)$", listing, re.MULTILINE)
    # What is more special wins, as in pip.
    found.sort(key=lambda setting: ("global", command, ":env:").index(setting[0]))
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


def uv_environment(configuration: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which uv reaches an index as pip is configured to."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("UV_") or name in SETTINGS_KEPT
    }
    # pip trusts the system's certificates beside its own (from 24.2 on); uv trusts one kind, and
    # ends where there are none. Certificates that are named go before both.
    system = ssl.get_default_verify_paths()
    are_there = system.cafile or (system.capath and any(Path(system.capath).iterdir()))
    trusted = {"UV_SYSTEM_CERTS": "true"} if are_there else {}
    named = {UV_NAMES[name]: value for name, value in configuration.items() if name in UV_NAMES}
    return trusted | mine | named


def main(command: list[str]) -> None:
    """Become a command of uv's that installs, with pip's configuration for `pip install`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends this and uv without a traceback
    listing = subprocess.run(
        [*PIP, "config", "list"], stdout=subprocess.PIPE, text=True, check=True
    )
    configuration = settings_of("install", listing.stdout)
    sources = configured_sources(configuration)
    with tempfile.TemporaryFile("w+") as lines:
        # Not on the command line: a URL may have a password in it.
        lines.write("\n".join(sources.lines()))
        lines.seek(0)
        os.dup2(lines.fileno(), sys.stdin.fileno())
        arguments = [*command, *sources.uv_options(), "--requirement=-"]
        os.execvpe(command[0], arguments, uv_environment(configuration))  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
