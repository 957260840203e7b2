"""The command: python -m model_artifact inspect [ARCHIVE] [--stage NAME] [--model NAME].

Like app.py it composes: it knows stages and archives, which do not know of each other.
"""

from __future__ import annotations

import atexit
import signal

if __name__ == "__main__":
    # Before the imports that take a while: until main is called, a Ctrl-C ends it at once. So does
    # a reader that has gone, when the rest of the output is written.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    atexit.register(signal.signal, signal.SIGPIPE, signal.SIG_DFL)

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from model_artifact.archive import ArchiveError
from model_artifact.inspection import Finding, Severity, inspect
from model_artifact.inspection.trial import SKIPPED
from model_artifact.preparation import container_of, pack
from settings.errors import StageError
from settings.stage import Stage

ROOT = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status: 1 for an error in an archive."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (StageError, ArchiveError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:  # nobody reads on
        return 128 + signal.SIGPIPE
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return status


def _inspect(options: argparse.Namespace) -> int:
    stage = Stage.load(options.stage, ROOT / "stages")
    name = _model(stage, options.model)
    archive = _named(options.archive) if options.archive else _packed(stage, name, options.stage)
    container = container_of(stage, name)
    # Whoever names an archive may not know what is in it.
    tried = not options.archive if options.trial is None else options.trial
    findings = inspect(archive, container, run=tried)
    errors = any(finding.rule.severity is Severity.ERROR for finding in findings)
    if options.trial is None and not tried and not errors:
        got = "not tried: an archive that is named on the command line is only read"
        findings.append(Finding(SKIPPED, "", got, "add --trial to run its code, if you trust it"))
    if options.json:
        found = [finding.to_json() for finding in findings]
        print(json.dumps({"archive": str(archive), "image": container.image, "findings": found}))
    else:
        print(f"{archive} for {container.name}")
        _print(findings)
    return int(errors)


def _named(archive: Path) -> Path:
    if not archive.is_file():
        why = "this is not a file" if archive.exists() else "this file does not exist"
        raise ArchiveError(f"{archive}: {why}; name a model.tar.gz on this machine")
    return archive


def _packed(stage: Stage, name: str, asked: str) -> Path:
    """Pack one of a stage's models. Raises ArchiveError for one that is not on this machine."""
    artifact = stage.served[name].artifact
    packed = pack(stage, name, ROOT) if isinstance(artifact, Path) else None
    if packed is None:
        raise ArchiveError(
            f"{artifact}: this is not on this machine; download it and name the file: "
            f"python -m model_artifact inspect FILE --stage {asked}"
            + (f" --model {name}" if name else "")
        )
    return packed.path


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
    example = "example:\n  python -m model_artifact inspect --stage prod"
    parser = argparse.ArgumentParser(prog="python -m model_artifact", epilog=example)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    inspect = commands.add_parser(
        "inspect",
        help="find what SageMaker would trip over in an archive",
        description="Find what SageMaker would trip over in an archive, before it is uploaded.\n"
        "The archive is read first. If that finds no error, the stage's own archive is also run:\n"
        "as you, in a folder of its own and without a network. One that is named is run only if\n"
        "you say --trial.",
        epilog=f"{example}\n  python -m model_artifact inspect downloaded.tar.gz --trial",
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
    inspect.add_argument(
        "--trial",
        action=argparse.BooleanOptionalAction,
        help="run the archive's code, or only read it (default: run it unless ARCHIVE is given)",
    )
    inspect.set_defaults(run=_inspect)
    for each in (parser, *commands.choices.values()):
        each.formatter_class = argparse.RawDescriptionHelpFormatter  # an example stays on a line
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
