"""How much memory an instance has.

The table is instance_memory.json, which `make instance-memory` writes and which carries its source
and date.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path


def memory_bytes(instance_type: str) -> int | None:
    """Return the memory of an instance type such as "ml.m5.large", or None if it is not known.

    New types come faster than the table does.
    """
    mebibytes = _mebibytes().get(instance_type.removeprefix("ml."))
    return None if mebibytes is None else mebibytes * 1024 * 1024


@cache
def _mebibytes() -> dict[str, int]:
    table = json.loads(Path(__file__).with_name("instance_memory.json").read_text())
    mebibytes: dict[str, int] = table["mebibytes"]
    return mebibytes
