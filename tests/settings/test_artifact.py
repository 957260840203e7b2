"""Where a stage's model may lie, and what may be set with which place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from settings.artifact import S3Artifact
from settings.stage import Stage
from tests.settings.edited import FRAMEWORK, OWN_IMAGE, load, problems

FOLDER = 'artifact = "model_artifact/model"'
CODE = 'code = "inference/code"'
ARCHIVE = 'artifact = "s3://models/iris/1.tar.gz"'


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://models/iris/1.tar.gz", "models", "iris/1.tar.gz"),
        ("s3://my.models-1/version=3/épices/", "my.models-1", "version=3/épices/"),
        ("s3://a1b/..v1/x.tar.gz", "a1b", "..v1/x.tar.gz"),
    ],
)
def test_an_artifact_may_lie_in_s3(tmp_path: Path, uri: str, bucket: str, key: str) -> None:
    model = load(tmp_path, (FOLDER, f'artifact = "{uri}"'), (CODE, "")).served[""]
    assert model.artifact == S3Artifact(bucket, key)
    assert str(model.artifact) == uri
    assert model.artifact.is_prefix is uri.endswith("/")
    assert model.code_folder is None


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("s3://", "a bucket cannot have the name ''"),
        ("s3://my_models/iris.tar.gz", "a bucket cannot have the name 'my_models'"),
        ("s3://Models/iris.tar.gz", "3 to 63 lower-case letters"),
        ("s3://ab/iris.tar.gz", "a bucket cannot have the name 'ab'"),
        (f"s3://{'a' * 64}/iris.tar.gz", "a bucket cannot have the name 'aaa"),
        ("s3://10.0.0.1/iris.tar.gz", "a bucket cannot have the name '10.0.0.1'"),
        ("s3://models..eu/iris.tar.gz", "a bucket cannot have the name 'models..eu'"),
        ("s3://-models/iris.tar.gz", "a bucket cannot have the name '-models'"),
        ("s3://models-/iris.tar.gz", "a bucket cannot have the name 'models-'"),
        ("s3://models", 'whole bucket; write "s3://models/KEY.tar.gz" for an archive'),
        ("s3://models/", "whole bucket"),
        ("s3://models/iris.zip", 'end an archive with ".tar.gz" and a prefix with "/"'),
        ("s3://models/iris", 'end an archive with ".tar.gz" and a prefix with "/"'),
        ("s3://models/*/", "copy the model to a key of letters"),
        ("s3://models/${x}/", "copy the model"),
        ("s3://models/a?.tar.gz", "copy the model"),
        ("s3://models//iris.tar.gz", "copy the model"),
        ("s3://models/a/../b/", "copy the model"),
        (f"s3://models/{'a' * 1024}.tar.gz", "1024 bytes at most"),
        ("S3://models/iris.tar.gz", 'write "s3://BUCKET/KEY.tar.gz"'),
        ("https://models.s3.amazonaws.com/iris.tar.gz", "it is not a place in S3"),
    ],
)
def test_a_place_in_s3_that_cannot_be_is_refused(tmp_path: Path, uri: str, said: str) -> None:
    (problem,) = problems(tmp_path, (FOLDER, f'artifact = "{uri}"'), (CODE, ""))
    assert f"edited.toml: model.artifact is {uri}: " in problem
    assert said in problem


@pytest.mark.parametrize("value", ["5", '""', "true", "[]"])
def test_an_artifact_that_is_no_path_is_refused(tmp_path: Path, value: str) -> None:
    (problem,) = problems(tmp_path, (FOLDER, f"artifact = {value}"))
    assert "it is neither a folder nor a place in S3" in problem


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (f"{ARCHIVE}\n{CODE}", "model.code is inference/code: s3://models/iris/1.tar.gz is"),
        (f"{ARCHIVE}\nvendor_requirements = true", "model.vendor_requirements is true: nothing is"),
        (f'{ARCHIVE}\nartifact_account = "1"', "model.artifact_account is '1'"),
        (f'{FOLDER}\nartifact_account = "111122223333"', "model_artifact/model is a folder"),
        (
            f"{FOLDER}\ncode = false",
            "model.code is false: the container for sklearn needs a script",
        ),
        (
            f"{ARCHIVE}\ncode = false",
            "model.code is false: the container for sklearn needs a script",
        ),
        (f'{FOLDER}\ncode = ""', "model.code is '': it is neither a folder nor false"),
        (f"{FOLDER}\ncode = true", "model.code is True: it is neither a folder nor false"),
        (f"{FOLDER}\ncode = 0", "model.code is 0: it is neither a folder nor false"),
        (f"{FOLDER}\nnetwork_isolation = 1", "model.network_isolation is 1"),
    ],
)
def test_settings_that_contradict_the_artifact_are_refused(
    tmp_path: Path, lines: str, said: str
) -> None:
    (problem,) = problems(tmp_path, (FOLDER, lines), (f"{CODE}\n\n", "\n"))
    assert said in problem


def test_packages_are_not_vendored_for_an_image_of_the_users_own(tmp_path: Path) -> None:
    wish = "vendor_requirements = true\n"
    for own in (f'image = "{OWN_IMAGE}:1"', 'repository = "iris"\ntag = "1"', 'dockerfile = "x"'):
        (problem,) = problems(tmp_path, (FRAMEWORK, wish + own))
        assert "vendor_requirements is true: Slipway does not know which Python" in problem
        assert "install the packages in the image" in problem
    assert load(tmp_path, (FRAMEWORK, wish + FRAMEWORK)).served[""].vendor_requirements


def test_nothing_is_vendored_where_there_is_no_code(tmp_path: Path) -> None:
    lines = "code = false\nvendor_requirements = true"
    torch = 'framework = "pytorch"\nversion = "2.6"'
    (problem,) = problems(tmp_path, (FRAMEWORK, torch), (CODE, lines))
    assert "is true: without code nothing requires packages; remove it" in problem


def test_all_that_contradicts_a_place_in_s3_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, (FOLDER, f"{ARCHIVE}\nvendor_requirements = true"))
    assert [line.split(" is ")[0].rpartition(": ")[2] for line in found] == [
        "model.code",
        "model.vendor_requirements",
    ]


def test_a_folder_is_packed_with_the_examples_code_unless_another_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, (CODE, "")).served[""].code_folder == Path("inference/code")
    assert load(tmp_path, (CODE, 'code = "mine"')).served[""].code_folder == Path("mine")


@pytest.mark.parametrize("artifact", [FOLDER, ARCHIVE])
@pytest.mark.parametrize(
    ("framework", "version"),
    [("vllm", "0"), ("huggingface-llm", "3"), ("djl-lmi", "0"), ("xgboost", "3.2-0")],
)
def test_an_image_that_serves_by_itself_needs_no_code_and_is_told_of_no_script(
    tmp_path: Path, artifact: str, framework: str, version: str
) -> None:
    lines = f'framework = "{framework}"\nversion = "{version}"'
    instance = "ml.m5.large" if framework == "xgboost" else "ml.g5.xlarge"
    stage = load(
        tmp_path,
        (FRAMEWORK, lines), (FOLDER, artifact), (CODE, "code = false"), ("ml.m5.large", instance),
    )  # fmt: skip
    assert stage.served[""].code_folder is None
    assert stage.container_environment() == {
        "SAGEMAKER_REGION": "eu-central-1",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
    }


def test_an_artifact_in_s3_has_its_script_where_the_container_looks(tmp_path: Path) -> None:
    stage = load(tmp_path, (FOLDER, ARCHIVE), (CODE, ""))
    assert stage.container_environment() == load(tmp_path).container_environment()


@pytest.mark.parametrize("artifact", [FOLDER, ARCHIVE])
def test_a_stage_says_of_itself_what_it_was_read_from(tmp_path: Path, artifact: str) -> None:
    stage = load(tmp_path, (FOLDER, artifact), (CODE, ""))
    assert Stage.model_validate(stage.model_dump()) == stage
    assert Stage.model_validate(json.loads(stage.model_dump_json())) == stage
