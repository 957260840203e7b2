"""Write stacks/instance_memory.json from data of moto and cfn-lint: `make instance-memory`.

moto's says how much memory each type of EC2 has, cfn-lint's which types SageMaker hosting offers.
The wheels are read as the zip files that they are; nothing of them is installed or run.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

MEMORY = "moto/ec2/resources/instance_types.json.gz"
HOSTING = "cfnlint/data/schemas/extensions/aws_sagemaker_hosting/instancetype_enum.json"


def table(moto: Path, cfn_lint: Path) -> dict[str, Any]:
    """Return what instance_memory.json holds: MiB by EC2's name of a type that hosting offers."""
    with ZipFile(moto) as archive:
        packed = archive.getinfo(MEMORY).date_time
        types = json.loads(gzip.decompress(archive.read(MEMORY)))
    with ZipFile(cfn_lint) as archive:
        hosting = json.loads(archive.read(HOSTING))
    regions = (region for region in hosting.values() if isinstance(region, dict))
    offered = {name.removeprefix("ml.") for region in regions for name in region["enum"]}
    return {
        "source": f"{_release(moto)}, {MEMORY}, of the types in {_release(cfn_lint)}, {HOSTING}",
        "date": "{:04}-{:02}-{:02}".format(*packed),
        "mebibytes": {
            name: types[name]["MemoryInfo"]["SizeInMiB"] for name in sorted(offered & types.keys())
        },
    }


def _release(wheel: Path) -> str:
    name, version, *_ = wheel.name.split("-")
    return f"{name} {version}"


if __name__ == "__main__":
    moto, cfn_lint, memory = map(Path, sys.argv[1:])
    memory.write_text(json.dumps(table(moto, cfn_lint), indent=1) + "\n")
