"""How the container is started, whoever starts it: its command line and its environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from container import layout

FRAMEWORKS = ("sklearn", "xgboost")
"""The AWS images that the container can play: the values of `--framework`."""

_PROGRAM = Path(__file__).with_name("__main__.py")


def command(
    root: Path,
    descriptor: int,
    *,
    framework: str,
    multi_model: bool = False,
    network: bool = True,
    memory_bytes: int | None = None,
) -> list[str]:
    """Return the command line of a container below root, which listens on a descriptor's socket.

    `__main__.py` says what each argument means. The caller hands the descriptor down.
    """
    return [
        *(sys.executable, "-P", "-s", "-u", str(_PROGRAM), str(root), str(descriptor)),
        *("--framework", framework),
        *(["--multi-model"] if multi_model else []),
        *([] if network else ["--no-network"]),
        *(["--memory-bytes", str(memory_bytes)] if memory_bytes else []),
    ]


def environment(root: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return a container's environment: variables, with paths below /opt/ml moved below root.

    Of the caller's own environment it has only the search path for programs.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(root),
        "TMPDIR": str(root / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **{name: layout.inside(root, value) for name, value in variables.items()},
    }
