"""Train the example: is a tumour with these 30 measurements of its cells malignant?

`python -m examples.xgboost.train` writes model/model.ubj and model/metadata.json. The same versions
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
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from model_artifact.trained import TrainedModelError, save_model

MODEL_FOLDER = Path(__file__).with_name("model")

# Small trees that see half of the rows: with only 455 rows, larger trees learn the noise.
_PARAMETERS = {
    "objective": "binary:logistic",
    "max_depth": 4,
    "eta": 0.1,
    "subsample": 0.5,
    "colsample_bynode": 0.3,
    "seed": 0,
}


def train(rounds: int = 100) -> tuple[xgboost.Booster, dict[str, Any]]:
    """Fit a classifier to 455 of the 569 tumours, and describe it; rounds is the number of trees.

    The model answers with the probability of the second class. The description has the accuracy and
    the area under the ROC curve on the 114 rows held out.
    """
    tumours = load_breast_cancer()
    feature_names = [str(name) for name in tumours.feature_names]
    x_train, x_test, y_train, y_test = train_test_split(
        tumours.data, tumours.target, test_size=114, random_state=0, stratify=tumours.target
    )
    rows = xgboost.DMatrix(x_train, y_train, feature_names=feature_names)
    booster = xgboost.train(_PARAMETERS, rows, num_boost_round=rounds)
    probabilities = booster.inplace_predict(x_test.astype(np.float32))
    description = {
        "framework": "xgboost",
        "versions": {
            "python": ".".join(map(str, sys.version_info[:2])),
            "xgboost": xgboost.__version__,
            **{library: version(library) for library in ("scikit-learn", "numpy")},
        },
        "feature_names": feature_names,
        "classes": [str(name) for name in tumours.target_names],
        "parameters": {**_PARAMETERS, "rounds": rounds},
        "held_out": {
            "rows": len(y_test),
            "accuracy": float(np.mean((probabilities > 0.5) == y_test)),
            "roc_auc": float(roc_auc_score(y_test, probabilities)),
        },
    }
    return booster, description


def save(booster: xgboost.Booster, description: dict[str, Any], folder: Path) -> None:
    """Write model.ubj, and metadata.json with its SHA-256, into folder.

    Later versions of XGBoost read its own format UBJSON too, but perhaps not a pickle.
    """
    save_model(folder, "model.ubj", bytes(booster.save_raw("ubj")), description)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and save the model, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m examples.xgboost.train", description=__doc__)
    parser.add_argument(
        "--rounds",
        type=_positive,
        default=100,
        metavar="N",
        help="the number of trees (default: %(default)s)",
    )
    parser.add_argument(
        "--output", type=Path, default=MODEL_FOLDER, metavar="FOLDER", help="default: %(default)s"
    )
    options = parser.parse_args(arguments)
    booster, description = train(options.rounds)
    try:
        save(booster, description, options.output)
    except TrainedModelError as error:
        sys.exit(str(error))
    held_out = description["held_out"]
    print(
        f"{options.output}: XGBoost {xgboost.__version__}, "
        f"{held_out['accuracy']:.1%} of {held_out['rows']} held-out rows are right, "
        f"area under the ROC curve {held_out['roc_auc']:.3f}"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


if __name__ == "__main__":
    main()
