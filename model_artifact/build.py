"""What a synth makes in a project: build/, which is Slipway's own folder, and cdk.out."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from folders import FolderError, OwnFolder, keep_private

_ARCHIVES = ("model.tar.gz", "sourcedir.tar.gz")

MADE = (
    *(
        f"{place}/{archive}{rest}"
        for place in ("*", "*/*")  # an endpoint's only model, and each of several
        for archive in _ARCHIVES
        for rest in ("", ".json", ".inspection.json", ".[0-9]*.part")
    ),
    "wheels/*/*.whl",
    "wheels/*/requirements.txt",
    "wheels/.*",  # unfinished downloads
    # By the Makefile, for catalogue/.
    "images.json",
    "sagemaker-core-[0-9]*",
    "instance_types.json",
    "instance-types",
    "jsii",
)
"""All that is made in build/, as `folders.remove` takes it."""


def build_folder(root: Path) -> OwnFolder:
    """Return a project's build/, which is still to be claimed."""
    return OwnFolder(root / "build", "Slipway's archives")


def give_jsii_a_cache(root: Path) -> None:
    """Have jsii unpack the CDK in build/ where it cannot below the home folder.

    It unpacks once, and fails where it cannot.
    """
    cache = Path(os.environ.get("HOME") or os.devnull, ".cache/aws/jsii/package-cache")
    while not os.access(cache, os.F_OK):
        cache = cache.parent
    if os.access(cache, os.W_OK | os.X_OK):
        return
    build = build_folder(root)
    try:
        build.claim()
    except FolderError as error:
        sys.exit(f"{error}; move what is in the way, or set HOME to a folder that can be written")
    os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(build.path / "jsii"))


CDK_OUT = "cdk.out"

MADE_BY_CDK = (
    *("cdk.out", "manifest.json", "tree.json", "validation-report.json"),
    *("performance-counters.json", "error.txt"),
    *("*.template.json", "*.assets.json", "*.metadata.json"),
    *("asset.*", "assembly-*", ".cache", "synth.lock", "read.*.lock"),
)
"""All that the CDK and its CLI make in cdk.out."""


def keep_cdk_out_private(folder: Path) -> None:
    """Leave cdk.out, which the CDK CLI makes, to its user alone.

    A folder that was named by `--output`, and what a link leads to, stay as their user has them.
    """
    if folder.name == CDK_OUT and not folder.is_symlink():
        with suppress(PermissionError):  # it is another user's
            keep_private(folder)
