"""Where things lie in an archive: the model's files at its root, the script in its code/."""

from __future__ import annotations

from collections.abc import Iterator

from model_artifact.inspection.container import Container
from model_artifact.inspection.contents import ArchiveContents
from model_artifact.inspection.findings import Finding, Severity, rule

SCRIPT = "code/inference.py"

WRAPPED = rule(
    "layout-wrapped",
    Severity.ERROR,
    "where a script is run, the files lie at the archive's root, not all in one folder of it",
    "They land in /opt/ml/model/FOLDER, where neither the container nor model_fn looks.",
)
NO_MODEL = rule(
    "layout-no-model",
    Severity.ERROR,
    "there is something besides code/",
    "model_fn finds nothing to load.",
)
SCRIPT_MISSING = rule(
    "layout-script-missing",
    Severity.ERROR,
    f"there is a {SCRIPT}, if the container is to run one",
    "«No module named 'inference'», or a health check that never passes.",
)
SCRIPT_MISPLACED = rule(
    "layout-script-misplaced",
    Severity.ERROR,
    f"inference.py lies in code/, if the container is to run it: {SCRIPT}",
    "The container does not look for it elsewhere: «No module named 'inference'».",
)
LARGER_THAN_MEMORY = rule(
    "layout-memory",
    Severity.WARNING,
    "the model's files are smaller than the memory of the smallest instance",
    "A model that is loaded whole ends the container, which is started again and again until "
    "the health check times out.",
)


def check(contents: ArchiveContents, container: Container) -> Iterator[Finding]:
    """Yield what lies in the wrong place, or is missing, or is too large."""
    names = contents.sizes.keys()
    if not names:
        return  # said already: it is no archive, or everything in it was refused
    roots = {name.partition("/")[0] for name in names}
    (root,) = roots if len(roots) == 1 else ("",)
    # Others have a reason: Triton looks for a folder for each model, TensorFlow for each version.
    for_script = container.needs_script or any(name.startswith(f"{root}/code/") for name in names)
    if root and root != "code" and root not in names and for_script:
        yield Finding(
            WRAPPED,
            f"{root}/",
            "everything lies in this one folder",
            f"pack its content: tar czf model.tar.gz -C {root} .",
        )
    elif roots == {"code"}:
        yield Finding(NO_MODEL, "", "there is only code/", "put the model's files beside it")
    if container.needs_script and SCRIPT not in names:
        yield _no_script(contents)
    yield from _memory(contents, container)


def _no_script(contents: ArchiveContents) -> Finding:
    elsewhere = sorted(
        (name for name in contents.sizes if name.rpartition("/")[2] == "inference.py"), key=len
    )
    if elsewhere:
        return Finding(
            SCRIPT_MISPLACED, elsewhere[0], "the script lies here", f"move it to {SCRIPT}"
        )
    return Finding(
        SCRIPT_MISSING,
        SCRIPT,
        "there is no such member",
        "write it, or set `code = false` if the image serves the files by itself",
    )


def _memory(contents: ArchiveContents, container: Container) -> Iterator[Finding]:
    model_bytes = sum(size for name, size in contents.sizes.items() if not name.startswith("code/"))
    if container.memory_bytes and model_bytes > container.memory_bytes:
        yield Finding(
            LARGER_THAN_MEMORY,
            "",
            f"the model's files are {model_bytes / 1e9:,.1f} GB, and an instance has "
            f"{container.memory_bytes / 1e9:,.1f} GB of memory",
            "choose a larger instance type, unless the model is not loaded whole",
        )
