"""Train a model for each kind of iris: is an iris of this kind or another?

`python -m examples.multi_model.train` writes archives/setosa.tar.gz and so on, each with a model
and nothing else. `--upload` uploads them to the prefix of a multi-model endpoint. The same versions
of the libraries write the same bytes every time.
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
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
from botocore.exceptions import BotoCoreError, ClientError
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from examples.multi_model.upload import Prefix, UploadError, upload
from model_artifact.archive import Archive, ArchiveError, build_archive

ARCHIVES = Path(__file__).with_name("archives")


def train(inverse_regularization: float = 1.0) -> dict[str, tuple[Pipeline, float]]:
    """Fit a classifier for each kind to 120 of the 150 irises, and score it on the other 30.

    Each classifier has two classes, the kind and "other". inverse_regularization is
    LogisticRegression's C, above 0: smaller is smoother.
    """
    iris = load_iris()
    kinds = iris.target_names[iris.target]
    x_train, x_test, y_train, y_test = train_test_split(
        iris.data, kinds, test_size=30, random_state=0, stratify=kinds
    )
    trained = {}
    for kind in map(str, iris.target_names):
        # With squares, since versicolor lies between the other two and no line separates it.
        classifier = make_pipeline(
            StandardScaler(),
            PolynomialFeatures(2, include_bias=False),
            LogisticRegression(C=inverse_regularization, max_iter=1000),
        )
        classifier.fit(x_train, np.where(y_train == kind, kind, "other"))
        accuracy = classifier.score(x_test, np.where(y_test == kind, kind, "other"))
        trained[kind] = classifier, float(accuracy)
    return trained


def save(classifier: Pipeline, destination: Path) -> Archive:
    """Pack a classifier as model.joblib, alone at an archive's root. Raises ArchiveError.

    The container gets its code from another archive, and a script in this one would replace it.
    """
    with TemporaryDirectory() as folder:
        joblib.dump(classifier, Path(folder) / "model.joblib")
        return build_archive(Path(folder), None, destination)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, save and upload the models, as the command line says, and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.create_bucket and not options.upload:
        parser.error("--create-bucket needs --upload, which names the bucket")
    suffix = f"-{options.version}" if options.version else ""
    archives: dict[str, Archive] = {}
    try:
        for kind, (classifier, accuracy) in train(options.inverse_regularization).items():
            archive = save(classifier, options.output / f"{kind}{suffix}.tar.gz")
            archives[archive.path.name] = archive
            print(f"{archive.path}: {accuracy:.1%} of 30 held-out rows are right")
        if options.upload:
            for line in upload(archives, options.upload, create_bucket=options.create_bucket):
                print(line)
        print(_next(archives, options.upload))
    except BrokenPipeError:  # nobody reads on
        return 128 + signal.SIGPIPE
    except (ArchiveError, UploadError, BotoCoreError, ClientError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _next(archives: Mapping[str, Archive], prefix: Prefix | None) -> str:
    if not prefix:
        return "next, upload the archives: add --upload s3://BUCKET/PREFIX/ to this command"
    return (
        f'next, unless the stage is deployed: set artifact = "{prefix}" in '
        "stages/examples/multi_model.toml, and run cdk deploy -c stage=examples/multi_model\n"
        f"then: python -m inference invoke iris-models --target-model {next(iter(archives))} "
        "--file examples/multi_model/code/sample.json"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.multi_model.train", description=__doc__
    )
    parser.add_argument(
        "--inverse-regularization",
        type=_positive,
        default=1.0,
        metavar="C",
        help="LogisticRegression's C, above 0; smaller is smoother (default: %(default)s)",
    )
    parser.add_argument(
        "--version",
        type=_positive_integer,
        metavar="N",
        help="name the archives setosa-N.tar.gz and so on: a changed model needs a new name",
    )
    parser.add_argument(
        "--output", type=Path, default=ARCHIVES, metavar="FOLDER", help="default: %(default)s"
    )
    parser.add_argument(
        "--upload",
        type=_prefix,
        metavar="s3://BUCKET/PREFIX/",
        help="upload the archives to this prefix, which is the artifact of the stage's model",
    )
    parser.add_argument(
        "--create-bucket", action="store_true", help="create the bucket, unless it exists"
    )
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number above 0")
    return number


def _positive_integer(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _prefix(text: str) -> Prefix:
    try:
        return Prefix.parse(text)
    except UploadError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
