"""The table of images, built from a wheel that holds a little of what the SDK's holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import pytest

from scripts.build_images import DATA, table

EVERYWHERE = {"eu-west-1": "111122223333", "us-west-2": "444455556666"}
SOMEWHERE = {"us-west-2": "444455556666"}
IMAGE = {"repository": "torch", "registries": EVERYWHERE, "py_versions": ["py310", "py312"]}
TORCH = {
    "training": {"versions": {"9.9": IMAGE}},
    "inference": {
        "processors": ["cpu", "gpu"],
        "version_aliases": {"2.10": "2.10.0"},
        "versions": {"2.10.0": IMAGE, "2.9.0": IMAGE | {"registries": SOMEWHERE}},
    },
    "inference_graviton": {
        "processors": ["cpu"],
        "versions": {"2.9.0": IMAGE | {"container_version": {"cpu": "ubuntu22.04"}}},
    },
}


def wheel(folder: Path, **data: Any) -> Path:
    """Write a wheel with these data files, in the order given."""
    path = folder / "sagemaker_core-2.0.1-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        archive.writestr("sagemaker/core/__init__.py", "raise RuntimeError('I was imported')")
        for name, content in data.items():
            member = ZipInfo(f"{DATA}{name}.json", (2026, 1, 2, 3, 4, 6))
            archive.writestr(member, json.dumps(content))
    return path


def test_the_table_holds_what_is_for_inference_with_the_accounts_written_once(
    tmp_path: Path,
) -> None:
    built = table(wheel(tmp_path, torch=TORCH, debugger={"scope": ["debugger"], "versions": {}}))
    assert built["source"] == "sagemaker-core 2.0.1, sagemaker/core/image_uri_config"
    assert built["date"] == "2026-01-02"
    assert built["accounts"] == {"444455556666": EVERYWHERE}
    assert built["frameworks"].keys() == {"torch"}
    graviton = "torch:2.9.0-cpu-{}-ubuntu22.04-sagemaker"
    assert built["frameworks"]["torch"]["2.9.0"] == [
        {
            "images": {
                f"{processor} {python}": f"torch:2.9.0-{processor}-{python}"
                for processor in ("cpu", "gpu")
                for python in ("py310", "py312")
            },
            "accounts": "444455556666",
            "without": "eu-west-1",
        },
        {
            "images": {
                f"graviton {python}": graviton.format(python) for python in ("py310", "py312")
            },
            "accounts": "444455556666",
        },
    ]


def test_versions_are_in_the_order_of_their_numbers_whatever_the_order_of_the_data(
    tmp_path: Path,
) -> None:
    other = {"scope": ["inference"], "versions": {"1": IMAGE}}
    one = table(wheel(tmp_path, torch=TORCH, other=other))
    assert list(one["frameworks"]["torch"]) == ["2.9.0", "2.10.0"]
    assert json.dumps(table(wheel(tmp_path, other=other, torch=TORCH))) == json.dumps(one)


def test_two_accounts_of_one_publisher_in_one_region_are_not_mixed_up(tmp_path: Path) -> None:
    moved = {"scope": ["inference"], "versions": {"1": IMAGE | {"registries": dict(EVERYWHERE)}}}
    moved["versions"]["1"]["registries"]["eu-west-1"] = "777788889999"  # type: ignore[index]
    with pytest.raises(ValueError, match="publishes from two accounts"):
        table(wheel(tmp_path, torch=TORCH, moved=moved))
