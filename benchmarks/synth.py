"""How long a synth of the stage prod takes, against a bare CDK app of the same resources.

`python -m benchmarks.synth [--rounds N]` runs app.py and benchmarks/bare_app.py in turn, round
after round, each in a process of its own and with the context that `cdk synth` gives it. It
compares the CPU time of the process and its children, jsii's Node among them. A round before the
first, which packs and inspects the archive, does not count. It prints the least and the median of
each and their ratios, and ends with status 1 if the ratio of the medians is not below 1.25. It
refuses templates that differ in more than their logical ids.
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
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from model_artifact.archive import build_archive
from model_artifact.build import build_folder

ROOT = Path(__file__).parents[1]
STAGE = "iris-prod"
LIMIT = 1.25


def main() -> None:
    """Measure, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="default: 20")
    options = parser.parse_args()
    if not any((ROOT / "model_artifact" / "model").glob("*")):
        subprocess.run([sys.executable, "-m", "model_artifact.train"], cwd=ROOT, check=True)
    build = build_folder(ROOT)
    build.claim()
    archive = build_archive(
        ROOT / "model_artifact" / "model",
        ROOT / "inference" / "code",
        build.path / STAGE / "model.tar.gz",
    )
    apps: dict[str, Sequence[str]] = {
        "app.py": [sys.executable, "app.py"],
        "bare_app.py": [
            sys.executable,
            "benchmarks/bare_app.py",
            str(archive.path),
            archive.content_sha256,
        ],
    }
    seconds: dict[str, list[float]] = {name: [] for name in apps}
    templates: dict[str, Any] = {}
    for number in range(options.rounds + 1):
        for name, command in apps.items():
            taken, template = synth(command)
            if number:
                seconds[name].append(taken)
            templates[name] = template
        if not number and (found := differences(*templates.values())):
            sys.exit("\n".join(["the two apps deploy different things:", *found]))
    report(seconds)


def synth(command: Sequence[str]) -> tuple[float, dict[str, Any]]:
    """Run an app as the CDK CLI does; return its CPU seconds, and the template that it wrote."""
    with tempfile.TemporaryDirectory(prefix="slipway-benchmark-") as folder:
        said = Path(folder) / "stderr"
        with said.open("w") as stderr:
            process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | variables(folder), stderr=stderr
            )
            # Its own time and, as it waits for jsii's Node to end, that of its children.
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{said.read_text()}{' '.join(command)} ended with {process.returncode}")
        template = json.loads((Path(folder) / f"{STAGE}.template.json").read_text())
        return usage.ru_utime + usage.ru_stime, template


def variables(folder: str) -> dict[str, str]:
    """Return what `cdk synth -c stage=prod` puts into an app's environment."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | {
        "stage": "prod",
        "aws:cdk:enable-path-metadata": True,
        "aws:cdk:enable-asset-metadata": True,
        "aws:cdk:disable-version-reporting": True,
        "aws:cdk:bundling-stacks": ["**"],
        "@aws-cdk/core:failSynthOnValidationErrors": False,
    }
    return {"CDK_OUTDIR": folder, "CDK_CONTEXT_JSON": json.dumps(context)}


def differences(ours: dict[str, Any], bare: dict[str, Any]) -> list[str]:
    """Name what only one of the templates deploys, whatever the logical ids are."""
    left, right = Counter(_deployed(ours)), Counter(_deployed(bare))
    return [
        *(f"only app.py has {each}" for each in sorted((left - right).elements())),
        *(f"only bare_app.py has {each}" for each in sorted((right - left).elements())),
    ]


def _deployed(template: Mapping[str, Any]) -> Iterator[str]:
    """Yield each resource and output of a template, as JSON."""
    kinds = {name: each["Type"] for name, each in template["Resources"].items()}
    for name, output in template["Outputs"].items():
        yield json.dumps({name: _anonymous(output, kinds)}, sort_keys=True)
    for resource in template["Resources"].values():
        kept = {key: value for key, value in resource.items() if key != "Metadata"}
        if kept["Type"] == "AWS::IAM::Policy":  # whose name the CDK makes of its logical id
            kept["Properties"] = kept["Properties"] | {"PolicyName": ""}
        yield json.dumps(_anonymous(kept, kinds), sort_keys=True)


def _anonymous(value: Any, kinds: Mapping[str, str]) -> Any:
    """Name what a value refers to by its type."""
    match value:
        case {"Ref": str(name)}:
            return {"Ref": kinds.get(name, name)}
        case {"Fn::GetAtt": [name, attribute]}:
            return {"Fn::GetAtt": [kinds[name], attribute]}
        case {"DependsOn": names, **others}:
            return _anonymous(others, kinds) | {"DependsOn": [kinds[name] for name in names]}
        case dict():
            return {key: _anonymous(each, kinds) for key, each in value.items()}
        case list():
            return [_anonymous(each, kinds) for each in value]
    return value


def report(seconds: Mapping[str, Sequence[float]]) -> None:
    """Print a line for each app and the ratios; exit with status 1 if they are too high."""
    ours, bare = seconds.values()
    print(f"CPU seconds of {len(ours)} rounds")
    print(f"{'':15}{'least':>10}{'median':>10}")
    for name, taken in seconds.items():
        print(f"{name:15}{min(taken):8.2f} s{median(taken):8.2f} s")
    ratio = median(ours) / median(bare)
    print(f"{'ratio':15}{min(ours) / min(bare):8.2f}  {ratio:8.2f}    below {LIMIT} is accepted")
    if ratio >= LIMIT:
        sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:  # nobody reads on
        sys.exit(128 + signal.SIGPIPE)
