from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[3]
TABLE = json.loads((ROOT / "catalogue/image_contents.json").read_text())
IMAGES: dict[str, dict[str, Any]] = TABLE["images"]
IMPORTS: dict[str, list[str]] = json.loads(
    (ROOT / "model_artifact/inspection/import_names.json").read_text()
)
FRAMEWORKS = json.loads((ROOT / "catalogue/images.json").read_text())["frameworks"]

GLIBC = {  # by the operating system in a tag
    "ubuntu16.04": "2.23",
    "ubuntu18.04": "2.27",
    "ubuntu20.04": "2.31",
    "ubuntu22.04": "2.35",
    "ubuntu24.04": "2.39",
    "amzn2": "2.26",
    "amzn2023": "2.34",
}
SOURCE = re.compile(r"tag|https://github\.com/aws/[a-z-]+ [\w./-]+ @ ([0-9a-f]{40}|v[\w.-]+)")

# These values were measured, or read in the images themselves.
MEASURED = {
    "sagemaker-scikit-learn:1.2-1-cpu-py3": (
        "3.9",
        {"scikit-learn": "1.2.1", "numpy": "1.24.1"},
    ),
    "sagemaker-scikit-learn:1.4-2-py312-cpu-py3": (
        "3.12",
        {"scikit-learn": "1.4.2", "numpy": "2.1.0"},
    ),
    "sagemaker-scikit-learn:1.9-0-cpu-py3": (
        "3.12",
        {
            "scikit-learn": "1.9.0",
            "numpy": "2.5.1",
            "scipy": "1.18.0",
            "pandas": "2.2.3",
            "pyarrow": "25.0.0",
            "flask": "3.1.3",
            "gunicorn": "26",
        },
    ),
}


def published(framework: str, since: str | None = None) -> set[str]:
    """The images of a framework, from all versions or from one version on."""
    return {
        image
        for version, rows in FRAMEWORKS[framework].items()
        if since is None or release(version) >= Version(since)
        for row in rows
        for image in row["images"].values()
    }


def release(version: str) -> Version:
    """A version of a framework without AWS's suffix: 1.4 for 1.4-2-py312."""
    return Version(version.partition("-")[0])


def starts_with(version: str, beginning: str) -> bool:
    return f"{version}.".startswith(f"{beginning}.")


def test_the_table_has_a_date() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", TABLE["date"])


def test_every_image_is_one_that_aws_publishes() -> None:
    everything = {image for framework in FRAMEWORKS for image in published(framework)}
    assert set(IMAGES) <= everything


def test_an_image_has_what_is_known_of_it_and_nothing_else() -> None:
    for image, contents in IMAGES.items():
        keys = set(contents)
        assert keys >= {"complete", "packages", "source"}, image
        assert keys <= {"python", "glibc", "complete", "packages", "source"}, image
        assert isinstance(contents["complete"], bool), image
        assert contents["packages"] or keys & {"python", "glibc"}, image
        assert re.fullmatch(r"3\.\d+", contents.get("python", "3.0")), image
        assert contents.get("glibc", "2.23") in GLIBC.values(), image


def test_every_image_says_where_its_contents_were_read() -> None:
    for image, contents in IMAGES.items():
        for source in contents["source"].split("; "):
            assert SOURCE.fullmatch(source), (image, source)


def test_packages_have_normalized_names_and_versions() -> None:
    for image, contents in IMAGES.items():
        for name, version in contents["packages"].items():
            assert name == canonicalize_name(name), image
            assert str(Version(version)), (image, name)


def test_the_table_agrees_with_the_tags() -> None:
    for image, contents in IMAGES.items():
        repository, _, tag = image.partition(":")
        framework, *parts = tag.split("-")
        if "sagemaker-" not in repository:  # where py312 belongs to the version, not to Python
            for digits in re.findall(r"-py3(\d+)", tag):
                assert contents["python"] == f"3.{digits}", image
        for part in parts:
            if part in GLIBC:
                assert contents["glibc"] == GLIBC[part], image
        torch = contents["packages"].get("torch")
        if torch:
            assert Version(torch).public == framework, image


@pytest.mark.parametrize(
    ("framework", "package", "since"),
    [("sklearn", "scikit-learn", "0.23"), ("xgboost", "xgboost", "1.0")],
)
def test_every_sklearn_and_xgboost_image_in_use_is_known(
    framework: str, package: str, since: str
) -> None:
    images = published(framework, since) - {"xgboost:1"}  # an algorithm older than the toolkit
    assert len(images) >= 6
    for image in images:
        contents = IMAGES[image]
        assert {"python", "glibc"} <= set(contents), image
        minor = re.match(r"(\d+\.\d+)-", image.partition(":")[2])
        assert minor, image
        assert starts_with(contents["packages"][package], minor[1]), image


@pytest.mark.parametrize(
    "image", ["sagemaker-scikit-learn:1.9-0-cpu-py3", "sagemaker-xgboost:3.2-0"]
)
def test_the_contents_of_the_newest_images_are_known_completely(image: str) -> None:
    contents = IMAGES[image]
    assert contents["complete"]
    assert "uv.lock @ " in contents["source"]
    assert len(contents["packages"]) > 50
    assert {"pip", "numpy", "sagemaker-containers"} <= set(contents["packages"])


def test_a_list_is_complete_only_if_it_comes_from_a_lock() -> None:
    assert [image for image, contents in IMAGES.items() if contents["complete"]] == [
        image for image, contents in IMAGES.items() if "uv.lock" in contents["source"]
    ]


@pytest.mark.parametrize(("image", "measured"), MEASURED.items())
def test_the_table_agrees_with_the_measurements(
    image: str, measured: tuple[str, dict[str, str]]
) -> None:
    python, packages = measured
    assert IMAGES[image]["python"] == python
    for name, version in packages.items():
        assert starts_with(IMAGES[image]["packages"][name], version), name


@pytest.mark.parametrize(
    ("framework", "since", "keys"),
    [
        ("pytorch", "2.0", {"python"}),
        ("tensorflow", "2.12", {"python", "glibc"}),
        ("huggingface", "4", {"python", "glibc"}),
        ("huggingface-neuronx", "0", {"python", "glibc"}),
        ("autogluon", "0", {"python"}),
    ],
)
def test_the_images_that_take_code_are_known_by_their_python(
    framework: str, since: str, keys: set[str]
) -> None:
    images = published(framework, since)
    assert images
    for image in images:
        assert keys <= set(IMAGES[image]), image


def test_pytorch_images_name_their_torch() -> None:
    for image in published("pytorch", "2.0"):
        assert "torch" in IMAGES[image]["packages"], image


def test_an_import_is_listed_where_its_distribution_has_another_name() -> None:
    for name, distributions in IMPORTS.items():
        assert all(part.isidentifier() for part in name.split(".")), name
        assert distributions, name
        assert len(set(distributions)) == len(distributions), name
        assert distributions == [canonicalize_name(each) for each in distributions], name
        assert "." in name or distributions != [canonicalize_name(name)], name
    assert list(IMPORTS) == sorted(IMPORTS)


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("sklearn", "scikit-learn"),
        ("PIL", "pillow"),
        ("cv2", "opencv-python"),
        ("cv2", "opencv-python-headless"),
        ("yaml", "pyyaml"),
        ("dateutil", "python-dateutil"),
        ("google.protobuf", "protobuf"),
        ("skimage", "scikit-image"),
        ("bs4", "beautifulsoup4"),
        ("Crypto", "pycryptodome"),
        ("mms", "multi-model-server"),
        ("tensorflow_serving", "tensorflow-serving-api"),
    ],
)
def test_imports_that_people_know_are_listed(name: str, distribution: str) -> None:
    assert distribution in IMPORTS[name]
