from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalogue import instance_types
from catalogue.instance_types import (
    accelerators,
    cpu_cores,
    instance_type_problem,
    memory_bytes,
    offered,
)
from tests.settings.edited import DEV, FRAMEWORK, OWN_IMAGE, load

GIB = 1024**3
TABLE = Path(instance_types.__file__).with_name("instance_types.json")


@pytest.mark.parametrize(
    ("instance_type", "memory", "cores", "chips"),
    [
        ("ml.t2.medium", 4 * GIB, 2, 0),
        ("ml.m5.large", 8 * GIB, 2, 0),
        ("ml.g5.xlarge", 16 * GIB, 4, 1),
        ("ml.p4d.24xlarge", 1152 * GIB, 96, 8),
        ("ml.inf1.6xlarge", 48 * GIB, 24, 4),
        ("ml.trn1.32xlarge", 512 * GIB, 128, 16),
        ("ml.m8g.large", 8 * GIB, 2, 0),
        ("ml.m99.large", None, None, None),
    ],
)
def test_the_table_knows_what_the_types_it_has_are_made_of(
    instance_type: str, memory: int | None, cores: int | None, chips: int | None
) -> None:
    assert memory_bytes(instance_type) == memory
    assert cpu_cores(instance_type) == cores
    assert accelerators(instance_type) == chips


@pytest.mark.parametrize(
    ("second", "expected"),
    [("ml.m5.xlarge", 8 * GIB), ("ml.c5.large", 4 * GIB), ("ml.p2.xlarge", None)],
)
def test_a_model_has_the_memory_of_the_smallest_instance_that_runs_it(
    tmp_path: Path, second: str, expected: int | None
) -> None:
    variant = DEV[DEV.index("[[endpoint.variants]]") : DEV.index("[endpoint.variants.scaling]")]
    scaling = DEV[DEV.index("[endpoint.variants.scaling]") :]
    other = variant.replace("AllTraffic", "Other").replace("ml.m5.large", second)
    own = (FRAMEWORK, f'image = "{OWN_IMAGE}:1"')
    assert load(tmp_path, own).memory_bytes() == 8 * GIB
    assert load(tmp_path, own, (scaling, other)).memory_bytes() == expected


def test_a_region_offers_what_its_list_has_and_one_without_a_list_is_not_known() -> None:
    ireland, paris = offered("eu-west-1"), offered("eu-west-3")
    assert ireland is not None
    assert paris is not None
    assert "ml.g5.xlarge" in ireland - paris
    assert "ml.m5.large" in ireland & paris
    assert offered("eu-nowhere-1") is None


@pytest.mark.parametrize(
    ("instance_type", "region", "suggested"),
    [
        ("ml.m5.medium", "eu-west-1", "ml.m5.large, ml.m5.xlarge or ml.m5.2xlarge"),
        ("ml.p4dn.24xlarge", "us-east-1", "ml.p4d.24xlarge, ml.p4de.24xlarge or ml.g5.24xlarge"),
        # Paris has no g5.
        ("ml.g5.3xlarge", "eu-west-3", "ml.g6.xlarge, ml.g6.2xlarge or ml.g6.4xlarge"),
        ("ml.g5.3xlarge", "eu-nowhere-1", "ml.g5.xlarge, ml.g5.2xlarge or ml.g5.4xlarge"),
        ("m5.large", "eu-west-1", "ml.m5.large, ml.m5.xlarge or ml.m5.2xlarge"),
    ],
)
def test_an_unknown_type_is_refused_with_the_nearest_types_that_the_region_has(
    instance_type: str, region: str, suggested: str
) -> None:
    assert instance_type_problem(instance_type, region) == (
        "SageMaker hosting does not have this instance type",
        f"did you mean {suggested}?",
    )


@pytest.mark.parametrize(
    ("instance_type", "region", "suggested"),
    [
        # The family's other sizes,
        ("ml.c6g.medium", "eu-west-1", "ml.c6g.large, ml.c6g.xlarge or ml.c6g.2xlarge"),
        # and where there is none of it, the size in others with such a processor.
        ("ml.g5.xlarge", "eu-west-3", "ml.g6.xlarge, ml.g4dn.xlarge or ml.g6.2xlarge"),
        ("ml.r6i.xlarge", "af-south-1", "ml.r5.xlarge, ml.r5d.xlarge or ml.m5.xlarge"),
        ("ml.m7g.large", "eu-west-1", "ml.m6g.large, ml.m6gd.large or ml.c7g.large"),
    ],
)
def test_a_type_that_a_region_lacks_is_refused_with_the_nearest_types_that_it_has(
    instance_type: str, region: str, suggested: str
) -> None:
    there = offered(region)
    assert there is not None
    assert there.issuperset(suggested.replace(" or ", ", ").split(", "))
    assert instance_type_problem(instance_type, region) == (
        f"SageMaker hosting does not offer it in {region} (catalogue/instance_types.json)",
        f"choose one that {region} has, such as {suggested}",
    )


@pytest.mark.parametrize(
    ("instance_type", "region"),
    [
        ("ml.m5.large", "eu-central-1"),
        ("ml.t3.large", "ap-northeast-3"),  # which the API's enumeration has not
        ("ml.p5e.48xlarge", "eu-central-1"),  # which no region's list has
        ("ml.g5.xlarge", "eu-nowhere-1"),
    ],
)
def test_what_is_not_known_to_be_missing_is_not_refused(instance_type: str, region: str) -> None:
    assert instance_type_problem(instance_type, region) is None


def test_the_table_stays_small_and_says_where_it_is_from() -> None:
    table = json.loads(TABLE.read_text())
    assert TABLE.stat().st_size < 60_000
    assert [source.split()[0] for source in table["source"].split(", ")] == [
        "moto",
        "cfn_lint",
        "botocore",
    ]
