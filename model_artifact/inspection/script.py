"""code/inference.py: does it keep the contract of the container that is to run it?

It is parsed, not run.
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
    "every module of code/ is Python that the image's version can read",
    "The import fails, and the health check never passes.",
)
NO_MODEL_FN = rule(
    "script-model-fn",
    Severity.ERROR,
    "the script defines model_fn, where the container has none of its own",
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
    "the functions that the container calls take the arguments that it gives; none is a coroutine",
    "A TypeError: of model_fn while the container starts, of the others at every request.",
)
IMPORT_MISSING = rule(
    "script-import",
    Severity.ERROR,
    "what code/ imports is in the image, in code/requirements.txt or in code/ itself",
    "ModuleNotFoundError, and the health check never passes.",
)
IMPORT_UNSURE = rule(
    "script-import-unsure",
    Severity.WARNING,
    "what code/ imports is known to be in the image or in the requirements",
    "ModuleNotFoundError, unless it comes with another package.",
)


@dataclass(frozen=True)
class Contract:
    """What a container calls in the script; docs/inspection.md has the sources."""

    functions: dict[str, int]
    """The functions by their names, and how many arguments each is given."""
    required: frozenset[str] = frozenset()
    context: bool = False
    """Whether one more argument may be taken, the context."""


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
    """Yield what the container would trip over in the script and the modules beside it."""
    for name, source in sorted(contents.sources.items()):
        if not name.endswith(".py"):
            continue
        try:
            module = _parse(source, container)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            said = error.msg if isinstance(error, SyntaxError) else str(error) or repr(error)
            version = ".".join(map(str, _readable(container)))
            yield Finding(SYNTAX, name, f"it is not Python {version}{line}: {said}", "correct it")
            continue
        if name == SCRIPT and container.family in _CONTRACTS and container.needs_script:
            yield from _functions(module, _CONTRACTS[container.family], container)
        yield from _imports(name, module, container, imports)


def _parse(source: bytes, container: Container) -> ast.Module:
    return ast.parse(source, feature_version=_readable(container))


def _readable(container: Container) -> tuple[int, int]:
    """Return the Python that modules are read as: the image's, or this one if it is older."""
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
            f"it has no {name}",
            f"define {name}(model_dir), which loads the model and returns it",
        )
    steps = [name for name in _STEPS if name in defined]
    if "transform_fn" in defined and steps and "transform_fn" in contract.functions:
        yield Finding(
            CLASH,
            SCRIPT,
            f"it has transform_fn and {' and '.join(steps)}",
            "keep transform_fn alone, or remove it",
        )
    for name, given in contract.functions.items():
        function = defined.get(name)
        if function and (problem := _misfit(function, given, contract.context)):
            yield Finding(
                ARITY,
                SCRIPT,
                f"line {function.lineno}: {name} {problem}; the container "
                f"({container.family}) calls it with {given} by position",
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

# What has statements in it: not expressions, which may lie in each other a thousand deep.
_BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)


def _definitions(body: Sequence[ast.AST]) -> Iterator[tuple[str, Function | None]]:
    """Yield the names that a module defines, with the function where that is how."""
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
    """Say why a function cannot be called with so many arguments, or so many and the context."""
    if isinstance(function, ast.AsyncFunctionDef):
        return "is a coroutine"
    arguments = function.args
    most = len(arguments.posonlyargs) + len(arguments.args)
    least = most - len(arguments.defaults)
    if any(default is None for default in arguments.kw_defaults):
        return "has an argument that can only be given by keyword"
    if context:  # the toolkit counts the parameters, those with a default too
        named = [arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
        most = least = most + sum(argument is not None for argument in named)
    fits = least <= given and (given <= most or arguments.vararg)
    if fits or (context and most == given + 1):
        return None
    return f"takes {most if least == most else f'{least} to {most}'} arguments"


def _imports(
    name: str, module: ast.Module, container: Container, imports: Imports
) -> Iterator[Finding]:
    if container.contents is None:
        return  # whatever it is, it may be in there
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
                    f"line {line}: a relative import, and the module is in no package",
                    "write `import NAME` of the module beside it",
                )
            continue
        offer = imports.offers(imported)
        if offer is Offer.YES:
            continue
        said.add(top)
        # In a function, a condition or a try it may never be reached, or its failure is caught.
        missing = offer is Offer.NO and top in certain
        is_not = "is not" if missing else "is not known to be"
        yield Finding(
            IMPORT_MISSING if missing else IMPORT_UNSURE,
            name,
            f"line {line}: {top} {is_not} in {container.name}, the requirements or code/",
            "name what brings it in code/requirements.txt",
        )


def _for_types(module: ast.Module) -> set[ast.AST]:
    """Return what lies under `if TYPE_CHECKING:`, which only type checkers import."""
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
            # `from google.cloud import storage` names a module, or something in one.
            names = [alias.name for alias in statement.names]
            module = f"{statement.module}.{names[0]}" if statement.module else ""
            yield "." * statement.level + module, statement.lineno


def _top(module: str) -> str:
    return module.partition(".")[0]
