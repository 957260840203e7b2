"""What CONTRIBUTING says of files and tests is so; and what would be forgotten is told."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from catalogue.image_contents import repositories
from container.image import IMAGES
from container.launch import FRAMEWORKS
from inference.payloads import decode, encode
from local_cloud.cloudformation.resources import RESOURCE_TYPES
from local_cloud.sagemaker.instances.metrics import METRICS
from model_artifact.inspection import inspect
from model_artifact.inspection.sample import ENCODERS
from settings.update import AsyncRollback, Rollback
from tests.model_artifact.inspection.archives import SCRIPT, Case, container

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_path_of_the_page_is_there() -> None:
    paths = re.findall(r"`([\w./-]+/[\w./-]*|[\w.]+\.(?:py|md))`", PAGE)
    paths += re.findall(r"\]\(([\w/.-]+\.md)", PAGE)
    names = {path.name for path in (ROOT / "tests").rglob("*.py")}
    gone = [each for each in paths if each not in names and not (ROOT / each).exists()]
    assert len(paths) > 50
    assert gone == []


def test_every_command_of_the_page_is_one_of_makes() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"\bmake ([a-z-]+)", PAGE))
    assert verbs
    missing = {each for each in verbs if not re.search(rf"^{each}:", makefile, re.MULTILINE)}
    assert missing == set()


def test_every_recipe_says_what_turns_red_and_has_five_steps_at_most() -> None:
    recipes = PAGE.partition("## How to add")[2].split("\n### ")[1:]
    assert len(recipes) == 9
    for recipe in recipes:
        assert "\nRed: " in recipe, recipe
        assert 1 <= len(re.findall(r"^\d\. ", recipe, re.MULTILINE)) <= 5, recipe


def test_every_resource_type_is_made_changed_and_removed_by_a_test() -> None:
    folder = ROOT / "tests" / "local_cloud" / "cloudformation"
    moto = (folder / "test_resources.py").read_text(encoding="utf-8")
    ours = (folder / "test_sagemaker_resources.py").read_text(encoding="utf-8")
    untested = {
        name
        for name in RESOURCE_TYPES
        if f'"{name}"' not in (ours if name.startswith("AWS::SageMaker::") else moto)
    }
    # The one is no resource, and the other is in the CDK's stack that test_bootstrap.py deploys.
    assert untested == {"AWS::CDK::Metadata", "AWS::KMS::Alias"}


def test_each_framework_that_is_played_has_its_defaults() -> None:
    assert set(FRAMEWORKS) == IMAGES.keys()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_framework_that_is_played_is_inspected_and_tried(
    framework: str, tmp_path: Path
) -> None:
    image = container(f"{repositories(framework)[0]}:1.0")
    wrong = SCRIPT.replace("model_fn(model_dir)", "model_fn(model_dir, one, too_many)").encode()
    misread = inspect(Case({"code/inference.py": wrong}, image).write(tmp_path), image, run=False)
    assert "script-arity" in {finding.rule.id for finding in misread}
    tried = inspect(Case(container=image).write(tmp_path), image)
    assert not [finding for finding in tried if "this machine plays" in finding.got]


@pytest.mark.parametrize("table", [Rollback, AsyncRollback])
def test_each_alarm_that_puts_an_update_back_has_its_metric_on_the_laptop(
    table: type[Rollback],
) -> None:
    limits = {name: 1 for name in table.model_fields if name != "alarms"}
    watched = {metric for metric, *_ in table.model_validate(limits).thresholds}
    # README says that asynchronous endpoints have no metrics there.
    assert watched - METRICS.keys() == ({"InvocationFailures"} & watched)


@pytest.fixture(scope="module")
def formats() -> ModuleType:
    """Return what the example's handler reads and writes, under a name of its own."""
    path = ROOT / "inference" / "code" / "formats.py"
    spec = spec_from_file_location("formats_of_the_example", path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_client_and_the_inspection_know_each_format_of_the_examples_handler(
    formats: ModuleType,
) -> None:
    assert ENCODERS.keys() == formats.DECODERS.keys()
    for content_type, read in formats.DECODERS.items():
        assert read(encode([[1.0, 2.0]], content_type)).tolist() == [[1.0, 2.0]]
    for content_type, write in formats.ENCODERS.items():
        written = write(formats.np.array([[0.25, 0.75]]), ["no", "yes"])
        body = written if isinstance(written, bytes) else written.encode()
        assert decode(body, content_type) is not None
