"""Write docs/settings.md from the typed stage: python -m scripts.build_settings_docs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from inspect import getdoc
from typing import get_args

from catalogue.images import frameworks
from scripts.settings_chapters import CHAPTERS, MODELS, Chapter
from scripts.settings_examples import PLACES, REFUSED, SHAPES, read, scaled
from scripts.settings_tables import Row, rows, spelled, title
from settings.errors import StageError
from settings.metrics import NamedMetric
from settings.steps import StepAdjustment

_INTRODUCTION = """\
# The settings of a stage

A stage is one file, `stages/NAME.toml`. It says which models are deployed, in which images, and how
they are served. `cdk deploy -c stage=NAME` deploys it; `-c stage=FOLDER/FILE.toml` deploys a file
in another folder. A setting is named like its CloudFormation property, in snake_case, if it has
one. A stage that AWS would refuse, or that cannot work, is refused when its file is read, with all
of its problems at once.

`make schema` writes this page from the code that reads stages. It also writes
`stages/stage.schema.json` for editors: begin a file with `#:schema ./stage.schema.json`.
"""

_TABLES = """\
## The tables of a stage

| table | what it says |
|---|---|
| `[model]`, or several `[models.NAME]` | [what is deployed](#model), and in which image |
| `[endpoint]` | [in which mode and shape](#endpoint) it is served, and under which name |
| `[[endpoint.variants]]` | [on which instances](#variant), or with how much [serverless \
concurrency](#serverless-variant) |
| `[endpoint.variants.scaling]` | [how their number follows the load](#scaling) |
| `[endpoint.shadow]` | a [variant](#variant) that gets copies of requests |
| `[[endpoint.components]]` | [models that share instances](#inference-component), each with its \
own `[endpoint.components.scaling]` |
| `[endpoint.notifications]` | [who is told](#notifications) about asynchronous answers |
| `[endpoint.update]` | [how an update replaces the instances](#update), and what \
[rolls it back](#rollback) |

The smallest stage, which the examples below add to:
"""

_ROWS = """\
## The settings, table by table

A setting that is not required and has no default is absent unless you give it. Text in italics
says when to change a setting. The last column names the setting's CloudFormation property. It is
below the property that is named above the table, unless the column names a resource type. "-" marks
a setting of Slipway's own.
"""


def document() -> str:
    """Return the text of docs/settings.md. Raises StageError for an example that does not load."""
    parts = [
        _INTRODUCTION,
        _TABLES,
        _toml(SHAPES["one variant"][3]),
        "## Modes and shapes\n",
        _shapes(),
        "### Settings that exclude each other\n",
        _refused(),
        _ROWS,
    ]
    for chapter in CHAPTERS:
        parts += _chapter(chapter)
        if chapter.tables == (StepAdjustment,):
            parts += ["### Metrics\n", _metrics()]
        elif chapter.tables == MODELS and not chapter.shared:
            names = ", ".join(f"`{name}`" for name in frameworks())
            parts.append(f"The frameworks are {names}.\n")
    return "\n".join(parts)


def _toml(example: str) -> str:
    """Return an example, after checking that it loads."""
    read(example)
    return f"```toml\n{example.strip()}\n```\n"


def _table(header: str, lines: Iterator[Sequence[str]]) -> str:
    columns = header.count("|") + 1
    body = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines]
    rule = "|".join(["---"] * columns)
    return "\n".join([f"| {header} |", f"|{rule}|", *(f"| {line} |" for line in body)]) + "\n"


def _shapes() -> str:
    def lines() -> Iterator[Sequence[str]]:
        for shape, (mode, written, scales, example) in SHAPES.items():
            rollout = str(read(example).endpoint.rollout)
            yield mode, shape, written, scales, rollout

    return _table("mode | shape | written as | what scales | updated by default", lines())


def _refused() -> str:
    def lines() -> Iterator[Sequence[str]]:
        for what, examples in REFUSED.items():
            key, why, fix = _refusal(examples)
            yield what, f"`{key}`: {why}", fix

    return _table("what | why it is refused | instead", lines())


def _refusal(examples: Sequence[str]) -> tuple[str, str, str]:
    """Return the key, the reason and the fix of the first problem of examples."""
    try:
        read(*examples)
    except StageError as error:
        line = str(error).splitlines()[0]
        found = re.fullmatch(r"stage\.toml: (\S+) is .+?: (.+?); (.+)", line)
        assert found, line  # noqa: S101 - stage_errors.py writes no other
        return re.sub(r"\.\d+", "", found[1]), found[2], found[3]
    raise AssertionError(f"this loads, but should be refused: {examples}")


def _metrics() -> str:
    """Return a table of SageMaker's metrics and what each can scale, found by loading stages."""

    def lines() -> Iterator[Sequence[str]]:
        for metric in get_args(NamedMetric):
            yield f"`{metric}`", *("yes" if _scales_by(place, metric) else "" for place in PLACES)

    about = (
        "One of SageMaker's own metrics, by its name; or a table, for a [CloudWatch "
        "metric](#cloudwatch-metric) or a metric [computed from several](#math-metric).\n"
    )
    return f"{about}\n{_table(' | '.join(['metric', *PLACES]), lines())}"


def _scales_by(place: str, metric: str) -> bool:
    # On instances with the hardware of every metric, and so with an image for GPUs.
    on_gpus = scaled(place, metric).replace("ml.m5.large", "ml.g4dn.xlarge")
    try:
        return bool(read('[model]\nframework = "pytorch"\nversion = "2.6"\n', on_gpus))
    except StageError:
        return False


def _chapter(chapter: Chapter) -> Iterator[str]:
    first = chapter.tables[0]
    yield f"{'#' * chapter.level} {chapter.title or title(first)}\n"
    yield f"{chapter.key}. {chapter.about or _docstring(first)}\n"
    if chapter.example:
        yield _toml(chapter.example)
    found = list(rows(chapter.tables, shared=chapter.shared))
    if not found:
        return
    base = spelled(first.cloudformation) if first.cloudformation else ""
    if base and any(row.cloudformation.startswith(f"{base}/") for row in found):
        yield f"CloudFormation: {_path(base)}.\n"
    header = (
        "setting | type | unit | default | what it is, and *when to change it* | CloudFormation"
    )
    yield _table(header, (_cells(row, base) for row in found))


def _docstring(table: type) -> str:
    return " ".join((getdoc(table) or "").partition("\n\n")[0].split())


def _cells(row: Row, base: str) -> Sequence[str]:
    path = row.cloudformation
    below = path.removeprefix(f"{base}/") if base else path
    shown = "-" if not path else _path(path) if below == path else f"`{below}`"
    return f"`{row.name}`", row.type, row.unit, row.default, row.about, shown


def _path(path: str) -> str:
    """Show a property with its resource type."""
    type_name, _, names = path.partition("/")
    return f"`{names}` of `{type_name}`" if names else f"`{type_name}`"


if __name__ == "__main__":
    print(document(), end="")
