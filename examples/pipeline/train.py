"""Train the pipeline's first step, which replaces the missing measurements of an iris.

`python -m examples.pipeline.train` writes model/metadata.json, which has the median of each
measurement. The same versions of the libraries write the same bytes every time.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":
    # Before the imports that take a while: a Ctrl-C or a closed pipe ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_iris

MODEL_FOLDER = Path(__file__).with_name("model")


def train() -> dict[str, Any]:
    """Return the names of the measurements, and the median of each."""
    iris = load_iris()
    return {
        "feature_names": list(iris.feature_names),
        "medians": np.median(iris.data, axis=0).tolist(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and save the model, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m examples.pipeline.train", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=MODEL_FOLDER, metavar="FOLDER", help="default: %(default)s"
    )
    folder: Path = parser.parse_args(arguments).output
    metadata = train()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
    print(f"{folder}: the medians are {', '.join(map(str, metadata['medians']))}")


if __name__ == "__main__":
    main()
