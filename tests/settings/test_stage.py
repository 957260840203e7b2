from __future__ import annotations

import json
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.errors import StageError
from settings.stage import Stage, schema
from tests.settings.edited import DEV, FRAMEWORK, OWN_IMAGE, STAGES, load, problems


@pytest.mark.parametrize("path", sorted(STAGES.rglob("*.toml")), ids=lambda path: path.stem)
def test_every_stage_that_ships_loads_and_names_its_schema(path: Path) -> None:
    name = path.relative_to(STAGES).with_suffix("").as_posix()
    assert Stage.load(name, STAGES).endpoint.name
    named = re.match("#:schema (.+)", path.read_text())
    assert named
    assert (path.parent / named[1]).samefile(STAGES / "stage.schema.json")


def test_dev_is_one_instance_that_scales_to_two_and_prod_two_that_scale_to_eight() -> None:
    for name, initial, low, high in (("dev", 1, 1, 2), ("prod", 2, 2, 8)):
        (variant,) = Stage.load(name, STAGES).endpoint.instance_variants.values()
        assert variant.initial_instance_count == initial
        assert variant.scaling
        assert (variant.scaling.min_capacity, variant.scaling.max_capacity) == (low, high)


def test_a_stage_cannot_be_changed_once_it_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).region = "us-east-1"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "[endpoint]",
            "versoin = 1\n[endpoint]",
            "there is no such setting; did you mean version?",
        ),
        ('region = "eu-central-1"', "", "region is missing: it is required; add it"),
        ("eu-central-1", "Frankfurt", "region is 'Frankfurt'"),
        (
            "eu-central-1",
            "ap-southeast-7",
            "AWS publishes no sklearn images in ap-southeast-7; change region to one of",
        ),
        (
            "[endpoint]",
            "colour = 1\n[endpoint]",
            "network_isolation, multi_model, framework, version",
        ),
        ('"sklearn"', '"sclearn"', "framework is sclearn for eu-central-1: AWS publishes no"),
        ('"1.9-0"', '"1.8"', "sklearn has no version '1.8'; choose one of 1.9-0"),
        (
            '"1.9-0"',
            '"1.9-0"\npy_version = "py2"',
            "py_version is py2 for ml.m5.large: sklearn 1.9-0 has no",
        ),
        (
            '"ml.m5.large"',
            '"ml.m8g.large"',
            "version is 1.9-0 for ml.m8g.large: sklearn (graviton) has no",
        ),
        (
            '"ml.m5.large"',
            '"ml.inf2.xlarge"',
            "0.instance_type is ml.inf2.xlarge: AWS publishes no",
        ),
        (
            '"ml.m5.large"',
            '"ml.m5.medium"',
            "not have this instance type; did you mean ml.m5.large",
        ),
        ('"ml.m5.large"', '"ml.trn1.2xlarge"', "does not offer it in eu-central-1"),
        (
            'framework = "sklearn"\nversion = "1.9-0"',
            'framework = "huggingface"\nversion = "4.26"',
            "model.base_framework_version is missing: huggingface 4.26.0 has several images",
        ),
        ('"1.9-0"', "1.9", 'model.version is 1.9: the quotes are missing; write version = "1.9"'),
        ('"iris-dev"', '"iris_dev"', "endpoint.name is 'iris_dev'"),
        ('"iris-dev"', f'"{"i" * 64}"', "write 63 characters at the most"),
        ('"ml.m5.large"', '"m5.large"', "instance_type is 'm5.large'"),
        ('"ml.m5.large"', '"ml.t2.medium"', "SageMaker does not scale burstable"),
        ("instance_count = 1", 'instance_count = "1"', "is '1': it cannot be used"),
        (
            "instance_count = 1",
            "instance_count = true",
            "is true: it cannot be used; write a whole",
        ),
        ("instance_count = 1", "instance_count = 0", "write 1 or more"),
        ("instance_count = 1", "instance_count = 3", "lower initial_instance_count to 2"),
        ("min_capacity = 1", "min_capacity = 2", "raise initial_instance_count to 2"),
        ("value = 600", "value = 0", "write a number above 0"),
        ("value = 600", "value = inf", "finite"),
        ("in_seconds = 300", "in_seconds = 59", "write 60 or more"),
        ("[endpoint]", '[model.environment]\nSAGEMAKER_PROGRAM = "x"\n[endpoint]', "remove it"),
        ("[endpoint]", f'[model.environment]\nA = "{"x" * 1025}"\n[endpoint]', "1024 bytes"),
        ("[[endpoint.variants]]", "initial_variant_weight = 0\n[[endpoint.variants]]", "no such"),
        ("instance_count = 1", "instance_count = 1\ninitial_variant_weight = 0", "above 0"),
    ],
)
def test_what_cannot_work_is_refused_with_file_key_value_why_and_fix(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    (problem,) = problems(tmp_path, (old, new))
    assert problem.startswith(f"{tmp_path / 'edited.toml'}: ")
    assert said in problem


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        ('"1.9-0"', '"1.8-0"'),
        ("iris-dev", "iris_dev"),
        ("min_capacity = 1", "min_capacity = 3"),
        ("value = 600", "value = -1"),
        ("[endpoint]", "[endpoint]\ncolour = 1"),
    )
    # min_capacity is not compared: its table is not right by itself.
    assert len(found) == 4
    for key in ("version", "colour", "name", "scaling.targets.0.value"):
        assert any(key in line for line in found), key


def test_a_broken_rule_of_a_table_hides_none_of_the_tables_around_it(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        ("iris-dev", "iris_dev"),
        ("min_capacity = 1", "min_capacity = 3"),
        ('"ml.m5.large"', '"ml.t2.large"'),
        ("[model]", '[model]\nartifact_account = "111122223333"'),
    )
    for key, why in (
        ("endpoint.name", '"_" is not allowed'),
        ("model.artifact_account", "is a folder"),
        ("endpoint.variants.0.scaling.min_capacity", "above max_capacity, which is 2"),
        ("endpoint.variants.0.scaling.min_capacity", "AllTraffic starts with 1 instances"),
        ("endpoint.variants.0.instance_type", "burstable"),
    ):
        assert any(f": {key} is " in line and why in line for line in found), (key, found)


def test_two_variants_of_one_name_are_refused(tmp_path: Path) -> None:
    variant = DEV[DEV.index("[[endpoint.variants]]") :]
    (problem,) = problems(tmp_path, (variant, variant * 2))
    assert "variants.1.name is AllTraffic: another variant" in problem


def test_models_whose_outputs_would_have_one_name_are_refused(tmp_path: Path) -> None:
    model, endpoint = DEV[DEV.index("[model]") :].split("[endpoint]", 1)
    tables = "".join(model.replace("[model]", f"[models.{name}]") for name in ("my-a", "MyA"))
    text = f'region = "eu-central-1"\n{tables}[endpoint]{endpoint}'
    served = text.replace("instance_type", 'model = "my-a"\ninstance_type')
    with pytest.raises(
        StageError, match=r"models.MyA is given: its CloudFormation output would be named like"
    ):
        Stage.read(tomllib.loads(served), tmp_path / "two.toml")


def test_an_endpoint_without_variants_is_refused(tmp_path: Path) -> None:
    variant = DEV[DEV.index("[[endpoint.variants]]") :]
    (problem,) = problems(tmp_path, (variant, "variants = []"))
    assert "1 to 10 production variants" in problem


@pytest.mark.parametrize("instance_type", ["ml.t2.large", "ml.t2.medium"])
def test_a_burstable_type_is_fine_where_nothing_scales(tmp_path: Path, instance_type: str) -> None:
    scaling = DEV[DEV.index("[endpoint.variants.scaling]") :]
    assert load(tmp_path, ("ml.m5.large", instance_type), (scaling, ""))


def test_a_trainium_type_is_not_taken_for_a_burstable_one(tmp_path: Path) -> None:
    trainium = ("ml.m5.large", "ml.trn1.2xlarge")
    image = (FRAMEWORK, 'framework = "djl-neuronx"\nversion = "0.29"')
    assert load(tmp_path, trainium, image, ("eu-central-1", "us-west-2"))


@pytest.mark.parametrize(
    "own",
    [
        f'image = "{OWN_IMAGE}:1.0"',
        f'image = "{OWN_IMAGE}@sha256:{"0" * 64}"',
        'repository = "team/iris"\ntag = "1.0"',
        'dockerfile = "container"',
    ],
)
def test_an_image_of_the_users_own_gets_the_users_variables_alone(tmp_path: Path, own: str) -> None:
    variables = '[model.environment]\nSAGEMAKER_PROGRAM = "serve.py"\n[endpoint]'
    stage = load(tmp_path, (FRAMEWORK, own), ("[endpoint]", variables))
    assert stage.container_environment() == {"SAGEMAKER_PROGRAM": "serve.py"}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (
            'image = "python:3.12"',
            "model.image is python:3.12: SageMaker only pulls from Amazon ECR",
        ),
        (f'image = "{OWN_IMAGE}"', "by tag or digest; write"),
        ('repository = "team/iris"', "model.tag is missing: it is required"),
        ('repository = "Team"\ntag = "1"', "model.repository is 'Team'"),
        ('repository = "team/iris"\ntga = "1"', "model.tga is '1': there is no such setting; did"),
        ('dockerfile = "container"\nversion = "1"', "model.version is '1': there is no such"),
        (
            f'{FRAMEWORK}\nimage = "{OWN_IMAGE}:1"',
            f"model.image is {OWN_IMAGE}:1: framework chooses the image already; keep one",
        ),
    ],
)
def test_a_wrong_image_of_the_users_own_is_refused_by_the_keys_of_its_kind(
    tmp_path: Path, own: str, said: str
) -> None:
    found = problems(tmp_path, (FRAMEWORK, own))
    assert said in "\n".join(found)
    assert not any("Model" in line for line in found)  # the class is no key of the file


@pytest.mark.parametrize(
    "model", ['framework = "pytorch"\nversion = "2.6"', 'dockerfile = "container"']
)
def test_variants_that_need_different_images_are_refused(tmp_path: Path, model: str) -> None:
    scaling = DEV[DEV.index("[endpoint.variants.scaling]") :]
    graviton = DEV[DEV.index("[[endpoint.variants]]") : DEV.index("[endpoint.variants.scaling]")]
    graviton = graviton.replace("AllTraffic", "Graviton").replace("m5", "m8g")
    (problem,) = problems(tmp_path, (FRAMEWORK, model), (scaling, graviton))
    assert (
        "endpoint.variants.1.instance_type is ml.m8g.large: ml.m8g.large and ml.m5.large need"
        in problem
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=4,
)


@given(st.data())
def test_no_value_anywhere_gets_past_the_rules_or_shows_a_traceback(data: st.DataObject) -> None:
    document: dict[str, Any] = tomllib.loads(DEV)
    table: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(table) if isinstance(table, dict) else [0]))
        if not isinstance(table[key], dict | list) or data.draw(st.booleans()):
            break
        table = table[key]
    table[key] = data.draw(VALUES)
    with suppress(StageError):
        assert Stage.read(document, Path("stages/drawn.toml")).endpoint.variants


def test_the_schema_for_editors_is_up_to_date() -> None:
    text = (STAGES / "stage.schema.json").read_text()
    assert json.loads(text) == schema(), "run `make schema`"
