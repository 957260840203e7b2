"""The table of memory, built from wheels that hold a little of what moto's and cfn-lint's hold."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

from scripts.build_instance_memory import HOSTING, MEMORY, table


def wheel(folder: Path, name: str, member: str, content: bytes) -> Path:
    """Write a wheel that cannot be run, with one data file."""
    path = folder / f"{name}-1.2.3-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        package = member.partition("/")[0]
        archive.writestr(f"{package}/__init__.py", "raise RuntimeError('I was imported')")
        archive.writestr(ZipInfo(member, (2026, 1, 2, 3, 4, 6)), content)
    return path


def types(**mebibytes: int) -> dict[str, Any]:
    return {
        name.replace("_", "."): {"InstanceType": name, "MemoryInfo": {"SizeInMiB": size}}
        for name, size in mebibytes.items()
    }


def test_the_table_holds_what_hosting_offers_anywhere_and_ec2_knows_in_order(
    tmp_path: Path,
) -> None:
    known = json.dumps(types(m5_large=8192, x1_large=999, c5_large=4096)).encode()
    offered = {
        "description": "which enum this is",
        "eu-west-1": {"enum": ["ml.m5.large", "ml.unknown.large"]},
        "us-east-1": {"enum": ["ml.c5.large", "ml.m5.large"]},
    }
    built = table(
        wheel(tmp_path, "moto", MEMORY, gzip.compress(known)),
        wheel(tmp_path, "cfn_lint", HOSTING, json.dumps(offered).encode()),
    )
    assert list(built["mebibytes"].items()) == [("c5.large", 4096), ("m5.large", 8192)]
    assert built["source"] == f"moto 1.2.3, {MEMORY}, of the types in cfn_lint 1.2.3, {HOSTING}"
    assert built["date"] == "2026-01-02"
