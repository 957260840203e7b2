"""Write catalogue/images.json from the data of the SageMaker SDK: `make images`.

The wheel of sagemaker-core is read as a zip file; nothing in it is installed or run. Its JSON says
which images AWS publishes. Only its code, sagemaker/core/image_uris.py, says how a tag is made:
this script repeats the part of that code that concerns inference.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import botocore.loaders

DATA = "sagemaker/core/image_uri_config/"
SCOPES = ("inference", "inference_graviton")
HUGGING_FACE = {"huggingface": "", "huggingface-neuron": "neuron", "huggingface-neuronx": "neuronx"}
# On ml.p4d, which needs CUDA 11, the first releases of 2020 have an image of their own.
P4D = {
    "tensorflow:2.3.1-gpu-py37": "cu110-ubuntu18.04",
    "tensorflow:2.3.2-gpu-py37": "cu110-ubuntu18.04",
    "tensorflow:1.15.4-gpu-py37": "cu110-ubuntu18.04",
    "tensorflow:1.15.5-gpu-py37": "cu110-ubuntu18.04",
    "mxnet:1.8.0-gpu-py37": "cu110-ubuntu16.04",
    "pytorch:1.6.0-gpu-py36": "cu110-ubuntu18.04",
    "pytorch:1.6.0-gpu-py3": "cu110-ubuntu18.04",
}

Json = dict[str, Any]


def table(wheel: Path) -> Json:
    """Return what images.json holds: shared accounts, and each version's regions and images."""
    _, version, *_ = wheel.name.split("-")
    with ZipFile(wheel) as archive:
        members = [m for m in archive.infolist() if m.filename.startswith(DATA)]
        data = {Path(m.filename).stem: json.loads(archive.read(m)) for m in members}
    packed = max(member.date_time for member in members)
    published = {name: _versions(name, data[name]) for name in sorted(data)}
    entries = [e for versions in published.values() for v in versions.values() for e in v]
    accounts: dict[str, dict[str, str]] = {}
    for entry in entries:
        _share(entry, accounts)
    for entry in entries:
        missing = accounts[entry["accounts"]].keys() - entry.pop("regions")
        if missing:
            entry["without"] = " ".join(sorted(missing))
    return {
        "source": f"sagemaker-core {version}, {DATA.rstrip('/')}",
        "date": "{:04}-{:02}-{:02}".format(*packed),
        "domains": _domains({region for group in accounts.values() for region in group}),
        "accounts": {name: dict(sorted(accounts[name].items())) for name in sorted(accounts)},
        "frameworks": {name: versions for name, versions in published.items() if versions},
    }


def _versions(framework: str, config: Json) -> dict[str, list[Json]]:
    """Return a list of entries for each version; the images of an entry share their accounts."""
    scopes = [config] if "inference" in config.get("scope", []) else []
    scopes += [config[name] | {"scope": name} for name in SCOPES if name in config]
    versions: dict[str, list[Json]] = {}
    for scope in scopes:
        for version, described in scope["versions"].items():
            for qualifier, entry in _entries(described):
                images = dict(_images(framework, version, qualifier, scope, entry))
                versions.setdefault(version, []).append(
                    {"registries": entry["registries"], "images": images}
                )
    return dict(sorted(versions.items(), key=lambda item: _numbers(item[0])))


def _entries(described: Json) -> Iterator[tuple[str, Json]]:
    """Yield a version's one entry, or one for each framework or Python beneath it."""
    if "registries" in described:
        yield "", described
    else:
        for qualifier, entry in described.items():
            if "registries" in entry:
                yield qualifier, entry


def _images(
    framework: str, version: str, qualifier: str, scope: Json, entry: Json
) -> Iterator[tuple[str, str]]:
    """Yield "PROCESSOR PYTHON BASE" and "REPOSITORY:TAG" of each image."""
    base = qualifier if framework in HUGGING_FACE else ""
    pythons = entry.get("py_versions") or [qualifier if qualifier != base else ""]
    repository = entry["repository"]
    for processor in scope.get("processors") or entry.get("processors") or [""]:
        for python in pythons:
            tag = _tag(framework, version, base, scope, entry, processor, python)
            kind = _processor(processor, framework, tag, scope)
            yield " ".join(filter(None, (kind, python, base))), f"{repository}:{tag}"
            if suffix := P4D.get(f"{framework}:{tag}"):
                yield f"p4d {python}", f"{repository}:{tag}-{suffix}"


def _tag(
    framework: str, version: str, base: str, scope: Json, entry: Json, processor: str, python: str
) -> str:
    prefix = entry.get("tag_prefix", version)
    container = entry.get("container_version", {}).get(processor, "")
    in_tag = processor if entry.get("processor_in_tag", True) else ""
    if base:
        prefix = f"{base.lstrip('abcdefghijklmnopqrstuvwxyz')}-transformers{version}"
        in_tag = HUGGING_FACE[framework] or in_tag
    if "sdk_versions" in entry:
        container = f"{max(entry['sdk_versions'])}-{container}"
    if scope["scope"] == "inference_graviton":
        if container:
            container = f"{container}-sagemaker"
        else:
            prefix = f"{prefix}-arm64"
    if framework == "sagemaker-tritonserver" and processor == "gpu":
        in_tag = ""
    return "-".join(filter(None, (prefix, in_tag, python, container)))


def _processor(processor: str, framework: str, tag: str, scope: Json) -> str:
    """Name an image's kind of processor, also where only its name or its tag says it."""
    if scope["scope"] == "inference_graviton" or framework.endswith("-arm64"):
        return "graviton"
    if processor:
        return processor
    if "neuronx" in tag:
        return "neuronx"
    return "gpu" if re.search(r"-cu\d", tag) else "any"


def _share(entry: Json, accounts: dict[str, dict[str, str]]) -> None:
    """Move an entry's registries to its publisher, known by the account in us-west-2."""
    registries = entry.pop("registries")
    publisher = registries["us-west-2"]
    shared = accounts.setdefault(publisher, {})
    if any(shared.get(region, account) != account for region, account in registries.items()):
        raise ValueError(f"{publisher} publishes from two accounts of one region: {registries}")
    shared |= registries
    entry |= {"accounts": publisher, "regions": registries.keys()}


def _domains(regions: set[str]) -> dict[str, str]:
    """Return the registries' domain of each region that has another one than amazonaws.com."""
    partitions = botocore.loaders.Loader().load_data("endpoints")["partitions"]
    return {
        region: partition["dnsSuffix"]
        for region in sorted(regions)
        for partition in partitions
        if re.match(partition["regionRegex"], region) and partition["dnsSuffix"] != "amazonaws.com"
    }


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


if __name__ == "__main__":
    wheel, images = map(Path, sys.argv[1:])
    images.write_text(json.dumps(table(wheel), indent=1) + "\n")
