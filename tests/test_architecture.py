"""docs/architecture.md is what the code is: its tree, its arrows, its walks; and no circles."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from configparser import ConfigParser
from fnmatch import fnmatch
from graphlib import TopologicalSorter
from pathlib import Path, PurePosixPath

import grimp
import pytest

from tests.conftest import PACKAGES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TREE = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
DRAWINGS = re.findall(r"^```mermaid\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
BOXES = re.findall(r'\["([\w/.]+\.py)<br>(.*?)"\]', PAGE)
UNSEEN = ("tests", "benchmarks", "scripts", "examples")
"""What nothing imports."""


def tracked() -> list[PurePosixPath]:
    """Return the files that git tracks, or is about to."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [PurePosixPath(name) for name in listing.stdout.splitlines()]


def tree() -> Iterator[str]:
    """Yield what the tree names by its path, folders with a slash at their end."""
    above: list[str] = []
    for line in TREE.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth:] = [name]
        yield "".join(above)


FILES = tracked()
NAMED = list(tree())


def has_a_line(folder: PurePosixPath) -> bool:
    """Tell whether the tree names a folder, or the one that it mirrors."""
    parts = folder.parts[1:] if folder.parts[0] == "tests" and folder.parts[1:] else folder.parts
    candidates = (f"{folder}/", f"{PurePosixPath(*parts)}/")
    return any(fnmatch(name, pattern) for name in candidates for pattern in NAMED)


def test_every_folder_has_a_line_in_the_tree() -> None:
    folders = {file.parent for file in FILES if file.parent.parts}
    written_by_syrupy = {each for each in folders if "__snapshots__" in each.parts}
    assert [each for each in folders - written_by_syrupy if not has_a_line(each)] == []


def test_everything_in_the_tree_is_there() -> None:
    there = {f"{folder}/" for file in FILES for folder in file.parents} | set(map(str, FILES))
    gone = [name for name in NAMED if not any(fnmatch(each, name) for each in there)]
    assert gone == []


def test_a_folder_lists_all_of_its_modules_or_none() -> None:
    listed = {PurePosixPath(name) for name in NAMED if name.endswith(".py")}
    folders = {module.parent for module in listed}
    modules = {
        file
        for file in FILES
        if file.suffix == ".py" and not file.stem.startswith("__") and file.parent in folders
    }
    assert modules == listed


def test_every_path_of_the_page_is_there() -> None:
    paths = re.findall(r"`([\w./]+/[\w./]*|[\w/]+\.(?:py|md|json|toml))`", PAGE)
    paths += [f"docs/{link}" for link in re.findall(r"\]\(([\w/.-]+\.md)\)", PAGE)]
    assert paths
    assert [each for each in paths if not (ROOT / each).exists()] == []


def defined(path: str) -> set[str]:
    """Return the functions of a module, those of a class with its name before them."""
    found = set()

    def visit(node: ast.AST, inside: str) -> None:
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.ClassDef):
                visit(each, f"{each.name}.")
            elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(f"{inside}{each.name}")

    visit(ast.parse((ROOT / path).read_text(encoding="utf-8")), "")
    return found


def test_the_page_has_four_walks() -> None:
    assert len(DRAWINGS) == 5
    assert len(BOXES) > 40


@pytest.mark.parametrize(("path", "functions"), BOXES, ids=lambda value: value.partition("(")[0])
def test_a_box_of_a_walk_names_functions_of_its_module(path: str, functions: str) -> None:
    named = re.findall(r"([\w.]+)\(\)", functions)
    assert named
    assert set(named) <= defined(path)


def imported(path: PurePosixPath) -> Iterator[str]:
    """Yield what a file imports, wherever in it."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def arrows() -> set[tuple[str, str]]:
    """Return which part imports which: app, and the packages."""
    found = set()
    for file in FILES:
        part = file.parts[0].removesuffix(".py")
        if file.suffix == ".py" and part in ("app", *PACKAGES) and "code" not in file.parts:
            found |= {(part, name.partition(".")[0]) for name in imported(file)}
    ours = {"app", *PACKAGES, *UNSEEN}
    return {(part, other) for part, other in found if other in ours and part != other}


def test_the_arrows_drawn_are_the_imports_there_are() -> None:
    drawn = set(re.findall(r"^  (\w+) --> (\w+)$", DRAWINGS[0], re.MULTILINE))
    assert drawn == arrows()


def test_the_layers_drawn_are_those_that_are_kept() -> None:
    groups = re.findall(r"subgraph \w+\n(.*?)\n  end", DRAWINGS[0], re.DOTALL)
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:layers"]["layers"].split("\n")
    kept = [set(re.findall(r"\w+", layer)) for layer in layers if layer]
    assert [set(group.split()) for group in groups] == kept
    packages = contracts["importlinter"]["root_packages"].split()
    assert set(packages) == set.union(*kept) == set(PACKAGES)


def test_the_contract_hides_no_import() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    hiding = ("ignore_imports", "exclude_type_checking_imports", "allow_indirect_imports")
    options = [f"{name}.{key}" for name in contracts.sections() for key in contracts[name]]
    assert [each for each in options if each.endswith(hiding)] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    assert len(graph.modules) > 150
    assert list(
        TopologicalSorter(
            {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
        ).static_order()
    )


@pytest.mark.parametrize(
    "folder", sorted({file.parent for file in FILES if file.parent.name == "code" and
                      "tests" not in file.parts}), ids=str,
)  # fmt: skip
def test_what_travels_to_the_container_imports_nothing_outside_its_folder(
    folder: PurePosixPath,
) -> None:
    ours = {"app", *PACKAGES, *UNSEEN}
    modules = [file for file in FILES if file.parent == folder and file.suffix == ".py"]
    assert modules
    assert [name for file in modules for name in imported(file) if name.split(".")[0] in ours] == []
