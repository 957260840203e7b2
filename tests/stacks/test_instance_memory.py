from __future__ import annotations

from pathlib import Path

import pytest

from stacks.instance_memory import memory_bytes
from tests.stacks.edited import DEV, load

GIB = 1024**3


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        ("ml.t2.medium", 4 * GIB),
        ("ml.m5.large", 8 * GIB),
        ("ml.g5.xlarge", 16 * GIB),
        ("ml.p4d.24xlarge", 1152 * GIB),
        ("ml.m99.large", None),
    ],
)
def test_the_table_knows_the_memory_of_the_types_it_has(
    instance_type: str, expected: int | None
) -> None:
    assert memory_bytes(instance_type) == expected


@pytest.mark.parametrize(
    ("second", "expected"),
    [("ml.m5.xlarge", 8 * GIB), ("ml.c5.large", 4 * GIB), ("ml.m99.large", None)],
)
def test_a_model_has_the_memory_of_the_smallest_instance_that_runs_it(
    tmp_path: Path, second: str, expected: int | None
) -> None:
    variant = DEV[DEV.index("[[endpoint.variants]]") : DEV.index("[endpoint.variants.scaling]")]
    scaling = DEV[DEV.index("[endpoint.variants.scaling]") :]
    other = variant.replace("AllTraffic", "Other").replace("ml.m5.large", second)
    assert load(tmp_path).memory_bytes() == 8 * GIB
    assert load(tmp_path, (scaling, other)).memory_bytes() == expected
