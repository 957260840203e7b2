"""code/inference.py: does it keep the contract of the container that runs it?

The script is parsed, not run.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model_artifact.inspection.container import Container
from model_artifact.inspection.contents import ArchiveContents
from model_artifact.inspection.findings import Finding, Severity, rule
from model_artifact.inspection.imports import Imports, Offer
from model_artifact.inspection.layout import SCRIPT

SYNTAX = rule(
    "script-syntax",
    Severity.ERROR,
    "the image's version of Python can read every module in code/",
    "The import fails, and the health check never passes.",
)
NO_MODEL_FN = rule(
    "script-model-fn",
    Severity.ERROR,
    "the script defines model_fn, if the container has none of its own",
    "«Please provide a model_fn implementation», and the health check never passes.",
)
CLASH = rule(
    "script-clash",
    Severity.ERROR,
    "the script defines transform_fn, or some of input_fn, predict_fn and output_fn, but not both",
    "«Cannot use transform_fn implementation with input_fn, predict_fn, and/or output_fn».",
)
ARITY = rule(
    "script-arity",
    Severity.ERROR,
    "every function that the container calls takes the container's arguments; none is a coroutine",
    "A TypeError: from model_fn while the container starts, from the others at every request.",
)
IMPORT_MISSING = rule(
    "script-import",
    Severity.ERROR,
    "every module that code/ imports is in the image, code/requirements.txt or code/ itself",
    "ModuleNotFoundError, and the health check never passes.",
)
IMPORT_UNSURE = rule(
    "script-import-unsure",
    Severity.WARNING,
    "every module that code/ imports is known to be in the image or the requirements",
    "ModuleNotFoundError, unless another package brings the module.",
)


@dataclass(frozen=True)
class Contract:
    """The functions that a container calls in the script; docs/inspection.md has the sources."""

    functions: dict[str, int]
    """The functions by their names, and how many arguments each gets."""
    required: frozenset[str] = frozenset()
    context: bool = False
    """Whether a function may take one more argument, the context."""


_STEPS = {"input_fn": 2, "predict_fn": 2, "output_fn": 2}
_FUNCTIONS = {"model_fn": 1, "transform_fn": 4, **_STEPS}
# sagemaker-containers' transformer, and sagemaker-inference-toolkit's.
_TRAINING_TOOLKIT = Contract(_FUNCTIONS, frozenset({"model_fn"}))
_INFERENCE_TOOLKIT = Contract(_FUNCTIONS, context=True)
_CONTRACTS = {
    "sklearn": _TRAINING_TOOLKIT,
    "xgboost": _TRAINING_TOOLKIT,
    "pytorch": _INFERENCE_TOOLKIT,
    "mxnet": _INFERENCE_TOOLKIT,
    "huggingface": _INFERENCE_TOOLKIT,
    "tensorflow": Contract({"handler": 2, "input_handler": 2, "output_handler": 2}),
}


def check(contents: ArchiveContents, container: Container, imports: Imports) -> Iterator[Finding]:
    """Yield what fails in the script and the modules beside it."""
    for name, source in sorted(contents.sources.items()):
        if not name.endswith(".py"):
            continue
        try:
            module = _parse(source, container)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = error.lineno if isinstance(error, SyntaxError) else None
            said = error.msg if isinstance(error, SyntaxError) else str(error) or repr(error)
            version = ".".join(map(str, _readable(container)))
            where = f"line {line}" if line else "this file"
            yield Finding(
                SYNTAX, name, f"Python {version} cannot read {where}: {said}", "correct it"
            )
            continue
        if name == SCRIPT and container.family in _CONTRACTS and container.needs_script:
            yield from _functions(module, _CONTRACTS[container.family], container)
        yield from _imports(name, module, container, imports)


def _parse(source: bytes, container: Container) -> ast.Module:
    return ast.parse(source, feature_version=_readable(container))


def _readable(container: Container) -> tuple[int, int]:
    """Return the version of Python for parsing: the image's, or this one if it is older."""
    here = sys.version_info[:2]
    if container.contents is None:
        return here
    major, minor = map(int, container.contents.python.split("."))
    return min(here, (major, minor))


def _functions(module: ast.Module, contract: Contract, container: Container) -> Iterator[Finding]:
    defined = dict(_definitions(module.body))
    for name in sorted(contract.required - defined.keys()):
        yield Finding(
            NO_MODEL_FN,
            SCRIPT,
            f"the script has no {name}",
            f"define {name}(model_dir), which loads the model and returns it",
        )
    steps = [name for name in _STEPS if name in defined]
    if "transform_fn" in defined and steps and "transform_fn" in contract.functions:
        yield Finding(
            CLASH,
            SCRIPT,
            f"the script has transform_fn and {' and '.join(steps)}",
            "keep only transform_fn, or remove it",
        )
    for name, given in contract.functions.items():
        function = defined.get(name)
        if function and (problem := _misfit(function, given, contract.context)):
            yield Finding(
                ARITY,
                SCRIPT,
                f"line {function.lineno}: {name} {problem}; the container "
                f"({container.family}) passes {given} by position",
                f"write def {name}({', '.join(_ARGUMENTS[name])})",
            )


_ARGUMENTS = {
    "model_fn": ("model_dir",),
    "transform_fn": ("model", "body", "content_type", "accept"),
    "input_fn": ("body", "content_type"),
    "predict_fn": ("data", "model"),
    "output_fn": ("prediction", "accept"),
    "handler": ("data", "context"),
    "input_handler": ("data", "context"),
    "output_handler": ("response", "context"),
}

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Nodes that contain statements. Expressions are left out: they may be nested a thousand deep.
_BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)


def _definitions(body: Sequence[ast.AST]) -> Iterator[tuple[str, Function | None]]:
    """Yield the names that a module defines, each with its function or None."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, node
            case ast.ClassDef():
                yield node.name, None
            case ast.Import() | ast.ImportFrom():
                yield from ((alias.asname or alias.name, None) for alias in node.names)
            case ast.Assign() | ast.AnnAssign():
                names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
                yield from ((each.id, None) for each in names if isinstance(each.ctx, ast.Store))
            case _:  # if, try, with, and the branches of these
                inner = ast.iter_child_nodes(node)
                yield from _definitions([each for each in inner if isinstance(each, _BLOCKS)])


def _misfit(function: Function, given: int, context: bool) -> str | None:
    """Say why a function cannot take so many arguments, or so many and the context."""
    if isinstance(function, ast.AsyncFunctionDef):
        return "is a coroutine"
    arguments = function.args
    most = len(arguments.posonlyargs) + len(arguments.args)
    least = most - len(arguments.defaults)
    if any(default is None for default in arguments.kw_defaults):
        return "has a keyword-only argument without a default"
    if context:  # the toolkit counts all parameters, even those with a default
        named = [arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
        most = least = most + sum(argument is not None for argument in named)
    fits = least <= given and (given <= most or arguments.vararg)
    if fits or (context and most == given + 1):
        return None
    taken = most if least == most else f"{least} to {most}"
    return f"takes {taken} argument{'' if taken == 1 else 's'}"


def _imports(
    name: str, module: ast.Module, container: Container, imports: Imports
) -> Iterator[Finding]:
    if container.contents is None:
        return  # the image may have any module
    certain = {_top(imported) for imported, _ in _imported(module.body)}
    said: set[str] = set()
    for_types = _for_types(module)
    run = [node for node in ast.walk(module) if node not in for_types]
    for imported, line in sorted(_imported(run), key=lambda each: each[1]):
        top = _top(imported)
        if top in said:
            continue
        if imported.startswith("."):
            if name.count("/") == 1:
                yield Finding(
                    IMPORT_MISSING,
                    name,
                    f"line {line}: the import is relative, but this module is not in a package",
                    "write `import NAME` with the name of the module beside this one",
                )
            continue
        offer = imports.offers(imported)
        if offer is Offer.YES:
            continue
        said.add(top)
        # An import in a function, an if or a try may never run, or its failure is caught.
        missing = offer is Offer.NO and top in certain
        is_not = "is not" if missing else "is not known to be"
        yield Finding(
            IMPORT_MISSING if missing else IMPORT_UNSURE,
            name,
            f"line {line}: {top} {is_not} in {container.name}, the requirements or code/",
            "add the package that has it to code/requirements.txt",
        )


def _for_types(module: ast.Module) -> set[ast.AST]:
    """Return the nodes under `if TYPE_CHECKING:`, which only type checkers read."""
    return {
        inner
        for node in ast.walk(module)
        if isinstance(node, ast.If)
        and any(
            "TYPE_CHECKING" in (getattr(name, "id", ""), getattr(name, "attr", ""))
            for name in ast.walk(node.test)
        )
        for statement in node.body
        for inner in ast.walk(statement)
    }


def _imported(statements: list[ast.stmt] | list[ast.AST]) -> Iterator[tuple[str, int]]:
    for statement in statements:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield alias.name, statement.lineno
        elif isinstance(statement, ast.ImportFrom):
            # `storage` in `from google.cloud import storage` is a module, or a name in a module.
            names = [alias.name for alias in statement.names]
            module = f"{statement.module}.{names[0]}" if statement.module else ""
            yield "." * statement.level + module, statement.lineno


def _top(module: str) -> str:
    return module.partition(".")[0]
