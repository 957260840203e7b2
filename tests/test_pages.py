"""What somebody meets first: the index of decisions, the version, and what GitHub and git call."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")


def loaded(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_each_decision_is_in_the_index_once_by_its_title() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[(.+)\]\(([\w-]+\.md)\)", index, re.MULTILINE)
    titles = [(path.read_text().splitlines()[0].removeprefix("# "), path.name) for path in PAGES]
    assert sorted(listed) == sorted(titles)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_decision_has_a_context_a_decision_and_consequences(page: Path) -> None:
    headings = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences"]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_what_a_decision_links_to_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([\w/.-]+)\)", text)
    paths = re.findall(r"`([\w-]+/[\w./-]+\.(?:py|json|toml|md))`", text)
    missing = [each for each in links if not (DECISIONS / each).exists()]
    assert missing + [each for each in paths if not (ROOT / each).exists()] == []


def test_the_version_is_the_newest_that_the_changelog_tells_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", changelog, re.MULTILINE)
    assert sections[0] == ("Unreleased", "")
    assert sections[1][0] == project["version"]
    assert all(date for _, date in sections[1:])


def test_github_runs_readmes_two_commands_on_each_python_that_readme_names() -> None:
    workflow = loaded(".github/workflows/test.yml")
    (job,) = workflow["jobs"].values()
    block = re.findall(r"^## Two commands\n.*?^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == block[0].splitlines() == ["make demo", "make test"]
    named = re.search(r"Linux, Python ([\d., or]+),", README)
    assert named
    assert job["strategy"]["matrix"]["python"] == re.findall(r"3\.\d+", named[1])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.15"


def test_github_is_given_no_more_than_it_needs() -> None:
    workflow = loaded(".github/workflows/test.yml")
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    (job,) = workflow["jobs"].values()
    assert job["timeout-minutes"] <= 60
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", each) for each in used)


def test_git_calls_make_check_before_a_commit_and_needs_nothing_else() -> None:
    (repository,) = loaded(".pre-commit-config.yaml")["repos"]
    (hook,) = repository["hooks"]
    assert repository["repo"] == "local"
    assert (hook["entry"], hook["language"], hook["pass_filenames"]) == (
        "make check",
        "system",
        False,
    )


def test_readme_leads_to_the_map_and_to_the_rules() -> None:
    end = README.partition("## How it is tested")[2]
    assert "](CONTRIBUTING.md)" in end
    assert "](docs/architecture.md)" in end
