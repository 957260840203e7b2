"""The user's code, installed as AWS's images do it, and called by their contract.

`model_fn(model_dir)` loads the model. Then either `transform_fn(model, body, content_type, accept)`
answers, or `input_fn(body, content_type)`, `predict_fn(data, model)` and `output_fn(prediction,
accept)` answer, each of the three with a default. Source: `_transformer.py` and `_modules.py` of
sagemaker-containers.
"""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from container import encoders, layout, requirements, source_code
from container.image import Image

Transform: TypeAlias = Callable[[str | bytes, str, str], Any]
"""A loaded model: (body, content type, accept) -> whatever the handler returns."""


class ImportModuleError(Exception):
    """The program that SAGEMAKER_PROGRAM names is not where SAGEMAKER_SUBMIT_DIRECTORY points."""


class UserError(Exception):
    """A handler module that breaks the contract."""


def install(root: Path, environ: Mapping[str, str]) -> None:
    """Put the user's code in its place under `root`, without running it.

    Raises the errors above and what `requirements` raises.
    """
    code = layout.code_dir(root)
    _copy(environ, code)
    packages = layout.packages_dir(root)
    requirements.satisfy(code / "requirements.txt", packages)
    sys.path[:0] = [str(code), str(packages)]


def load(root: Path, environ: Mapping[str, str], image: Image) -> Transform:
    """Import the installed code of the user, and load the model.

    Raises whatever the user's code raises, and the errors above.
    """
    return bind(program(environ, image), layout.model_dir(root), image)


def program(environ: Mapping[str, str], image: Image) -> ModuleType:
    """Import the installed code of the user as a top-level module."""
    name = environ.get("SAGEMAKER_PROGRAM")
    if name is None:
        raise image.without_program
    return _import(name)


def _copy(environ: Mapping[str, str], code: Path) -> None:
    """Copy the user's code to `/opt/ml/code`, unless nothing is named or it is there already."""
    submit_directory = environ.get("SAGEMAKER_SUBMIT_DIRECTORY")
    code.mkdir(parents=True, exist_ok=True)
    if submit_directory is None or Path(submit_directory) == code:
        return
    if "://" in submit_directory:
        source_code.download(submit_directory, code)
        return
    source = Path(submit_directory)
    if source.is_dir():
        shutil.copytree(source, code, dirs_exist_ok=True)
    elif source.is_file():
        layout.extract(source, code)
    else:
        hint = (
            ": a multi-model container starts without a model, and so without a model's code/; "
            "give the s3:// URL of a .tar.gz with the script at its root"
        )
        raise FileNotFoundError(
            f"SAGEMAKER_SUBMIT_DIRECTORY: {submit_directory} does not exist"
            + (hint if "SAGEMAKER_MULTI_MODEL" in environ else "")
        )


def _import(program: str) -> ModuleType:
    """Import the user's program as a top-level module."""
    name = program.removesuffix(".py")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportModuleError(f"No module named {name!r}") from error


def bind(module: ModuleType, model_dir: Path, image: Image) -> Transform:
    """Load a model and bind it to the functions that the module has."""
    steps = {
        "input_fn": image.input_fn,
        "predict_fn": image.predict_fn,
        "output_fn": _output,
    }
    own = [name for name in steps if getattr(module, name, None)]
    transform_fn = getattr(module, "transform_fn", None)
    if transform_fn and own:
        raise UserError(
            "Cannot use transform_fn implementation with input_fn, predict_fn, and/or output_fn: "
            f"{module.__name__} has {' and '.join(own)} too"
        )
    model_fn = getattr(module, "model_fn", None)
    if model_fn is None:
        raise NotImplementedError(
            f"Please provide a model_fn implementation: {module.__name__} has none"
        )
    model = model_fn(str(model_dir))
    if transform_fn:
        return partial(transform_fn, model)
    input_fn, predict_fn, output_fn = (
        getattr(module, name, None) or default for name, default in steps.items()
    )

    def transform(body: str | bytes, content_type: str, accept: str) -> Any:
        return output_fn(predict_fn(input_fn(body, content_type), model), accept)

    return transform


def _output(prediction: Any, accept: str) -> tuple[str | bytes, str]:
    return encoders.encode(prediction, accept), accept
