"""The command: python -m local_cloud start | stop | status | logs ENDPOINT | exec -- COMMAND."""

from __future__ import annotations

import atexit
import signal

if __name__ == "__main__":
    # Before the imports that take a while: until main is called, a Ctrl-C ends it at once. So does
    # a reader that has gone, when the rest of the output is written.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    atexit.register(signal.signal, signal.SIGPIPE, signal.SIG_DFL)

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from botocore.exceptions import ClientError

from local_cloud.access import Clients, environment
from local_cloud.home import LocalCloudError, contents, default_home, is_ours
from local_cloud.process import Running, find, start, stop

NOT_RUNNING = "the local cloud is not running; start it with `python -m local_cloud start`"

_EXAMPLES = {"": "exec -- cdk deploy", "logs": "logs iris-dev", "exec": "exec -- cdk deploy"}
"""What --help of a command shows, unless it is the command alone; of "", --help of them all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except LocalCloudError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:  # nobody reads on
        return 128 + signal.SIGPIPE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local_cloud",
        description="AWS on this machine, for `cdk deploy` and boto3. It runs the code in the\n"
        "model archives that are deployed to it, and listens on the loopback address only.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("start", help="start it, unless it runs")
    command.add_argument("--port", type=_port, help="fail unless this one is free")
    command.set_defaults(run=_start)

    command = commands.add_parser("stop", help="end it and all that is deployed on it")
    command.set_defaults(run=_stop)

    command = commands.add_parser("status", help="say where it runs and what is deployed")
    command.set_defaults(run=_status)

    command = commands.add_parser("logs", help="print what an endpoint's containers have written")
    command.add_argument("endpoint")
    command.set_defaults(run=_logs)

    command = commands.add_parser("exec", help="run a command on it, starting it if need be")
    command.add_argument("command", nargs="+", metavar="-- COMMAND")
    command.set_defaults(run=_exec)

    for name, each in {**commands.choices, "": parser}.items():
        each.epilog = f"example:\n  python -m local_cloud {_EXAMPLES.get(name, name)}"
        each.formatter_class = argparse.RawDescriptionHelpFormatter  # it stays on a line
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port; write 0 to 65535, 0 for any")
    return port


def _start(options: argparse.Namespace) -> int:
    running = start(default_home(), options.port)
    _announce(running)
    print("run a command on it with `python -m local_cloud exec -- COMMAND`")
    return 0


def _stop(_: argparse.Namespace) -> int:
    home = default_home()
    has_left_over = is_ours(home)
    if stop(home):
        said = "stopped"
    elif has_left_over:
        said = f"it was not running; what a killed one had left in {home} is removed"
    else:
        said = "it was not running"
    if others := contents(home):
        said += f"; {home} stays, since it holds {others}, which the local cloud did not make"
    print(said)
    return 0


def _status(_: argparse.Namespace) -> int:
    running = find(default_home())
    if not running:
        print(NOT_RUNNING)
        return 1
    _announce(running)
    for region in running.regions:
        sagemaker = Clients(running.url)("sagemaker", region)
        for endpoint in sagemaker.list_endpoints()["Endpoints"]:
            name = endpoint["EndpointName"]
            words = [region, name, endpoint["EndpointStatus"], *_progress(sagemaker, name)]
            print(*words, sep="  ")
    return 0


def _progress(sagemaker: Any, name: str) -> list[str]:
    """Say what an update is at: with shortened waits it is not at what its policy says."""
    try:
        described = sagemaker.describe_endpoint(EndpointName=name)
    except ClientError:
        return []  # deleted meanwhile
    pending = described.get("PendingDeploymentSummary", {})
    statuses = [each["VariantStatus"][0] for each in pending.get("ProductionVariants", [])[:1]]
    return [status["StatusMessage"] for status in statuses]


def _logs(options: argparse.Namespace) -> int:
    running = find(default_home())
    if not running:
        raise LocalCloudError(NOT_RUNNING)
    group = f"/aws/sagemaker/Endpoints/{options.endpoint}"
    found = False
    for region in running.regions:
        logs = Clients(running.url)("logs", region)
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            continue
        found = True
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                print(f"{event['logStreamName']}  {event['message']}")
    if not found:
        raise LocalCloudError(f"no endpoint {options.endpoint} has written a log; see `status`")
    return 0


def _exec(options: argparse.Namespace) -> int:
    home = default_home()
    found = find(home)
    running = found or start(home)
    try:
        status, interrupted = _run(options.command, running)
    except LocalCloudError:
        if not found:
            stop(home)
        raise
    if not found and interrupted:
        stop(home)
    elif not found:
        _announce(running, sys.stderr)
        print("stop it with `python -m local_cloud stop`", file=sys.stderr)
    return status


def _run(command: Sequence[str], running: Running) -> tuple[int, bool]:
    """Run a command to its end; return its status as a shell has it, and if a Ctrl-C came."""
    try:
        process = subprocess.Popen(command, env=environment(running.url, os.environ))
    except OSError as error:
        raise LocalCloudError(
            f"{command[0]}: {error.strerror}; is the environment activated, and the name right?"
        ) from None
    interrupted = False
    while process.returncode is None:
        try:
            process.wait()
        except KeyboardInterrupt:
            # The terminal has sent it to the command as well. An interpreter or a debugger goes on.
            interrupted = True
    status = process.returncode
    return (status if status >= 0 else 128 - status), interrupted


def _announce(running: Running, file: TextIO | None = None) -> None:
    note = f" ({running.note})" if running.note else ""
    print(f"the local cloud runs at {running.url}{note}", file=file)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
