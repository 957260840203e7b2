"""The versions that wrote the model, against those that are to read it.

What happens between two versions of scikit-learn was measured: eleven estimators trained with one
version and loaded with another, and their predictions compared (docs/inspection.md has the table).
That a model loads is no proof: it may fail in one method only.
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
    "the image's scikit-learn is not older than the one that saved the model, nor so much newer "
    "that an estimator in it is known not to load or not to predict",
    "The model does not load, or loads and fails in a method: after 1.9 to 1.4, predict_proba of a "
    "LogisticRegression.",
)
SKLEARN_DIFFERS = rule(
    "sklearn-differs",
    Severity.WARNING,
    "the image's scikit-learn is of the same minor version as the one that saved the model",
    "It may load and predict otherwise; scikit-learn does not support it "
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
    "functions that cloudpickle wrote into a pickle are of a Python that the image can read",
    "A TypeError while the model is loaded, or a crash.",
)
PYTHON_DIFFERS = rule(
    "python-differs",
    Severity.WARNING,
    "no function of a program is written into a pickle",
    "It is bytecode of one minor version of Python, and runs in no other.",
)
XGBOOST_BREAKS = rule(
    "xgboost-breaks",
    Severity.ERROR,
    "the image's XGBoost is not older than the one that wrote the model, and reads its format",
    "XGBoost reads models of older versions, not of newer ones, and since 3.1 none in its old "
    "binary format (https://xgboost.readthedocs.io/en/stable/changes/v3.1.0.html).",
)
XGBOOST_DIFFERS = rule(
    "xgboost-differs",
    Severity.WARNING,
    "a booster that is pickled was written by the image's XGBoost",
    "XGBoost keeps a saved model readable, and a pickle of one not "
    "(https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html).",
)


@dataclass(frozen=True)
class _Break:
    """Estimators of which a newer version cannot load, or not use, what an older one saved."""

    estimators: tuple[str, ...]
    """How their names begin."""
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
    """Yield models that the image's versions cannot read, or may read otherwise."""
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
        got = f"saved with scikit-learn {version}, and the image has {there}"
        fix = (
            f"choose an image with scikit-learn {saved.major}.{saved.minor}, or train with {there}"
        )
        if saved > there:
            yield Finding(SKLEARN_BREAKS, found.where, f"{got}, an older one", fix)
        elif broken:
            yield Finding(
                SKLEARN_BREAKS, found.where, f"{got}, which fails with {', '.join(broken)}", fix
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
            f"it was written with NumPy 2 ({modern[0]}), and the image has {there}",
            "choose an image with NumPy 2, or train with NumPy 1",
        )


# How many arguments types.CodeType takes, by the oldest Python that it is so in
# (cpython's Objects/codeobject.c).
_CODE_ARGUMENTS = {16: ("3.8", "3.10"), 18: ("3.11", "3.14")}


def _python(found: Pickle, image: ImageContents) -> Iterator[Finding]:
    if not found.code_arguments:
        return
    fix = f"put the function into a module of code/, or train with Python {image.python}"
    got = "it has functions of the program that saved it"
    for count in sorted(found.code_arguments):
        first, last = _CODE_ARGUMENTS.get(count, (image.python, image.python))
        if not Version(first) <= Version(image.python) <= Version(last):
            yield Finding(
                PYTHON_BREAKS,
                found.where,
                f"{got}, of Python {first} to {last}, and the image has {image.python}",
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
                f"it is in XGBoost's binary format, and {there} does not read it any more",
                "load it with XGBoost 3.0 or older and save it as .ubj or .json",
            )
    saved = {where: (numbers, False) for where, numbers in contents.xgboost_versions.items()}
    for found in contents.pickles:
        for blob in found.blobs:
            if in_blob := xgboost_models.version_in(blob):
                saved[found.where] = (in_blob, True)
    for where, (numbers, pickled) in sorted(saved.items()):
        version = Version(".".join(map(str, numbers)))
        got = f"written by XGBoost {version}, and the image has {there}"
        if _minor(version) > _minor(there):
            yield Finding(
                XGBOOST_BREAKS,
                where,
                f"{got}, an older one",
                "choose a newer image, or train with it",
            )
        elif pickled and _minor(version) != _minor(there):
            yield Finding(
                XGBOOST_DIFFERS, where, got, "save it with save_model, as .ubj or .json, instead"
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
