"""Pickles: what loading them would import, and whether that is there, and harmless."""

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
    "Nothing: it is the list that the other rules judge.",
)
DANGEROUS = rule(
    "pickle-dangerous",
    Severity.ERROR,
    "no pickle imports what runs programs, opens files or reaches a network",
    "Whoever made the file runs code of theirs under the endpoint's role.",
)
OBSCURE = rule(
    "pickle-obscure",
    Severity.ERROR,
    "a pickle can be followed to its end, and every import of it is written out",
    "What it would do cannot be told, and no library writes such a pickle.",
)
MAIN = rule(
    "pickle-main",
    Severity.ERROR,
    "no pickle needs a class or function of a notebook or a script that was run (`__main__`)",
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
    "a pickle imports only what is known to be harmless: classes of the usual libraries, and "
    "modules of code/",
    "Probably nothing; but nobody has looked at what these do when they are called.",
)
UNREADABLE = rule(
    "pickle-unreadable",
    Severity.WARNING,
    "every pickle can be read to its end",
    "It does not load, or does what inspection does not see.",
)


def check(contents: ArchiveContents, container: Container, imports: Imports) -> Iterator[Finding]:
    """Yield what pickles would import, and what must not be, or cannot be, imported."""
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
                f"the rest of it cannot be read: {found.problem}",
                "save the model again, in one piece, with joblib.dump or pickle.dump",
            )


def _judged(member: str, each: Global, container: Container, imports: Imports) -> Iterator[Finding]:
    module = each.module
    match judge(each):
        case Judgement.DANGEROUS:
            yield Finding(
                DANGEROUS,
                member,
                f"loading it would import {each}",
                "do not load it, here or there; get the model from whom you trust, or save it "
                "without this",
            )
            return
        case Judgement.OBSCURE:
            yield Finding(
                OBSCURE,
                member,
                f"it cannot be followed: {each.name if each.module == '?' else each}",
                "do not load it if it is not yours; else save the model again with joblib.dump",
            )
            return
        case Judgement.UNKNOWN if module in ("__main__", "__mp_main__"):
            yield Finding(
                MAIN,
                member,
                f"it needs {each.name} of the program that saved it",
                "move that into a module beside inference.py, import it from there when you train, "
                "and save the model again",
            )
            return
        case Judgement.UNKNOWN if imports.has(module):
            pass
        case Judgement.UNKNOWN:
            yield Finding(
                UNKNOWN, member, f"loading it would import {each}", "look at it, if it is not yours"
            )
    if imports.offers(module) is Offer.NO:
        yield Finding(
            MODULE_MISSING,
            member,
            f"it needs {each}, and {module.partition('.')[0]} is not in {container.name}, the "
            "requirements or code/",
            "put the module into code/, or name its package in code/requirements.txt",
        )
