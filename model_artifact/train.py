"""Train the example: which kind of iris has sepals and petals with these measurements?

`python -m model_artifact.train` writes model/model.joblib and model/metadata.json. The same
versions of the libraries write the same bytes every time.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":
    # Before the imports that take a while: a Ctrl-C or a closed pipe ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

import argparse
import io
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from model_artifact.trained import TrainedModelError, save_model

MODEL_FOLDER = Path(__file__).with_name("model")


def train(inverse_regularization: float = 1.0) -> tuple[Pipeline, dict[str, Any]]:
    """Fit a classifier on 120 of the 150 irises and describe it.

    inverse_regularization is LogisticRegression's C, above 0: smaller is smoother. The
    description has the classes in the order of predict_proba's columns, and the accuracy on the
    30 rows held out.
    """
    iris = load_iris()
    classes = iris.target_names[iris.target]
    x_train, x_test, y_train, y_test = train_test_split(
        iris.data, classes, test_size=30, random_state=0, stratify=classes
    )
    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(C=inverse_regularization, max_iter=1000)
    )
    classifier.fit(x_train, y_train)
    description = {
        "framework": "scikit-learn",
        "versions": {
            "python": ".".join(map(str, sys.version_info[:2])),
            **{library: version(library) for library in ("scikit-learn", "numpy", "joblib")},
        },
        "feature_names": list(iris.feature_names),
        "classes": [str(name) for name in classifier.classes_],
        "parameters": {"inverse_regularization": inverse_regularization},
        "held_out": {"rows": len(y_test), "accuracy": float(classifier.score(x_test, y_test))},
    }
    return classifier, description


def save(classifier: Pipeline, description: dict[str, Any], folder: Path) -> None:
    """Write model.joblib, and metadata.json with its SHA-256, into folder."""
    pickled = io.BytesIO()
    joblib.dump(classifier, pickled)
    save_model(folder, "model.joblib", pickled.getvalue(), description)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and save the model, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m model_artifact.train", description=__doc__)
    parser.add_argument(
        "--inverse-regularization",
        type=_positive,
        default=1.0,
        metavar="C",
        help="LogisticRegression's C, above 0; smaller is smoother (default: %(default)s)",
    )
    parser.add_argument(
        "--output", type=Path, default=MODEL_FOLDER, metavar="FOLDER", help="default: %(default)s"
    )
    options = parser.parse_args(arguments)
    classifier, description = train(options.inverse_regularization)
    try:
        save(classifier, description, options.output)
    except TrainedModelError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}; --output names a folder for the model")
    held_out = description["held_out"]
    print(
        f"{options.output}: scikit-learn {version('scikit-learn')}, "
        f"{held_out['accuracy']:.1%} of {held_out['rows']} held-out rows are right"
    )


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number above 0")
    return number


if __name__ == "__main__":
    main()
