"""Which file `-c stage=...` means."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings.errors import StageError
from settings.stage import Stage
from tests.settings.edited import DEV, STAGES


@pytest.fixture
def stages(tmp_path: Path) -> Path:
    """The folder stages/ of a project that has stages in other folders too."""
    for name in ("stages/dev", "stages/examples/serverless", "examples/xgboost/stage", "outside"):
        path = tmp_path / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(DEV.replace("iris-dev", path.stem))
    return tmp_path / "stages"


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("dev", "dev"),
        ("examples/serverless", "serverless"),
        ("examples/xgboost/stage.toml", "stage"),
        ("stages/dev.toml", "dev"),
    ],
)
def test_a_stage_is_a_name_in_stages_or_a_file_of_the_project(
    stages: Path, name: str, endpoint: str
) -> None:
    assert Stage.load(name, stages).endpoint.name == endpoint


def test_a_file_may_be_named_by_its_whole_path(stages: Path) -> None:
    assert Stage.load(str(stages / "dev.toml"), stages).endpoint.name == "dev"


@pytest.mark.parametrize("lead", ["../", "examples/../../", "/"])
def test_a_name_that_leads_outside_the_folder_is_refused(stages: Path, lead: str) -> None:
    name = f"{lead}outside" if lead != "/" else str(stages.parent / "outside")
    with pytest.raises(StageError, match=r"this is no stage in .*by its path, with its ending"):
        Stage.load(name, stages)


@pytest.mark.parametrize("name", ["production", "dev/more", "production.toml", "stages/dev.toml/x"])
def test_an_unknown_stage_lists_those_there_are(stages: Path, name: str) -> None:
    with pytest.raises(StageError, match="there is dev, examples/serverless") as caught:
        Stage.load(name, stages)
    assert str(caught.value).startswith(f"{stages.parent}/")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("examples/xgboost/stage", "examples/xgboost/stage.toml"),
        ("examples/xgboost", "examples/xgboost/stage.toml"),
        ("examples/xgboost/", "examples/xgboost/stage.toml"),
        ("Examples/XGBoost/stage.toml", "examples/xgboost/stage.toml"),
        ("outside", "outside.toml"),
        ("dev.toml", "dev"),
        ("examples/serverless.toml", "examples/serverless"),
        ("stages/dev", "dev"),
        ("DEV", "dev"),
        ("examples/severless", "examples/serverless"),
    ],
)
def test_a_stage_that_was_probably_meant_is_named(stages: Path, name: str, meant: str) -> None:
    with pytest.raises(StageError) as caught:
        Stage.load(name, stages)
    assert f"did you mean -c stage={meant}? If not, there is dev, " in str(caught.value)


def test_a_whole_path_without_its_ending_is_shown_with_it(stages: Path) -> None:
    path = stages.parent / "outside"
    with pytest.raises(StageError, match=rf"with its ending \.toml: -c stage={path}\.toml$"):
        Stage.load(str(path), stages)


def test_what_ships_is_dev_and_prod_and_examples() -> None:
    with pytest.raises(StageError, match=r"there is dev, examples/ab, .*, examples/shadow, prod"):
        Stage.load("production", STAGES)


def test_a_folder_in_place_of_a_file_is_named(stages: Path) -> None:
    (stages / "folder.toml").mkdir()
    with pytest.raises(StageError, match=r"folder\.toml: Is a directory"):
        Stage.load("folder", stages)


def test_a_mark_that_an_editor_has_put_before_the_text_is_no_part_of_it(stages: Path) -> None:
    path = stages / "dev.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert Stage.load("dev", stages).endpoint.name == "dev"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("version = 1.10", 'model.version is 1.10: the quotes are missing; write version = "1.10"'),
        ("version = 1.9-0  # newest", '(at line 7, column 14); write version = "1.9-0"'),
        ("version = newest", '(at line 7, column 11); write version = "newest"'),
        ("network_isolation = True", "; write network_isolation = true"),
        ('version = "1.9', "(at line 7, column 15)"),
        ("version = ", "(at line 7, column 11)"),
    ],
)
def test_a_line_whose_quotes_are_missing_is_shown_with_them(
    stages: Path, line: str, said: str
) -> None:
    text = DEV.replace('version = "1.9-0"', line)
    (stages / "dev.toml").write_text(text)
    with pytest.raises(StageError) as caught:
        Stage.load("dev", stages)
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize("content", [b"region = ", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.toml").write_bytes(content)
    with pytest.raises(StageError, match=r"broken\.toml: not TOML"):
        Stage.load("broken", tmp_path)
