"""The versions of the libraries that wrote the model, and of those that read it.

The breaks between versions of scikit-learn are measured: eleven estimators were trained with one
version and loaded with another, and their predictions compared (docs/inspection.md has the table).
A model that loads may still fail in one method.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from catalogue.image_contents import ImageContents
from model_artifact.inspection import xgboost_models
from model_artifact.inspection.container import Container
from model_artifact.inspection.contents import ArchiveContents
from model_artifact.inspection.findings import Finding, Severity, rule
from model_artifact.inspection.pickle_files import Pickle

SKLEARN_BREAKS = rule(
    "sklearn-breaks",
    Severity.ERROR,
    "the image's scikit-learn is not older than the one that saved the model, and no estimator in "
    "the model is known to fail with it",
    "The model does not load, or one method fails: predict_proba of a LogisticRegression that was "
    "saved with 1.9 fails with 1.4.",
)
SKLEARN_DIFFERS = rule(
    "sklearn-differs",
    Severity.WARNING,
    "the image's scikit-learn has the same minor version as the one that saved the model",
    "The model may fail, or predict something else; scikit-learn does not support other versions "
    "(https://scikit-learn.org/stable/model_persistence.html).",
)
NUMPY_BREAKS = rule(
    "numpy-breaks",
    Severity.ERROR,
    "no pickle was written with NumPy 2 for an image with NumPy 1",
    "«No module named 'numpy._core'», and the health check never passes.",
)
PYTHON_BREAKS = rule(
    "python-breaks",
    Severity.ERROR,
    "the image's Python can run every function that cloudpickle wrote into a pickle",
    "A TypeError while the model is loaded, or a crash.",
)
PYTHON_DIFFERS = rule(
    "python-differs",
    Severity.WARNING,
    "no pickle contains the code of a function",
    "Such code is bytecode of one minor version of Python, and does not run in another.",
)
XGBOOST_BREAKS = rule(
    "xgboost-breaks",
    Severity.ERROR,
    "the image's XGBoost is not older than the one that wrote the model, and reads its format",
    "XGBoost reads models of older versions, not of newer ones; since 3.1 it does not read its old "
    "binary format (https://xgboost.readthedocs.io/en/stable/changes/v3.1.0.html).",
)
XGBOOST_DIFFERS = rule(
    "xgboost-differs",
    Severity.WARNING,
    "every pickled booster has the version of the image's XGBoost",
    "A newer XGBoost reads saved models, but perhaps not pickled ones "
    "(https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html).",
)


@dataclass(frozen=True)
class _Break:
    """Estimators that fail with a newer version, if an older version saved them."""

    estimators: tuple[str, ...]
    """The beginnings of their names."""
    saved_before: str
    loaded_since: str


_BREAKS = (
    _Break(("DecisionTree", "ExtraTree", "RandomForest", "RandomTrees", "IsolationForest",
            "GradientBoosting", "HistGradientBoosting"), "1.3", "1.3"),
    _Break(("DecisionTreeClassifier", "RandomForestClassifier", "GradientBoosting",
            "HistGradientBoosting"), "1.4", "1.4"),
    _Break(("GradientBoosting", "HistGradientBoosting", "SimpleImputer"), "1.5", "1.9"),
)  # fmt: skip


def check(contents: ArchiveContents, container: Container) -> Iterator[Finding]:
    """Yield models that fail, or may fail, with the versions in the image."""
    image = container.contents
    if image is None:
        return
    for found in contents.pickles:
        yield from _sklearn(found, image)
        yield from _numpy(found, image)
        yield from _python(found, image)
    yield from _xgboost(contents, image)


def _sklearn(found: Pickle, image: ImageContents) -> Iterator[Finding]:
    there = _version(image.packages, "scikit-learn")
    if there is None:
        return
    by_version: dict[str, list[str]] = {}
    for estimator, version in sorted(found.estimators):
        by_version.setdefault(version, []).append(estimator)
    for version, estimators in by_version.items():
        saved = _parsed(version)
        if saved is None or _minor(saved) == _minor(there):
            continue
        breaks = [
            known.estimators
            for known in _BREAKS
            if saved < Version(known.saved_before) and there >= Version(known.loaded_since)
        ]
        broken = [each for each in estimators if any(map(each.startswith, breaks))]
        got = f"saved with scikit-learn {version}, but the image has {there}"
        fix = (
            f"choose an image with scikit-learn {saved.major}.{saved.minor}, or train with {there}"
        )
        if saved > there:
            yield Finding(SKLEARN_BREAKS, found.where, f"{got}, which is older", fix)
        elif broken:
            yield Finding(
                SKLEARN_BREAKS, found.where, f"{got}, where {', '.join(broken)} cannot work", fix
            )
        else:
            yield Finding(SKLEARN_DIFFERS, found.where, got, fix)


def _numpy(found: Pickle, image: ImageContents) -> Iterator[Finding]:
    there = _version(image.packages, "numpy")
    modern = [each for each in found.globals if each.module.startswith("numpy._core")]
    if modern and there and there.major < 2:
        yield Finding(
            NUMPY_BREAKS,
            found.where,
            f"written with NumPy 2 ({modern[0]}), but the image has NumPy {there}",
            "choose an image with NumPy 2, or train with NumPy 1",
        )


# The number of arguments of types.CodeType, and the oldest and the newest Python with that number
# (cpython's Objects/codeobject.c).
_CODE_ARGUMENTS = {16: ("3.8", "3.10"), 18: ("3.11", "3.14")}


def _python(found: Pickle, image: ImageContents) -> Iterator[Finding]:
    if not found.code_arguments:
        return
    fix = f"put the functions into a module in code/, or train with Python {image.python}"
    got = "this pickle contains the code of functions"
    for count in sorted(found.code_arguments):
        first, last = _CODE_ARGUMENTS.get(count, (image.python, image.python))
        if not Version(first) <= Version(image.python) <= Version(last):
            yield Finding(
                PYTHON_BREAKS,
                found.where,
                f"{got} for Python {first} to {last}, but the image has {image.python}",
                fix,
            )
            return
    yield Finding(PYTHON_DIFFERS, found.where, f"{got}; the image has Python {image.python}", fix)


def _xgboost(contents: ArchiveContents, image: ImageContents) -> Iterator[Finding]:
    there = _version(image.packages, "xgboost")
    if there is None:
        return
    if there >= Version("3.1"):
        for member in contents.xgboost_binaries:
            yield Finding(
                XGBOOST_BREAKS,
                member,
                f"this is XGBoost's old binary format, which {there} cannot read",
                "load it with XGBoost 3.0 or older and save it as .ubj or .json",
            )
    saved = {where: (numbers, False) for where, numbers in contents.xgboost_versions.items()}
    for found in contents.pickles:
        for blob in found.blobs:
            if in_blob := xgboost_models.version_in(blob):
                saved[found.where] = (in_blob, True)
    for where, (numbers, pickled) in sorted(saved.items()):
        version = Version(".".join(map(str, numbers)))
        got = f"written by XGBoost {version}, but the image has {there}"
        if _minor(version) > _minor(there):
            yield Finding(
                XGBOOST_BREAKS,
                where,
                f"{got}, which is older",
                f"choose a newer image, or train with XGBoost {there}",
            )
        elif pickled and _minor(version) != _minor(there):
            yield Finding(
                XGBOOST_DIFFERS,
                where,
                got,
                "save the model with save_model as .ubj or .json instead",
            )


def _version(packages: Mapping[str, str], name: str) -> Version | None:
    return _parsed(packages.get(name, ""))


def _parsed(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None


def _minor(version: Version) -> tuple[int, int]:
    return version.major, version.minor
