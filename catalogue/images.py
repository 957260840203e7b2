"""The container images that AWS publishes, by framework, version, region and instance type.

The table is images.json. `make images` writes it, with its source and date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

ECR_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/"
    r"(?P<repository>[a-z0-9][a-z0-9._/-]*)(?::[\w.-]+|@sha256:[0-9a-f]{64})"
)
"""The URI of an image in Amazon ECR, with its tag or digest."""

# Graviton is a "g" in what follows the generation: m8g, c6gn, r7gd, but not g5, g6e or gr6.
_GRAVITON = re.compile(r"[a-z]+\d+[a-z]*g[a-z]*")
_LISTED = 12


class ImageError(ValueError):
    """AWS does not publish this image, or publishes several; the fix lists what exists."""

    def __init__(self, setting: str, why: str, fix: str) -> None:
        super().__init__(f"{why}; {fix}")
        self.setting = setting
        """The argument to change."""
        self.why = why
        self.fix = fix


@dataclass(frozen=True)
class Image:
    """One image of a framework."""

    version: str
    processor: str
    """cpu, gpu, graviton, inf, neuronx, any, or the one family of instances that it is for."""
    py_version: str
    """Such as "py312"; empty where there is no choice, like base_framework_version."""
    base_framework_version: str
    name: str
    """The repository and the tag."""
    accounts: Mapping[str, str]
    """The account that has the image, by region."""


def frameworks() -> list[str]:
    """Return the frameworks that AWS publishes inference images for."""
    return list(_table()["frameworks"])


def image_uri(
    framework: str,
    version: str,
    region: str,
    instance_type: str,
    *,
    py_version: str | None = None,
    base_framework_version: str | None = None,
) -> str:
    """Return the URI of the inference image, such as
    "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3".

    The beginning of a version, such as "2.6", means the newest version that begins with it and runs
    on the instance type. Raises ImageError.
    """
    found = published(framework, version, region, instance_type)
    what = f"{framework} {found[0].version}"
    found = _only("base_framework_version", base_framework_version, what, found)
    found = _only("py_version", py_version, what, found)
    image = min(found, key=lambda image: _processors(instance_type).index(image.processor))
    domain = _table()["domains"].get(region, "amazonaws.com")
    return f"{image.accounts[region]}.dkr.ecr.{region}.{domain}/{image.name}"


def published(
    framework: str, version: str, region: str, instance_type: str | None = None
) -> Sequence[Image]:
    """Return the images of the version that is meant, at least one.

    With an instance type, only images that run on it. Raises ImageError.
    """
    images, what = _images(framework), framework
    if instance_type is not None:
        processors = _processors(instance_type)
        fitting = [image for image in images if image.processor in processors]
        if not fitting:
            there = sorted({image.processor for image in images})
            why = f"AWS publishes no {framework} image for {processors[1]}"
            raise _missing("instance_type", why, there, "choose an instance type for")
        if len(fitting) < len(images):
            what = f"{framework} ({processors[1]})"
        images = fitting
    regions = {region for image in images for region in image.accounts}
    if region not in regions:
        why = f"AWS publishes no {what} images in {region}"
        raise _missing("region", why, _nearest(region, regions), "change region to")
    images = [image for image in images if region in image.accounts]
    versions = sorted({image.version for image in images}, key=_numbers, reverse=True)
    meant = [name for name in versions if name.startswith((f"{version}.", f"{version}-"))]
    if version in versions:
        meant = [version]
    if not meant:
        nearest = sorted(versions, key=lambda name: _shared(name, version), reverse=True)
        raise _missing("version", f"{what} has no version {version!r}", nearest)
    return [image for image in images if image.version == meant[0]]


CODE_SUBMITTED = frozenset({"sklearn", "xgboost"})
"""Frameworks whose toolkit only looks for the script in SAGEMAKER_SUBMIT_DIRECTORY."""


def serving_environment(framework: str, region: str, *, script: bool = True) -> dict[str, str]:
    """Return the variables by which a framework's container finds and runs code/inference.py.

    Without a script the container serves the model's files by itself.

    The toolkit of scikit-learn and XGBoost takes the script's folder from
    SAGEMAKER_SUBMIT_DIRECTORY only, and installs the folder with pip, which without
    PIP_NO_BUILD_ISOLATION=0 wants an index (https://github.com/aws/sagemaker-scikit-learn-container).
    The others look into /opt/ml/model/code (https://github.com/aws/sagemaker-inference-toolkit).
    """
    common = {"SAGEMAKER_REGION": region, "SAGEMAKER_CONTAINER_LOG_LEVEL": "20"}
    if not script:
        return common
    if framework in CODE_SUBMITTED:
        return {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            **common,
            "PIP_NO_BUILD_ISOLATION": "0",
        }
    return {"SAGEMAKER_PROGRAM": "inference.py", **common}


def is_graviton(instance_type: str) -> bool:
    """Return whether an instance type has an ARM processor from AWS."""
    return bool(_GRAVITON.fullmatch(_family(instance_type)))


def _processors(instance_type: str) -> tuple[str, ...]:
    """Return the processors whose images run on an instance type, the most specific first."""
    family = _family(instance_type)
    if is_graviton(instance_type):
        return (family, "graviton")
    if "-gb" in family:  # an ARM processor of NVIDIA's, p6e-gb200: AWS publishes nothing for it
        return (family, "gb")
    if family.startswith("trn"):
        return (family, "trn", "neuronx")
    if family.startswith("inf"):
        return (family, "inf", "any") if family == "inf1" else (family, "inf", "neuronx", "any")
    return (family, "gpu" if family[0] in "gp" else "cpu", "any")


def _family(instance_type: str) -> str:
    return instance_type.split(".")[1]


def _only(setting: str, wanted: str | None, what: str, images: Sequence[Image]) -> Sequence[Image]:
    """Return the images with a value of an attribute; None if all images have the same value."""
    there = sorted({getattr(image, setting) for image in images}, key=_numbers, reverse=True)
    if wanted is None:
        if len(there) > 1:
            fix = f"set {setting} to one of {', '.join(there)}"
            raise ImageError(setting, f"{what} has several images", fix)
        return images
    if wanted not in there:
        if there == [""]:
            raise ImageError(setting, f"{what} has no {setting} to choose", "remove it")
        raise _missing(setting, f"{what} has no {setting} {wanted!r}", _nearest(wanted, there))
    return [image for image in images if getattr(image, setting) == wanted]


def _missing(
    setting: str, why: str, available: Sequence[str], choose: str = "choose"
) -> ImageError:
    listed = ", ".join(available[:_LISTED])
    if len(available) > _LISTED:
        listed += f" and {len(available) - _LISTED} more (catalogue/images.json)"
    return ImageError(setting, why, f"{choose} one of {listed}")


def _nearest(wanted: str, available: set[str] | Sequence[str]) -> list[str]:
    ordered = sorted(available)
    return get_close_matches(wanted, ordered, n=len(ordered), cutoff=0)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _shared(version: str, other: str) -> int:
    """Return how many leading numbers two versions have in common."""
    pairs = list(zip(_numbers(version), _numbers(other), strict=False))
    return next((at for at, (one, two) in enumerate(pairs) if one != two), len(pairs))


@cache
def _images(framework: str) -> Sequence[Image]:
    table = _table()
    if framework not in table["frameworks"]:
        why = f"AWS publishes no images for a framework {framework!r}"
        raise _missing("framework", why, _nearest(framework, frameworks()))
    return [
        Image(version, *_kind(kind), name, _accounts(entry["accounts"], entry.get("without", "")))
        for version, entries in table["frameworks"][framework].items()
        for entry in entries
        for kind, name in entry["images"].items()
    ]


def _kind(kind: str) -> tuple[str, str, str]:
    """Take "PROCESSOR [PYTHON [BASE]]" apart."""
    processor, python, base, *_ = [*kind.split(), "", ""]
    return processor, python, base


@cache
def _accounts(publisher: str, without: str) -> Mapping[str, str]:
    excluded = without.split()
    accounts: dict[str, str] = _table()["accounts"][publisher]
    return {region: account for region, account in accounts.items() if region not in excluded}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name("images.json").read_text())
    return table
