"""The command: python -m model_artifact inspect [ARCHIVE] [--stage NAME] [--model NAME].

Like app.py it composes: it knows stages and archives, which do not know of each other.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from model_artifact.archive import ArchiveError
from model_artifact.inspection import Finding, Severity, inspect
from model_artifact.preparation import container_of, pack
from settings.errors import StageError
from settings.stage import Stage

ROOT = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Inspect an archive, print what is found, and return the exit status: 1 for an error."""
    options = _parser().parse_args(arguments)
    try:
        stage = Stage.load(options.stage, ROOT / "stages")
        name = _model(stage, options.model)
        archive: Path | None = options.archive
        if archive is None:
            on_machine = isinstance(stage.served[name].artifact, Path)
            packed = pack(stage, name, ROOT) if on_machine else None
            if packed is None:
                raise ArchiveError(
                    f"{stage.served[name].artifact}: this is not on this machine; download it and "
                    "name the file: python -m model_artifact inspect FILE --stage "
                    f"{options.stage}" + (f" --model {name}" if name else "")
                )
            archive = packed.path
        elif not archive.is_file():
            raise ArchiveError(f"{archive}: there is no such file; name a model.tar.gz")
        container = container_of(stage, name)
        findings = inspect(archive, container, run=not options.no_trial)
    except (StageError, ArchiveError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if options.json:
        found = [finding.to_json() for finding in findings]
        print(json.dumps({"archive": str(archive), "image": container.image, "findings": found}))
    else:
        print(f"{archive} for {container.name}")
        _print(findings)
    return 1 if any(finding.rule.severity is Severity.ERROR for finding in findings) else 0


def _model(stage: Stage, asked: str | None) -> str:
    """Return the name of the model that is meant. Raises ArchiveError if several could be."""
    known = list(stage.served)
    if asked is None and len(known) == 1:
        return known[0]
    if asked is None or asked not in known:
        of = ", ".join(filter(None, known)) or "one only, which has no name"
        raise ArchiveError(f"--model {asked or 'is missing'}: the stage's models are {of}")
    return asked


def _print(findings: Sequence[Finding]) -> None:
    for finding in sorted(findings, key=lambda found: -found.rule.severity):
        print(finding)
    errors = sum(finding.rule.severity is Severity.ERROR for finding in findings)
    warnings = sum(finding.rule.severity is Severity.WARNING for finding in findings)
    print(f"{errors} errors, {warnings} warnings; docs/inspection.md has more on each")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_artifact")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    inspect = commands.add_parser(
        "inspect",
        help="find what SageMaker would trip over in an archive",
        description="Find what SageMaker would trip over in an archive, before it is uploaded. "
        "The archive is read first; if that finds no error it is also run, as you, in a folder "
        "of its own and without a network.",
    )
    inspect.add_argument(
        "archive", nargs="?", type=Path, metavar="ARCHIVE", help="default: the stage's, packed now"
    )
    inspect.add_argument(
        "--stage",
        default="dev",
        metavar="NAME",
        help="whose image, variables and instances it is for (default: %(default)s)",
    )
    inspect.add_argument(
        "--model", metavar="NAME", help="which of the stage's models, if it has several"
    )
    inspect.add_argument("--json", action="store_true", help="print the findings for programs")
    inspect.add_argument("--no-trial", action="store_true", help="read the archive, do not run it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
