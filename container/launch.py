"""How the container is started, whoever starts it: its command line and its environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from container import layout

FRAMEWORKS = ("sklearn", "xgboost")
"""What of AWS's images is played: what `--framework` may say."""

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

    `__main__.py` has what each of them means. The caller hands the descriptor down.
    """
    return [
        *(sys.executable, "-P", "-s", "-u", str(_PROGRAM), str(root), str(descriptor)),
        *("--framework", framework),
        *(["--multi-model"] if multi_model else []),
        *([] if network else ["--no-network"]),
        *(["--memory-bytes", str(memory_bytes)] if memory_bytes else []),
    ]


def environment(root: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return a container's environment: variables, those under /opt/ml below root, and little else.

    Nothing of the caller's own environment is in it but the search path for programs.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(root),
        "TMPDIR": str(root / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **{name: layout.inside(root, value) for name, value in variables.items()},
    }
