"""The table of instance types, built from wheels that hold a little of what the real ones hold."""

from __future__ import annotations

import gzip
import json
from importlib import metadata
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

from catalogue import instance_types
from scripts.build_instance_types import API, HARDWARE, OFFERED, table

COMMITTED = Path(instance_types.__file__).with_name("instance_types.json")


def wheel(
    folder: Path, name: str, member: str, content: bytes, *, version: str = "1.2.3", day: int = 2
) -> Path:
    """Write a wheel that cannot be run, with one data file."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        package = member.partition("/")[0]
        archive.writestr(f"{package}/__init__.py", "raise RuntimeError('I was imported')")
        archive.writestr(ZipInfo(member, (2026, 1, day, 3, 4, 6)), content)
    return path


def built(
    folder: Path,
    hardware: dict[str, Any] | None = None,
    offered: dict[str, list[str]] | None = None,
    known: list[str] | None = None,
) -> dict[str, Any]:
    regions = {region: {"enum": names} for region, names in (offered or {}).items()}
    lists = {"description": "which enum this is", **regions}
    api = {"shapes": {"ProductionVariantInstanceType": {"type": "string", "enum": known or []}}}
    return table(
        wheel(folder, "moto", HARDWARE, gzip.compress(json.dumps(hardware or {}).encode())),
        wheel(folder, "cfn_lint", OFFERED, json.dumps(lists).encode(), day=5),
        wheel(folder, "botocore", API, gzip.compress(json.dumps(api).encode())),
    )


def hardware(mebibytes: int, cores: int, **chips: Any) -> dict[str, Any]:
    has = {"MemoryInfo": {"SizeInMiB": mebibytes}, "VCpuInfo": {"DefaultVCpus": cores}}
    return has | chips


def test_the_table_has_the_hardware_of_each_type_of_hosting_that_ec2_knows_in_order(
    tmp_path: Path,
) -> None:
    of = built(
        tmp_path,
        {"m5.large": hardware(8192, 2), "x1.large": hardware(9, 9), "c5.large": hardware(4096, 1)},
        {"eu-west-1": ["ml.m5.large", "ml.unknown.large"]},
        ["ml.c5.large"],
    )
    assert list(of["mebibytes"].items()) == [("ml.c5.large", 4096), ("ml.m5.large", 8192)]
    assert list(of["cpu_cores"].items()) == [("ml.c5.large", 1), ("ml.m5.large", 2)]
    assert list(of["accelerators"].items()) == [("ml.c5.large", 0), ("ml.m5.large", 0)]


def test_gpus_and_chips_are_counted_once_however_they_are_called(tmp_path: Path) -> None:
    two = [{"Count": 2, "Name": "one"}]
    chips = {
        "g5.large": {"GpuInfo": {"Gpus": [*two, {"Count": 1, "Name": "another"}]}},
        "inf0.large": {"InferenceAcceleratorInfo": {"Accelerators": two}},
        "inf1.large": {
            "InferenceAcceleratorInfo": {"Accelerators": two},
            "NeuronInfo": {"NeuronDevices": two},
        },
        "trn1.large": {"NeuronInfo": {"NeuronDevices": two}},
    }
    types = {name: hardware(1, 1, **has) for name, has in chips.items()}
    of = built(tmp_path, types, known=[f"ml.{name}" for name in types])
    assert of["accelerators"] == {
        "ml.g5.large": 3,
        "ml.inf0.large": 2,
        "ml.inf1.large": 2,
        "ml.trn1.large": 2,
    }


def test_each_type_is_written_once_beside_those_that_the_same_regions_offer(
    tmp_path: Path,
) -> None:
    of = built(
        tmp_path,
        offered={
            "us-east-1": ["ml.c5.large", "ml.m5.large", "ml.t3.large"],
            "eu-west-1": ["ml.m5.large", "ml.c5.large"],
        },
        known=["ml.m5.large", "ml.m8g.large", "ml.c5.large"],
    )
    assert of["offered"] == [
        {"types": "ml.c5.large ml.m5.large", "regions": "eu-west-1 us-east-1"},
        {"types": "ml.m8g.large", "regions": ""},
        {"types": "ml.t3.large", "regions": "us-east-1"},
    ]


def test_the_table_names_its_releases_and_the_newest_of_their_dates(tmp_path: Path) -> None:
    of = built(tmp_path)
    assert of["source"] == f"moto 1.2.3 {HARDWARE}, cfn_lint 1.2.3 {OFFERED}, botocore 1.2.3 {API}"
    assert of["date"] == "2026-01-05"


def test_the_committed_table_is_what_the_installed_releases_come_to(tmp_path: Path) -> None:
    installed = []
    for distribution, member in (("moto", HARDWARE), ("cfn-lint", OFFERED), ("botocore", API)):
        content = Path(str(metadata.distribution(distribution).locate_file(member))).read_bytes()
        name, version = distribution.replace("-", "_"), metadata.version(distribution)
        installed.append(wheel(tmp_path, name, member, content, version=version))
    # A file that is installed has lost its date.
    expected, committed = table(*installed), json.loads(COMMITTED.read_text())
    assert committed | {"date": ""} == expected | {"date": ""}, "run `make instance-types`"
