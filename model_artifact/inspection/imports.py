"""Which modules a container can import: from its image, the requirements and code/."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from catalogue.image_contents import ImageContents
from model_artifact.inspection.container import Container


class Offer(Enum):
    """Whether a module can be imported."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


# Modules that newer versions of Python removed (PEP 594, PEP 632; each version's "What's new").
_REMOVED = {
    "3.12": {"asynchat", "asyncore", "distutils", "imp", "smtpd"},
    "3.13": {
        *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap"),
        *("msilib", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau"),
        *("telnetlib", "uu", "xdrlib"),
    },
}
# Modules that only newer versions have.
_ADDED = {"3.9": {"graphlib", "zoneinfo"}, "3.11": {"tomllib"}, "3.14": {"annotationlib"}}


# An image with one of these packages also has the packages after it, even if its list of packages
# is not complete.
_IMPLIED = {
    "sagemaker-containers": ("flask", "werkzeug", "gunicorn", "gevent", "boto3", "requests"),
    "scikit-learn": ("numpy", "scipy", "joblib", "threadpoolctl"),
    "pandas": ("numpy", "python-dateutil", "pytz"),
    "torch": ("typing-extensions",),
    "transformers": ("numpy", "huggingface-hub", "tokenizers", "requests", "tqdm", "pyyaml"),
}


class Imports:
    """The modules that a container can import."""

    def __init__(
        self, container: Container, requirements: Iterable[str], modules: Iterable[str]
    ) -> None:
        """Take the distributions that the requirements name, and the modules in code/."""
        self._image = container.contents
        self._requirements = {canonicalize_name(name) for name in requirements}
        self._modules = set(modules)

    def has(self, module: str) -> bool:
        """Tell whether code/ has a module, or the package that contains it."""
        return _top(module) in self._modules

    def offers(self, module: str) -> Offer:
        """Tell whether a module can be imported, by its full name.

        The answer is UNSURE if a dependency of the requirements may bring the module, or if the
        image's list of packages is not complete.
        """
        if self.has(module) or _top(module) in _standard_library(self._image):
            return Offer.YES
        in_image = self._image.packages.keys() if self._image else set()
        implied = {name for package in in_image for name in _IMPLIED.get(package, ())}
        if _distributions(module) & (self._requirements | in_image | implied):
            return Offer.YES
        if self._requirements or self._image is None or not self._image.complete:
            return Offer.UNSURE
        return Offer.NO


def _standard_library(image: ImageContents | None) -> set[str]:
    names = {*sys.stdlib_module_names, *(name for more in _REMOVED.values() for name in more)}
    if image is None:
        return names
    python = _numbers(image.python)
    for version, removed in _REMOVED.items():
        if python >= _numbers(version):
            names -= removed
    for version, added in _ADDED.items():
        if python < _numbers(version):
            names -= added
    # setuptools brings distutils back (PEP 632).
    return names | ({"distutils"} if "setuptools" in image.packages else set())


def _distributions(module: str) -> set[str]:
    """Return the names of the distributions that may contain a module."""
    parts = module.split(".")
    known = (_import_names().get(".".join(parts[:count])) for count in range(len(parts), 0, -1))
    named = next((names for names in known if names), [])
    installed = _installed().get(_top(module), [])
    return {canonicalize_name(name) for name in (_top(module), *named, *installed)}


def _top(module: str) -> str:
    return module.partition(".")[0]


@cache
def _import_names() -> Mapping[str, list[str]]:
    path = Path(__file__).with_name("import_names.json")
    names: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return names


@cache
def _installed() -> Mapping[str, list[str]]:
    """Return which distributions bring which modules in this environment."""
    return packages_distributions()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
