from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import botocore.loaders
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue import images
from catalogue.images import ECR_IMAGE, ImageError, frameworks, image_uri, serving_environment

TABLE = json.loads(Path(images.__file__).with_name("images.json").read_text())
# What `make images-compare` found: counts, and the SDK's own answer for each of its images.
COMPARED = json.loads(Path(__file__).with_name("sagemaker_core.json").read_text())


def tag(framework: str, version: str, instance_type: str, **choices: str) -> str:
    uri = image_uri(framework, version, "eu-west-1", instance_type, **choices)
    return uri.partition("/")[2]


def refusal(
    framework: str, version: str, region: str, instance_type: str, **choices: str
) -> ImageError:
    with pytest.raises(ImageError) as caught:
        image_uri(framework, version, region, instance_type, **choices)
    return caught.value


def test_the_table_says_where_it_is_from_and_when() -> None:
    assert re.match(r"sagemaker-core \d+\.\d+\.\d+", TABLE["source"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", TABLE["date"])


def test_the_sagemaker_sdk_was_asked_for_every_combination_and_never_disagreed() -> None:
    assert TABLE["source"].startswith(f"{COMPARED['source']},"), "run `make images-compare`"
    assert COMPARED["differences"] == 0
    assert "different" not in COMPARED["verdicts"]
    assert COMPARED["combinations"] == sum(COMPARED["verdicts"].values())
    assert COMPARED["combinations"] > 100_000
    assert COMPARED["verdicts"]["equal"] > 50_000


def test_what_the_sagemaker_sdk_answered_for_each_image_is_still_the_answer() -> None:
    different = {}
    for question, answer in COMPARED["sample"].items():
        framework, version, region, instance_type, python, base = question.split()
        uri = image_uri(
            framework,
            version,
            region,
            instance_type,
            py_version=None if python == "-" else python,
            base_framework_version=None if base == "-" else base,
        )
        if uri != answer:
            different[question] = (uri, answer)
    assert different == {}


def test_the_sample_holds_every_image_but_those_the_sdk_has_for_no_real_instance_type() -> None:
    published = {
        name
        for versions in TABLE["frameworks"].values()
        for entries in versions.values()
        for entry in entries
        for name in entry["images"].values()
    }
    sampled = {answer.partition("/")[2] for answer in COMPARED["sample"].values()}
    assert sampled <= published
    missing = {name.partition(":")[0] for name in published - sampled}
    assert missing == {"huggingface-vllm-inference-neuronx"}


@pytest.mark.parametrize(
    ("framework", "version", "instance_type", "expected"),
    [
        ("sklearn", "1.9", "ml.m5.large", "sagemaker-scikit-learn:1.9-0-cpu-py3"),
        ("sklearn", "1", "ml.m5.large", "sagemaker-scikit-learn:1.9-0-cpu-py3"),
        ("xgboost", "3", "ml.m5.large", "sagemaker-xgboost:3.2-0"),
        # Not 2.9.3, which is only later in the alphabet.
        ("tensorflow", "2", "ml.m5.large", "tensorflow-inference:2.20.0-cpu-py312"),
        ("pytorch", "2.6", "ml.g5.xlarge", "pytorch-inference:2.6.0-gpu-py312"),
        # Not 2.19.0: a beginning ends where a number ends.
        ("tensorflow", "2.1", "ml.m5.large", "tensorflow-inference:2.1.3-cpu"),
    ],
)
def test_the_beginning_of_a_version_is_the_newest_that_begins_so(
    framework: str, version: str, instance_type: str, expected: str
) -> None:
    assert tag(framework, version, instance_type) == expected


def test_the_newest_is_the_newest_that_runs_on_the_instance_type() -> None:
    assert tag("tensorflow", "2", "ml.c7g.large").startswith("tensorflow-inference-graviton:2.16.1")


def test_a_version_that_is_published_is_itself_and_not_the_newest_that_begins_so() -> None:
    assert tag("xgboost", "1", "ml.m5.large") == "xgboost:1"
    assert tag("llama-cpp", "1.0", "ml.m5.large") == "llama-cpp:server-sagemaker-cpu-v1.0"


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        ("ml.m5.large", "pytorch-inference:2.6.0-cpu-py312"),
        ("ml.t2.medium", "pytorch-inference:2.6.0-cpu-py312"),
        ("ml.g5.xlarge", "pytorch-inference:2.6.0-gpu-py312"),
        ("ml.g6e.xlarge", "pytorch-inference:2.6.0-gpu-py312"),
        ("ml.gr6.4xlarge", "pytorch-inference:2.6.0-gpu-py312"),
        ("ml.p5en.48xlarge", "pytorch-inference:2.6.0-gpu-py312"),
        ("ml.c7g.large", "pytorch-inference-arm64:2.6.0-cpu-py312-ubuntu22.04-sagemaker"),
        ("ml.c6gn.large", "pytorch-inference-arm64:2.6.0-cpu-py312-ubuntu22.04-sagemaker"),
        # Newer than the list in the SageMaker SDK, which answers an image for x86.
        ("ml.r8gd.large", "pytorch-inference-arm64:2.6.0-cpu-py312-ubuntu22.04-sagemaker"),
    ],
)
def test_the_processor_follows_the_instance_type(instance_type: str, expected: str) -> None:
    assert tag("pytorch", "2.6.0", instance_type) == expected


def test_an_image_of_an_instance_family_goes_before_that_of_its_processor() -> None:
    of_family = tag("pytorch", "1.6.0", "ml.p4d.24xlarge", py_version="py3")
    assert of_family == "pytorch-inference:1.6.0-gpu-py3-cu110-ubuntu18.04"
    assert tag("pytorch", "1.6.0", "ml.p3.2xlarge", py_version="py3") == (
        "pytorch-inference:1.6.0-gpu-py3"
    )


def test_the_choices_of_python_and_of_the_framework_beneath_choose() -> None:
    assert tag("chainer", "5.0", "ml.m5.large", py_version="py2").endswith("5.0.0-cpu-py2")
    assert tag(
        "huggingface", "4.10", "ml.m5.large", base_framework_version="pytorch1.8.1"
    ).startswith("huggingface-pytorch-inference:1.8.1-transformers4.10.2-cpu-py36")


@pytest.mark.parametrize("publisher", TABLE["accounts"])
def test_a_registry_lies_in_its_region_under_its_partitions_domain(publisher: str) -> None:
    partitions = botocore.loaders.Loader().load_data("endpoints")["partitions"]
    for region, account in TABLE["accounts"][publisher].items():
        (suffix,) = {p["dnsSuffix"] for p in partitions if re.match(p["regionRegex"], region)}
        assert TABLE["domains"].get(region, "amazonaws.com") == suffix
        assert re.fullmatch(r"\d{12}", account)


@pytest.mark.parametrize(
    ("arguments", "choices", "setting", "said"),
    [
        (
            ("sklern", "1.9-0", "eu-west-1", "ml.m5.large"),
            {},
            "framework",
            "AWS publishes no images for a framework 'sklern'; choose one of sklearn, ",
        ),
        (
            ("sklearn", "1.8", "eu-west-1", "ml.m5.large"),
            {},
            "version",
            "sklearn (cpu) has no version '1.8'; choose one of 1.9-0, 1.4-2-py312, 1.2-1, 1.0-1, ",
        ),
        (
            ("tensorflow", "2.19.0", "eu-west-1", "ml.c7g.large"),
            {},
            "version",
            "tensorflow (graviton) has no version '2.19.0'; choose one of 2.16.1, 2.14.1, ",
        ),
        (
            ("tensorflow", "1.15.9", "eu-west-1", "ml.m5.large"),
            {},
            "version",
            "choose one of 1.15.5, 1.15.4, 1.15.3, 1.15.2, 1.15.0, 1.14.0, ",
        ),
        (
            ("sklearn", "1.9-0", "eu-west-9", "ml.m5.large"),
            {},
            "region",
            "sklearn (cpu) images in eu-west-9; change region to one of eu-west-3, ",
        ),
        (
            ("vllm", "0.30", "eu-west-1", "ml.m5.large"),
            {},
            "instance_type",
            "AWS publishes no vllm image for cpu; choose an instance type for one of gpu",
        ),
        (
            ("chainer", "5.0", "eu-west-1", "ml.m5.large"),
            {},
            "py_version",
            "chainer 5.0.0 has several images; set py_version to one of py3, py2",
        ),
        (
            ("chainer", "5.0", "eu-west-1", "ml.m5.large"),
            {"py_version": "py310"},
            "py_version",
            "chainer 5.0.0 has no py_version 'py310'; choose one of py3, py2",
        ),
        (
            ("xgboost", "3.2-0", "eu-west-1", "ml.m5.large"),
            {"py_version": "py3"},
            "py_version",
            "xgboost 3.2-0 has no py_version to choose; remove it",
        ),
        (
            ("huggingface", "4.26", "eu-west-1", "ml.m5.large"),
            {},
            "base_framework_version",
            "set base_framework_version to one of tensorflow2.11.0, pytorch1.13.1",
        ),
    ],
)
def test_a_missing_image_is_refused_with_what_exists_the_nearest_first(
    arguments: tuple[str, str, str, str], choices: dict[str, str], setting: str, said: str
) -> None:
    error = refusal(*arguments, **choices)
    assert error.setting == setting
    assert said in str(error)


def test_a_list_too_long_to_read_is_cut() -> None:
    error = refusal("nothing", "1", "eu-west-1", "ml.m5.large")
    assert re.search(r" and \d+ more \(catalogue/images\.json\)$", str(error))
    assert str(error).count(",") == 11


@given(
    st.sampled_from([*frameworks(), "nothing"]),
    st.sampled_from(["1", "2", "2.6", "0.30", "latest", ""]) | st.text(max_size=6),
    st.sampled_from(["eu-west-1", "cn-north-1", "us-gov-west-1", "mars-north-1"]),
    st.sampled_from(["m5", "c7g", "g5", "p4d", "inf1", "inf2", "trn1", "neuronx"]),
    st.none() | st.sampled_from(["py3", "py312"]),
)
def test_whatever_is_asked_for_there_is_an_image_or_a_reason(
    framework: str, version: str, region: str, family: str, python: str | None
) -> None:
    try:
        uri = image_uri(framework, version, region, f"ml.{family}.large", py_version=python)
    except ImageError:
        return
    found = ECR_IMAGE.fullmatch(uri)
    assert found
    assert found["region"] == region


@pytest.mark.parametrize("framework", frameworks())
def test_every_container_is_told_its_script_and_sklearn_and_xgboost_also_its_folder(
    framework: str,
) -> None:
    expected: dict[str, Any] = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_REGION": "eu-west-1",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
    }
    if framework in ("sklearn", "xgboost"):
        expected["SAGEMAKER_SUBMIT_DIRECTORY"] = "/opt/ml/model/code"
        expected["PIP_NO_BUILD_ISOLATION"] = "0"
    assert serving_environment(framework, "eu-west-1") == expected
