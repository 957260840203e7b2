"""Write catalogue/instance_types.json from data of moto, cfn-lint, botocore: `make instance-types`.

moto's data says what hardware each EC2 type has, cfn-lint's which types SageMaker hosting offers in
a region, and botocore's which types it has at all. The wheels are read as zip files; nothing in
them is installed or run.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any
from zipfile import ZipFile

HARDWARE = "moto/ec2/resources/instance_types.json.gz"
OFFERED = "cfnlint/data/schemas/extensions/aws_sagemaker_hosting/instancetype_enum.json"
API = "botocore/data/sagemaker/2017-07-24/service-2.json.gz"

Json = dict[str, Any]


def table(moto: Path, cfn_lint: Path, botocore: Path) -> Json:
    """Return what instance_types.json holds: each type's hardware, and the regions that offer it.

    A type that moto does not know has no hardware; one that cfn-lint does not know has no region.
    """
    members = ((moto, HARDWARE), (cfn_lint, OFFERED), (botocore, API))
    hardware, offered, api = (_read(wheel, member) for wheel, member in members)
    regions: dict[str, list[str]] = {
        name: [] for name in api["shapes"]["ProductionVariantInstanceType"]["enum"]
    }
    for region in sorted(name for name, listed in offered.items() if isinstance(listed, dict)):
        for name in offered[region]["enum"]:
            regions.setdefault(name, []).append(region)
    together: dict[str, list[str]] = defaultdict(list)
    for name in sorted(regions):
        together[" ".join(regions[name])].append(name)
    hardware = {f"ml.{name}": has for name, has in hardware.items()}
    known = {name: hardware[name] for name in sorted(regions.keys() & hardware.keys())}
    return {
        "source": ", ".join(f"{_release(wheel)} {member}" for wheel, member in members),
        "date": max(_date(wheel, member) for wheel, member in members),
        "mebibytes": {name: has["MemoryInfo"]["SizeInMiB"] for name, has in known.items()},
        "cpu_cores": {name: has["VCpuInfo"]["DefaultVCpus"] for name, has in known.items()},
        "accelerators": {name: _accelerators(has) for name, has in known.items()},
        "offered": [
            {"types": " ".join(types), "regions": places} for places, types in together.items()
        ],
    }


def _accelerators(hardware: Json) -> int:
    """Count GPUs, or AWS's own chips: moto lists those of inf1 and inf2 under two names."""
    if "GpuInfo" in hardware:
        return sum(gpu["Count"] for gpu in hardware["GpuInfo"]["Gpus"])
    if "NeuronInfo" in hardware:
        return sum(chip["Count"] for chip in hardware["NeuronInfo"]["NeuronDevices"])
    listed = hardware.get("InferenceAcceleratorInfo", {"Accelerators": []})
    return sum(chip["Count"] for chip in listed["Accelerators"])


def _read(wheel: Path, member: str) -> Json:
    with ZipFile(wheel) as archive:
        content = archive.read(member)
    read: Json = json.loads(gzip.decompress(content) if member.endswith(".gz") else content)
    return read


def _date(wheel: Path, member: str) -> str:
    with ZipFile(wheel) as archive:
        return "{:04}-{:02}-{:02}".format(*archive.getinfo(member).date_time)


def _release(wheel: Path) -> str:
    name, version, *_ = wheel.name.split("-")
    return f"{name} {version}"


if __name__ == "__main__":
    *wheels, types = map(Path, sys.argv[1:])
    types.write_text(json.dumps(table(*wheels), indent=1) + "\n")
