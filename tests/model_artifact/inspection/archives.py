"""Archives to inspect, made in memory: a good one, and the same with changes."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sklearn.linear_model import LogisticRegression

from model_artifact.inspection import Container

REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}
SCRIPT = """
import json
import pickle
from pathlib import Path

import numpy as np
from flask import Response

JSON, CSV = "application/json", "text/csv"


def model_fn(model_dir):
    return pickle.loads((Path(model_dir) / "model.pkl").read_bytes())


def transform_fn(model, body, content_type, accept):
    if content_type == CSV:
        rows = [line.split(",") for line in body.splitlines()]
    elif content_type == JSON:
        rows = json.loads(body)["instances"]
    else:
        return Response("no", 415)
    answer = model.predict(np.array(rows, np.float64)).tolist()
    return Response(json.dumps(answer), 200, content_type=JSON)
"""
SAMPLE = b'{"instances": [[1.0, 2.0], [0.1, 0.0]]}'

Tar = Mapping[str, bytes | tarfile.TarInfo | None]
"""Members by their names: content, a header, or None for a member that is left out."""


def container(tag: str = "sagemaker-scikit-learn:1.9-0-cpu-py3", **settings: object) -> Container:
    """Return the container of one of AWS's images."""
    return Container(f"{REGISTRY}/{tag}", ENVIRONMENT, **settings)  # type: ignore[arg-type]


@cache
def model() -> bytes:
    """Return a model pickled with scikit-learn 1.9."""
    fitted = LogisticRegression().fit([[0.0, 0.0], [1.0, 1.0]], [0, 1])
    return pickle.dumps(fitted, 4)


def good() -> dict[str, bytes]:
    """Return the members of an archive without problems."""
    return {
        "code/inference.py": SCRIPT.encode(),
        "code/sample.json": SAMPLE,
        "model.pkl": model(),
    }


@dataclass(frozen=True)
class Case:
    """An archive, given by its differences from the good one, and its container."""

    members: Tar = field(default_factory=dict)
    container: Container = field(default_factory=container)
    data: bytes | None = None
    """The bytes of the archive, if not made from members."""

    def write(self, folder: Path) -> Path:
        """Write the archive and return its path."""
        path = folder / "model.tar.gz"
        path.write_bytes(self.data if self.data is not None else tar_gz({**good(), **self.members}))
        return path


def tar_gz(members: Tar) -> bytes:
    """Pack members as they are, even if they are wrong."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members.items():
            if content is None:
                continue
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                tar.addfile(content)
                continue
            entry = tarfile.TarInfo(
                name.partition("#")[0]
            )  # "name#2" for a second member with this name
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(stream.getvalue(), 1)


def header(kind: bytes, target: str = "") -> tarfile.TarInfo:
    """Return the header of a member that is not a file."""
    entry = tarfile.TarInfo()
    entry.type, entry.linkname = kind, target
    return entry


def calling(module: str, name: str, argument: str = "echo owned") -> bytes:
    """Return a pickle that calls a function when it is loaded."""
    return (
        b"\x80\x04\x8c" + bytes([len(module)]) + module.encode()
        + b"\x8c" + bytes([len(name)]) + name.encode()
        + b"\x93\x8c" + bytes([len(argument)]) + argument.encode() + b"\x85R."
    )  # fmt: skip
