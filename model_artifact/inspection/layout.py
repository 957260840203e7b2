"""The layout of an archive: the model's files at the root, the script in code/."""

from __future__ import annotations

from collections.abc import Iterator

from model_artifact.inspection.container import Container
from model_artifact.inspection.contents import ArchiveContents
from model_artifact.inspection.findings import Finding, Severity, rule

SCRIPT = "code/inference.py"

WRAPPED = rule(
    "layout-wrapped",
    Severity.ERROR,
    "if the container runs a script, the files lie at the archive's root, not all in one folder",
    "The files land in /opt/ml/model/FOLDER, where neither the container nor model_fn looks.",
)
NO_MODEL = rule(
    "layout-no-model",
    Severity.ERROR,
    "the archive has something besides code/",
    "model_fn finds nothing to load.",
)
SCRIPT_MISSING = rule(
    "layout-script-missing",
    Severity.ERROR,
    f"the archive has {SCRIPT}, if the container runs a script",
    "«No module named 'inference'», or a health check that never passes.",
)
SCRIPT_MISPLACED = rule(
    "layout-script-misplaced",
    Severity.ERROR,
    "inference.py lies in code/, if the container runs it",
    "The container does not look in other folders: «No module named 'inference'».",
)
LARGER_THAN_MEMORY = rule(
    "layout-memory",
    Severity.WARNING,
    "the model's files are smaller than the memory of the smallest instance",
    "Loading the whole model ends the container. It starts again and again until the health check "
    "times out.",
)


def check(contents: ArchiveContents, container: Container) -> Iterator[Finding]:
    """Yield what is in the wrong place, missing or too large."""
    names = contents.sizes.keys()
    if not names:
        return  # already reported: the file is not an archive, or every member was refused
    roots = {name.partition("/")[0] for name in names}
    (root,) = roots if len(roots) == 1 else ("",)
    # Without a script one folder is right: Triton has one a model, TensorFlow one a version.
    for_script = container.needs_script or any(name.startswith(f"{root}/code/") for name in names)
    if root and root != "code" and root not in names and for_script:
        yield Finding(
            WRAPPED,
            f"{root}/",
            "everything lies in this one folder",
            f"pack the folder's content: tar czf model.tar.gz -C {root} .",
        )
    elif roots == {"code"}:
        yield Finding(
            NO_MODEL, "", "the archive has only code/", "put the model's files beside code/"
        )
    if container.needs_script and SCRIPT not in names:
        yield _no_script(contents, container)
    yield from _memory(contents, container)


def _no_script(contents: ArchiveContents, container: Container) -> Finding:
    elsewhere = sorted(
        (name for name in contents.sizes if name.rpartition("/")[2] == "inference.py"), key=len
    )
    if elsewhere:
        return Finding(
            SCRIPT_MISPLACED, elsewhere[0], "the script lies here", f"move it to {SCRIPT}"
        )
    fix = "write it"
    if container.family != "sklearn":  # whose container does not start without a script
        fix += ", or set `code = false` for the model if the image serves it without a script"
    return Finding(SCRIPT_MISSING, SCRIPT, "the archive has no such file", fix)


def _memory(contents: ArchiveContents, container: Container) -> Iterator[Finding]:
    model_bytes = sum(size for name, size in contents.sizes.items() if not name.startswith("code/"))
    if container.memory_bytes and model_bytes > container.memory_bytes:
        yield Finding(
            LARGER_THAN_MEMORY,
            "",
            f"the model's files have {model_bytes / 1e9:,.1f} GB, but an instance has "
            f"{container.memory_bytes / 1e9:,.1f} GB of memory",
            "choose a larger instance type, unless the script loads only a part of the model",
        )
