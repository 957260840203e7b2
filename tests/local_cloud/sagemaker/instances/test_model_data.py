from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.sagemaker.instances.model_data import Source, StartFailure, download
from tests.local_cloud.sagemaker.cloud import Cloud, source

LISTING = """
import pathlib
def model_fn(d):
    found = sorted(path for path in pathlib.Path(d).rglob("*") if path.is_file())
    return {str(path.relative_to(d)): path.stat().st_size for path in found}
def transform_fn(m, body, *_):
    return m
"""


class Bucket:
    """An S3 with these objects, two a page, as a boto3 client shows it."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def get_object(self, **request: Any) -> Any:
        return {"Body": io.BytesIO(self.objects[request["Key"]])}

    def get_paginator(self, name: str) -> Any:
        assert name == "list_objects_v2"
        return self

    def paginate(self, **request: Any) -> Any:
        keys = sorted(key for key in self.objects if key.startswith(request["Prefix"]))
        return [
            {"Contents": [{"Key": key} for key in keys[start : start + 2]]}
            for start in range(0, len(keys), 2)
        ] or [{}]


def downloaded(objects: dict[str, bytes], source: Source, folder: Path) -> dict[str, bytes]:
    asyncio.run(download(Bucket(objects), source, folder, 20))
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_objects_below_a_prefix_are_an_instance_s_model_dir(cloud: Cloud) -> None:
    more = {f"weights/{size}": size for size in (0, 1, 2_000_000)}
    cloud.upload("unpacked/code/inference.py", LISTING.encode())
    for name, size in more.items():
        cloud.upload(f"unpacked/{name}", b"x" * size)
    cloud.upload("unpacked-not/other", b"")
    cloud.model("m", **source("s3://models/unpacked/", "S3Prefix", "None"))
    cloud.config("c", {"ModelName": "m", "InitialInstanceCount": 2})
    cloud.api.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert cloud.settled("e")["EndpointStatus"] == "InService"
    assert json.loads(cloud.ask("e")) == {"code/inference.py": len(LISTING), **more}
    assert len(list(cloud.home.glob("model-data/*"))) == 1
    assert len(list(cloud.home.glob("instances/*/opt/ml/model/weights/1"))) == 2
    cloud.api.delete_endpoint(EndpointName="e")
    cloud.gone("e")
    assert not list(cloud.home.glob("model-data/*"))


def test_an_instance_that_joins_later_has_the_files_of_the_others(cloud: Cloud) -> None:
    cloud.upload("changing/code/inference.py", LISTING.encode())
    cloud.upload("changing/weights", b"old")
    cloud.model("m", **source("s3://models/changing/", "S3Prefix", "None"))
    cloud.config("c", {"ModelName": "m"})
    cloud.api.create_endpoint(EndpointName="e", EndpointConfigName="c")
    cloud.settled("e")
    cloud.upload("changing/weights", b"newer")
    cloud.api.update_endpoint_weights_and_capacities(
        EndpointName="e",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}],
    )
    cloud.settled("e")
    files = cloud.home.glob("instances/*/opt/ml/model/weights")
    assert [file.read_text() for file in files] == ["old", "old"]


@pytest.mark.parametrize("data_type", ["S3Prefix", "S3Object"])
def test_model_data_that_is_not_there_says_so_in_aws_s_words(cloud: Cloud, data_type: str) -> None:
    url = "s3://models/nowhere/" + ("x" if data_type == "S3Object" else "")
    cloud.model("m", **source(url, data_type, "None"))
    cloud.config("c", {"ModelName": "m"})
    cloud.api.create_endpoint(EndpointName="e", EndpointConfigName="c")
    reason = cloud.settled("e")["FailureReason"]
    assert reason.startswith(
        f'Failed to download model data for container "primary" from URL: "{url}". '
        "Please ensure that there is an object located at the URL"
    )
    assert not list(cloud.home.glob("model-data/*"))


def test_keys_are_trimmed_by_the_prefix_and_a_single_object_keeps_its_last_part(
    tmp_path: Path,
) -> None:
    objects = {"a/b/one": b"1", "a/b/c/two": b"2", "a/b/c/d/three": b"3", "a/bc": b"-"}
    prefix = Source("s3://bucket/a/b/", is_prefix=True, is_archive=False)
    assert downloaded(objects, prefix, tmp_path / "prefix") == {
        "one": b"1",
        "c/two": b"2",
        "c/d/three": b"3",
    }
    single = Source("s3://bucket/a/b/c/two", is_archive=False)
    assert downloaded(objects, single, tmp_path / "single") == {"two": b"2"}
    whole = Source("s3://bucket/", is_prefix=True, is_archive=False)
    assert downloaded(objects, whole, tmp_path / "whole").keys() == objects.keys()


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["../evil"], "has the part '..' in"),
        (["a/../../evil"], "has the part '..' in"),
        (["./a"], "has the part '.' in"),
        (["/etc/evil"], "has the part '' in"),
        (["a//b"], "has the part '' in"),
        (["a/ /b"], "has the part ' ' in"),
        (["folder/"], "has the part '' in"),
        ([""], "has the part '' in"),
        (["a\0b"], "has the part 'a\\x00b' in"),
        (["ü" * 128], "a part of over 255 bytes"),
        (
            ["weights", "weights/part1"],
            "the object 'weights' below this URL would be both a file and a folder",
        ),
    ],
)
def test_a_key_that_cannot_be_a_file_fails_and_nothing_is_written(
    tmp_path: Path, names: list[str], reason: str
) -> None:
    objects = {f"p/{name}": b"x" for name in ["good", *names]}
    prefix = Source("s3://bucket/p/", is_prefix=True, is_archive=False)
    with pytest.raises(StartFailure) as caught:
        downloaded(objects, prefix, tmp_path / "in" / "out")
    assert reason in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


names = st.lists(st.sampled_from(["a", "b", "..", ".", "", "ü", " "]), min_size=1, max_size=4)


@given(st.sets(names.map("/".join), min_size=1, max_size=4))
def test_whatever_the_keys_all_or_nothing_is_written_inside_the_folder(
    tmp_path_factory: pytest.TempPathFactory, chosen: set[str]
) -> None:
    base = tmp_path_factory.mktemp("keys")
    objects = {f"p/{name}": name.encode() for name in chosen}
    prefix = Source("s3://bucket/p/", is_prefix=True, is_archive=False)
    try:
        written = downloaded(objects, prefix, base / "in" / "out")
    except StartFailure:
        assert not [path for path in base.rglob("*") if path.is_file()]
    else:
        assert written == {name: name.encode() for name in chosen}
        assert {path.name for path in base.iterdir()} == {"in"}
