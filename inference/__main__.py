"""The command: python -m inference invoke ENDPOINT [BODY | --file FILE]."""

from __future__ import annotations

import atexit
import signal

if __name__ == "__main__":
    # Before the imports that take a while: a Ctrl-C ends it at once, since nothing has to be tidied
    # up; and so does a reader that has gone, when the rest of the output is written.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    atexit.register(signal.signal, signal.SIGPIPE, signal.SIG_DFL)

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError

from inference.client import EndpointClient, runtime_client
from inference.errors import InvocationError
from inference.payloads import JSON, content_type_of

EXAMPLE = """\
example:
  python -m inference invoke iris-prod '{"instances": [[1.2, 2.3, 3.4, 4.5]]}' --region eu-central-1
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    options = _options(arguments)
    try:
        status: int = options.run(options)
    except BrokenPipeError:  # nobody reads on
        return 128 + signal.SIGPIPE
    except (InvocationError, BotoCoreError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return status


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments, with BODY anywhere: argparse by itself wants it before the options."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    takes_body = "body" in options and options.body is None and options.file is None
    if len(rest) == 1 and takes_body and rest[0][:1] != "-":
        options.body = rest.pop()
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference", epilog=EXAMPLE)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    invoke = commands.add_parser(
        "invoke",
        help="send one request to an endpoint and print its answer as JSON",
        description="Send one request, given as an argument, in a file or on standard input.",
        epilog=EXAMPLE,
    )
    invoke.add_argument("endpoint", metavar="ENDPOINT")
    source = invoke.add_mutually_exclusive_group()
    source.add_argument("body", nargs="?", metavar="BODY", help="default: standard input")
    source.add_argument(
        "--file", type=Path, help="its suffix tells its content type: .json, .jsonl, .csv or .npy"
    )
    invoke.add_argument("--content-type", help=f"default: the file's, or {JSON}")
    invoke.add_argument("--accept", metavar="CONTENT_TYPE", help="the format of the answer")
    invoke.add_argument("--target-variant", metavar="NAME", help="default: by the weights")
    invoke.add_argument(
        "--target-model", metavar="ARCHIVE", help="which of a multi-model endpoint's archives"
    )
    invoke.add_argument(
        "--inference-component", metavar="NAME", help="which of the endpoint's components"
    )
    invoke.add_argument("--region", help="default: as the AWS CLI has it")
    invoke.set_defaults(run=_invoke)
    for each in (parser, *commands.choices.values()):
        each.formatter_class = argparse.RawDescriptionHelpFormatter  # an example stays one line
    return parser


def _invoke(options: argparse.Namespace) -> int:
    body, content_type = _request(options)
    endpoint = EndpointClient(
        runtime_client(options.region),
        options.endpoint,
        inference_component=options.inference_component,
    )
    answer = endpoint.invoke(
        body,
        content_type=content_type,
        accept=options.accept,
        target_variant=options.target_variant,
        target_model=options.target_model,
    ).decode()
    # What JSON does not know is an array of NPY.
    print(json.dumps(answer, default=lambda array: array.tolist()))
    return 0


def _request(options: argparse.Namespace) -> tuple[bytes, str]:
    if options.file:
        return options.file.read_bytes(), options.content_type or content_type_of(options.file)
    body = sys.stdin.buffer.read() if options.body is None else options.body.encode()
    return body, options.content_type or JSON


if __name__ == "__main__":
    sys.exit(main())
