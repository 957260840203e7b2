"""Compare catalogue/images.py with the SageMaker SDK's own resolver: `make images-compare`.

This asks both for every framework, version, base framework, Python, region and kind of instance
that the SDK's data knows. It writes the counts, and the SDK's answer for one region of every image,
to tests/catalogue/sagemaker_core.json. It fails if the two differ without a reason given here.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version as version_of
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from sagemaker.core import common_utils, image_uris

from catalogue.images import ImageError, image_uri, is_graviton, published

RECORD = Path(__file__).parents[1] / "tests" / "catalogue" / "sagemaker_core.json"
INSTANCE_TYPES = (
    "ml.m5.large",
    "ml.g5.xlarge",
    "ml.p4d.24xlarge",
    "ml.c7g.large",
    "ml.m8g.large",
    "ml.inf1.xlarge",
    "ml.inf2.xlarge",
    "ml.trn1.2xlarge",
)
# To the SDK these frameworks are huggingface with a tool.
TOOLS = {"huggingface-neuron": "neuron", "huggingface-neuronx": "neuronx"}


class Question(NamedTuple):
    """What both resolvers are asked."""

    framework: str
    version: str
    region: str
    instance_type: str
    py_version: str | None
    base_framework_version: str | None


def questions() -> Iterator[Question]:
    """Yield every combination of what the SDK's data names."""
    for framework in image_uris.list_frameworks():
        config = image_uris.config_for_framework(framework)
        scopes = [config] if "inference" in config.get("scope", []) else []
        scopes += [config[name] for name in ("inference", "inference_graviton") if name in config]
        asked: set[Question] = set()
        for scope in scopes:
            for version, described in scope["versions"].items():
                for base, pythons, regions in _entries(framework, described):
                    for python, region, instance_type in product(pythons, regions, INSTANCE_TYPES):
                        asked.add(Question(framework, version, region, instance_type, python, base))
        yield from sorted(asked, key=str)


def _entries(
    framework: str, described: dict[str, Any]
) -> Iterator[tuple[str | None, list[str | None], list[str]]]:
    if "registries" in described:
        yield None, [None, *described.get("py_versions", [])], list(described["registries"])
        return
    for key, entry in described.items():
        if "registries" not in entry:
            continue
        regions = list(entry["registries"])
        if framework.startswith("huggingface"):
            yield key, [None, *entry["py_versions"]], regions
        else:
            yield None, [None, key], regions


def theirs(question: Question) -> str | None:
    """Return the SDK's answer, or None if it has none."""
    tool = TOOLS.get(question.framework)
    try:
        uri: str = image_uris.retrieve(
            "huggingface" if tool else question.framework,
            question.region,
            version=question.version,
            py_version=question.py_version,
            instance_type=question.instance_type,
            image_scope="inference",
            base_framework_version=question.base_framework_version,
            inference_tool=tool,
        )
    except (ValueError, KeyError, TypeError):  # refusals, and defects of the SDK
        return None
    return uri


def ours(question: Question) -> str | None:
    """Return Slipway's answer, or None if it has none."""
    framework, version, region, instance_type, python, base = question
    try:
        return image_uri(
            framework,
            version,
            region,
            instance_type,
            py_version=python,
            base_framework_version=base,
        )
    except ImageError:
        return None


def verdict(question: Question, mine: str | None, sdk: str | None) -> str:
    """Say how two answers compare; "different" must not occur."""
    if mine == sdk:
        return "both refuse" if mine is None else "equal"
    unfit = _unfit(question, sdk) if sdk else "the SDK refuses"
    if mine and unfit:
        same = any(theirs(narrower) == mine for narrower in _narrower(question))
        return "equal, where the SDK is asked for precisely what there is" if same else "different"
    return unfit or "different"


def _narrower(question: Question) -> Iterator[Question]:
    """Yield more precise questions, to which the SDK should know the answer.

    For some images the SDK knows no Graviton after c7g, no Inferentia and no Trainium. It needs the
    full version, and the Python even where a region has only one.
    """
    framework, version, region, instance_type, *_ = question
    for image, family in product(
        published(framework, version, region, instance_type),
        (instance_type, "ml.c7g.large", "ml.m5.large", "ml.inf2.xlarge", "ml_neuronx"),
    ):
        python = image.py_version or None
        yield question._replace(version=image.version, instance_type=family, py_version=python)


def _unfit(question: Question, uri: str) -> str | None:
    """Say why the SDK should not have answered this."""
    family = question.instance_type.split(".")[1]
    if is_graviton(question.instance_type) and not re.search("graviton|arm64", uri):
        return "the SDK answers an x86 image for a Graviton instance"
    if "arm64" in uri and not is_graviton(question.instance_type):
        return "the SDK answers a Graviton image for another instance"
    if "-training" in uri:
        return "the SDK answers a training image"
    if re.search(r"-cu\d", uri) and family[0] not in "gp":
        return "the SDK answers a CUDA image for an instance without a GPU"
    if question.framework == "huggingface" and "-neuron:" in uri:
        return "the SDK answers the image of huggingface-neuron"
    if "neuronx" in uri and family not in ("inf2", "trn1"):
        return "the SDK answers a NeuronX image for an instance without that chip"
    if question.framework == "sklearn" and question.version not in uri:
        return "the SDK answers another version"
    if question.py_version and theirs(question._replace(py_version=None)) == uri:
        return "the SDK overlooks the Python that was asked for"
    return None


def main() -> int:
    """Compare, record, and say how many combinations were compared."""
    # Both read files on every call; for 200,000 calls, read each file only once.
    image_uris.config_for_framework = cache(image_uris.config_for_framework)
    common_utils._botocore_resolver = cache(common_utils._botocore_resolver)  # noqa: SLF001
    verdicts: Counter[str] = Counter()
    samples: dict[str, list[Question]] = {}
    for question in questions():
        mine, sdk = ours(question), theirs(question)
        found = verdict(question, mine, sdk)
        verdicts[found] += 1
        if found == "different":
            print(*question, mine, sdk, file=sys.stderr)
        if found == "equal" and sdk:
            samples.setdefault(sdk.partition("/")[2], []).append(question)
    record = {
        "source": f"sagemaker-core {version_of('sagemaker-core')}",
        "combinations": verdicts.total(),
        "differences": verdicts["different"],
        "verdicts": dict(sorted(verdicts.items())),
        # Each image once; the region differs from image to image.
        "sample": {
            " ".join(part or "-" for part in question): theirs(question)
            for at, asked in enumerate(samples.values())
            for question in [asked[at * 31 % len(asked)]]
        },
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    counts = {key: value for key, value in record.items() if key != "sample"}
    print(json.dumps(counts, indent=1))
    return 1 if verdicts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
