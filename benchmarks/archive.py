"""How long making a model archive takes, against `tar czf` and `cp`, which no archive can beat.

`python -m benchmarks.archive [--size MB] [--rounds N]` makes a file of float32 weights and one of
random bytes in a folder of its own, runs the three in turn, round after round, and prints the best
time of each (other load on the machine only adds), the ratios to `tar czf`, and the peak memory of
our side, above that of an interpreter that does nothing.
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
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

# In processes of their own: what this one has in memory would count as its children's peak.
FILL = """
import sys
import numpy as np
path, kind, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
generator = np.random.default_rng(0)
with open(path, "wb") as file:
    for start in range(0, size, 1 << 24):
        count = min(1 << 24, size - start)
        if kind == "float32 weights":
            generator.standard_normal(count // 4, "f4").tofile(file)
        else:
            file.write(generator.bytes(count))
"""
PACK = """
import sys
from pathlib import Path
from model_artifact.archive import build_archive
build_archive(*map(Path, sys.argv[1:]))
"""
# Kilobytes on Linux, bytes on macOS.
PEAK_BYTES = """
import resource, sys
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak if sys.platform == "darwin" else peak * 1024)
"""


def main() -> None:
    """Measure, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archive", description=__doc__)
    parser.add_argument("--size", type=int, default=1000, metavar="MB", help="default: 1000")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    options = parser.parse_args()
    print(f"{options.size} MB, the best of {options.rounds}")
    print(f"{'':32}{'time':>10}{'tar czf / it':>17}{'it / tar czf':>16}{'memory above':>15}")
    print(f"{'':32}{'':>10}{'in time':>17}{'in size':>16}{'empty Python':>15}")
    with tempfile.TemporaryDirectory(prefix="slipway-benchmark-") as name:
        folder = Path(name)
        # The file, and what each of the three makes of it.
        needed, free = 4 * options.size * 10**6, shutil.disk_usage(folder).free
        if free < needed:
            sys.exit(
                f"{folder}: needs {needed / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free"
            )
        for kind in ("float32 weights", "random bytes"):
            compare(kind, options.size * 10**6, options.rounds, folder)


def compare(kind: str, size: int, rounds: int, folder: Path) -> None:
    """Measure with a model of one file of size bytes, and print a line for each of the three."""
    model, code, made = folder / "model", folder / "code", folder / "made"
    for part in (model, code):
        part.mkdir(exist_ok=True)
    (code / "inference.py").touch()
    python: list[str | Path] = [sys.executable, "-c"]
    run([*python, FILL, model / "weights", kind, str(size)])
    commands: dict[str, list[str | Path]] = {
        "cp": ["cp", model / "weights", made / "cp"],
        "tar czf": ["tar", "czf", made / "tar czf", "-C", folder, "model", "code"],
        "model_artifact": [*python, PACK + PEAK_BYTES, model, code, made / "model_artifact"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    peaks = []
    for _ in range(rounds):
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        for name, command in commands.items():
            started = time.monotonic()
            peak = run(command)
            seconds[name].append(time.monotonic() - started)
            if peak:
                peaks.append(int(peak) - int(run([*python, PEAK_BYTES])))
    tar_seconds, tar_bytes = min(seconds["tar czf"]), (made / "tar czf").stat().st_size
    for name, taken in seconds.items():
        times_faster = tar_seconds / min(taken)
        times_larger = (made / name).stat().st_size / tar_bytes
        memory = f"{max(peaks) / 1e6:.0f} MB" if name == "model_artifact" else ""
        print(
            f"{kind:17}{name:15}{min(taken):8.2f} s{times_faster:15.1f} x"
            f"{times_larger:16.3f}{memory:>15}",
            flush=True,
        )


def run(command: list[str | Path]) -> str:
    """Run a command to its end in the repository's folder and return what it printed."""
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:  # nobody reads on
        sys.exit(128 + signal.SIGPIPE)
