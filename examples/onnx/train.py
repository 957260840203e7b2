"""Train the example: which digit do 8 x 8 pixels show?

`python -m examples.onnx.train` writes model/model.onnx and model/metadata.json. The same versions
of the libraries write the same bytes every time.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":
    # Before the imports that take a while: a Ctrl-C or a closed pipe ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from model_artifact.trained import TrainedModelError, save_model

MODEL_FOLDER = Path(__file__).with_name("model")


def train(hidden_units: int = 64) -> tuple[bytes, dict[str, Any]]:
    """Fit a network with one hidden layer to 1437 of the 1797 digits, and describe it.

    Returns an ONNX file, which takes pixels (float32 from 0 to 16, shape (rows, 64)) and returns
    probabilities (float32, shape (rows, 10)). The description has the accuracy of this file, not of
    scikit-learn's network, on the 360 rows held out.
    """
    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.data, digits.target, test_size=360, random_state=0, stratify=digits.target
    )
    network = make_pipeline(
        MinMaxScaler(),
        MLPClassifier((hidden_units,), alpha=0.01, tol=1e-3, max_iter=500, random_state=0),
    )
    network.fit(x_train, y_train)
    graph = to_onnx(
        network,
        initial_types=[("pixels", FloatTensorType([None, x_train.shape[1]]))],
        options={"zipmap": False},  # probabilities as one array, not as a dictionary a row
    )
    # skl2onnx writes these in the order of a set, which changes now and then.
    opsets = sorted(graph.opset_import, key=lambda opset: opset.domain)
    del graph.opset_import[:]
    graph.opset_import.extend(opsets)
    model = graph.SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"pixels": x_test.astype(np.float32)})
    right = network.classes_[probabilities.argmax(axis=1)] == y_test
    description = {
        "framework": "onnx",
        "versions": {
            "python": ".".join(map(str, sys.version_info[:2])),
            **{
                library: version(library)
                for library in ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy")
            },
        },
        "classes": [str(label) for label in network.classes_],
        "largest_pixel": float(digits.data.max()),
        "parameters": {"hidden_units": hidden_units},
        "held_out": {"rows": len(y_test), "accuracy": float(np.mean(right))},
    }
    return model, description


def save(model: bytes, description: dict[str, Any], folder: Path) -> None:
    """Write model.onnx, and metadata.json with its SHA-256, into folder."""
    save_model(folder, "model.onnx", model, description)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and save the model, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m examples.onnx.train", description=__doc__)
    parser.add_argument(
        "--hidden-units",
        type=_positive,
        default=64,
        metavar="N",
        help="how many units the hidden layer has (default: %(default)s)",
    )
    parser.add_argument(
        "--output", type=Path, default=MODEL_FOLDER, metavar="FOLDER", help="default: %(default)s"
    )
    options = parser.parse_args(arguments)
    model, description = train(options.hidden_units)
    try:
        save(model, description, options.output)
    except TrainedModelError as error:
        sys.exit(str(error))
    held_out = description["held_out"]
    print(
        f"{options.output}: ONNX, {len(model):,} bytes, "
        f"{held_out['accuracy']:.1%} of {held_out['rows']} held-out rows are right"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


if __name__ == "__main__":
    main()
