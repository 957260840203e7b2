from __future__ import annotations

import json
import re
from pathlib import Path

import botocore.loaders
import pytest

from stacks import images
from stacks.images import UnknownImageError, image_uri

TABLE = json.loads(Path(images.__file__).with_name("images.json").read_text())
SKLEARN = TABLE["frameworks"]["sklearn"]


def test_the_table_says_where_it_is_from_and_when() -> None:
    assert re.match(r"sagemaker-core \d+\.\d+\.\d+", TABLE["source"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", TABLE["date"])


def test_every_region_that_aws_publishes_scikit_learn_in_is_there() -> None:
    assert len(SKLEARN["registries"]) == 37


@pytest.mark.parametrize(
    ("version", "region", "registry", "tag"),
    [
        ("1.9-0", "eu-west-1", "141502667606.dkr.ecr.eu-west-1.amazonaws.com", "1.9-0-cpu-py3"),
        ("1.2-1", "us-east-1", "683313688378.dkr.ecr.us-east-1.amazonaws.com", "1.2-1-cpu-py3"),
        (
            "1.4-2-py312",
            "cn-north-1",
            "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "1.4-2-py312-cpu-py3",
        ),
    ],
)
def test_the_uri_is_the_one_that_aws_documents(
    version: str, region: str, registry: str, tag: str
) -> None:
    assert image_uri("sklearn", version, region) == f"{registry}/sagemaker-scikit-learn:{tag}"


@pytest.mark.parametrize("region", SKLEARN["registries"])
def test_a_registry_lies_in_its_region_under_its_partitions_domain(region: str) -> None:
    partitions = botocore.loaders.Loader().load_data("endpoints")["partitions"]
    (suffix,) = {p["dnsSuffix"] for p in partitions if re.match(p["regionRegex"], region)}
    assert re.fullmatch(
        rf"\d{{12}}\.dkr\.ecr\.{region}\.{re.escape(suffix)}", SKLEARN["registries"][region]
    )


@pytest.mark.parametrize(
    ("framework", "version", "region", "said"),
    [
        ("scikit", "1.9-0", "eu-west-1", "no framework 'scikit'; there is sklearn"),
        ("sklearn", "1.9.0", "eu-west-1", "there is 1.9-0, "),
        ("sklearn", "1.9-0", "eu-west-9", "there is eu-west-3"),
    ],
)
def test_an_image_that_is_not_there_lists_those_that_are_nearest_first(
    framework: str, version: str, region: str, said: str
) -> None:
    with pytest.raises(UnknownImageError, match=said):
        image_uri(framework, version, region)
