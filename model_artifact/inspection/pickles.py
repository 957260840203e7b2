"""Pickles: what each imports when it is loaded, and whether that exists and is harmless."""

from __future__ import annotations

from collections.abc import Iterator

from model_artifact.inspection.container import Container
from model_artifact.inspection.contents import ArchiveContents
from model_artifact.inspection.findings import Finding, Severity, rule
from model_artifact.inspection.imports import Imports, Offer
from model_artifact.inspection.judgement import Judgement, judge
from model_artifact.inspection.pickle_values import Global

GLOBALS = rule(
    "pickle-globals",
    Severity.INFO,
    "what each pickle imports",
    "Nothing: the other rules judge this list.",
)
DANGEROUS = rule(
    "pickle-dangerous",
    Severity.ERROR,
    "no pickle imports anything that runs programs, opens files or reaches a network",
    "The author of the file runs code with the rights of the endpoint's role.",
)
OBSCURE = rule(
    "pickle-obscure",
    Severity.ERROR,
    "inspection can follow every pickle to its end, and every import has a plain name",
    "Nobody can tell what the pickle does, and no library writes such a pickle.",
)
MAIN = rule(
    "pickle-main",
    Severity.ERROR,
    "no pickle needs a class or function from the notebook or program that saved it (`__main__`)",
    "«Can't get attribute … on <module '__main__'>», and the health check never passes.",
)
MODULE_MISSING = rule(
    "pickle-module",
    Severity.ERROR,
    "every module that a pickle imports is in the image, the requirements or code/",
    "ModuleNotFoundError while the model is loaded, and the health check never passes.",
)
UNKNOWN = rule(
    "pickle-unknown",
    Severity.WARNING,
    "every pickle imports only what is known to be harmless: classes of the usual libraries, and "
    "modules in code/",
    "Probably nothing, but nobody has checked what the other imports do when they are called.",
)
UNREADABLE = rule(
    "pickle-unreadable",
    Severity.WARNING,
    "every pickle can be read to its end",
    "The pickle does not load, or it does something that inspection does not see.",
)


def check(contents: ArchiveContents, container: Container, imports: Imports) -> Iterator[Finding]:
    """Yield what the pickles import, and which imports are forbidden or cannot work."""
    for found in sorted(contents.pickles, key=lambda each: each.where):
        named = sorted(map(str, found.globals))
        if named:
            yield Finding(GLOBALS, found.where, f"it imports {', '.join(named)}")
        for each in found.globals:
            yield from _judged(found.where, each, container, imports)
        if found.problem:
            yield Finding(
                UNREADABLE,
                found.where,
                f"the rest of this pickle cannot be read: {found.problem}",
                "save the model again with joblib.dump or pickle.dump",
            )


def _judged(member: str, each: Global, container: Container, imports: Imports) -> Iterator[Finding]:
    module = each.module
    match judge(each):
        case Judgement.DANGEROUS:
            yield Finding(
                DANGEROUS,
                member,
                f"loading it would import {each}",
                "do not load it anywhere; get the model from somebody whom you trust, or save your "
                "own without this import",
            )
            return
        case Judgement.OBSCURE:
            yield Finding(
                OBSCURE,
                member,
                "inspection cannot follow this pickle: "
                f"{each.name if each.module == '?' else f'it imports {each}'}",
                "do not load it if it is not yours; save your own model again with joblib.dump",
            )
            return
        case Judgement.UNKNOWN if module in ("__main__", "__mp_main__"):
            yield Finding(
                MAIN,
                member,
                f"it needs {each.name}, which only the program that saved it has",
                f"move {each.name} into a module beside inference.py, import it from there in the "
                "training, and save the model again",
            )
            return
        case Judgement.UNKNOWN if imports.has(module):
            pass
        case Judgement.UNKNOWN:
            yield Finding(
                UNKNOWN,
                member,
                f"loading it would import {each}",
                "if the file is not yours, check what this import does",
            )
    if imports.offers(module) is Offer.NO:
        yield Finding(
            MODULE_MISSING,
            member,
            f"it needs {each}, but {module.partition('.')[0]} is not in {container.name}, the "
            "requirements or code/",
            "put the module into code/, or add its package to code/requirements.txt",
        )
