"""Where the model of a stage lies: in a folder to pack, or already in Amazon S3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import PlainSerializer, PlainValidator

from settings.table import Problem, refuse

# What S3 allows (its user guide, "General purpose bucket naming rules") and, of a key, what it
# does not advise against, without *, ? and $: in the role's permission they would be wildcards and
# variables. SageMaker makes files of a key's parts, which therefore cannot be empty, "." or "..".
_BUCKET = re.compile(r"(?=.{3,63}$)(?!-|(\d+\.){3}\d+$)[a-z0-9-]+(\.[a-z0-9-]+)*(?<!-)")
_KEY = re.compile(r"((?!\.{1,2}(/|$))[\w!.'()&@=;:+, -]+(/|$))+")
_MAX_URI = 1024


@dataclass(frozen=True)
class S3Artifact:
    """A model in S3: an archive or, if the key ends in "/", all files whose keys begin with it."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def is_prefix(self) -> bool:
        """Whether it is files below a prefix instead of an archive."""
        return self.key.endswith("/")


def _read_artifact(value: object) -> Path | S3Artifact:
    """Return the folder or the place in S3 that is meant, or refuse the value."""
    if isinstance(value, Path | S3Artifact):
        return value
    if not isinstance(value, str) or not value:
        fix = 'write "FOLDER", "s3://BUCKET/KEY.tar.gz" or "s3://BUCKET/PREFIX/"'
        refuse([Problem("", repr(value), "it is neither a folder nor a place in S3", fix)])
    text = str(value)
    if not re.match(r"\w+://|s3:", text, re.IGNORECASE):
        return Path(text)
    bucket, _, key = text.removeprefix("s3://").partition("/")
    refuse(_s3_problems(text, bucket, key))
    return S3Artifact(bucket, key)


def _s3_problems(uri: str, bucket: str, key: str) -> list[Problem]:
    """Return what is wrong with a place in S3: at most one thing, the first that is found."""
    if not uri.startswith("s3://"):
        why, fix = "it is not a place in S3", 'write "s3://BUCKET/KEY.tar.gz" or a folder\'s path'
    elif not _BUCKET.fullmatch(bucket):
        why = f"a bucket cannot have the name {bucket!r}"
        fix = "write the bucket's name: 3 to 63 lower-case letters, digits, hyphens and dots"
    elif not key:
        why = "it is a whole bucket"
        fix = (
            f'write "s3://{bucket}/KEY.tar.gz" for an archive, or "s3://{bucket}/PREFIX/" for files'
        )
    elif not key.endswith((".tar.gz", "/")):
        why = "SageMaker takes a gzipped tar archive, or all files below a prefix"
        fix = 'end an archive with ".tar.gz" and a prefix with "/"'
    elif not _KEY.fullmatch(key) or len(uri.encode()) > _MAX_URI:
        why = "it is too long, or has characters or parts that permissions or files cannot have"
        fix = f"copy the model to a key of letters, digits, - _ . and /, {_MAX_URI} bytes at most"
    else:
        return []
    return [Problem("", uri, why, fix)]


def _read_code(value: object) -> Path | Literal[False] | None:
    """Return the folder, False for no script, or None for the default; or refuse the value."""
    if value is None or value is False or isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value:
        why = "it is neither a folder nor false"
        fix = "write the folder that has inference.py, or false if the image needs no script"
        refuse([Problem("", repr(value), why, fix)])
    return Path(str(value))


Artifact = Annotated[
    Path | S3Artifact,
    PlainValidator(_read_artifact, json_schema_input_type=str),
    PlainSerializer(str),
]
Code = Annotated[
    Path | Literal[False] | None,
    PlainValidator(_read_code, json_schema_input_type=str | Literal[False] | None),
]
