"""Model archives to where a multi-model endpoint finds them: below a prefix in S3."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from model_artifact.archive import Archive


class UploadError(Exception):
    """Archives that cannot be put where they are to go; the message says why, and the fix."""


@dataclass(frozen=True)
class Prefix:
    """Where the archives go: their keys begin with key, which is empty or ends with a slash."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> Prefix:
        """Read s3://BUCKET/ or s3://BUCKET/PREFIX/. Raises UploadError."""
        parts = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]+[a-z0-9])/((?:[^/*?$]+/)*)", url)
        if not parts:
            raise UploadError(f"{url} is no prefix; write s3://BUCKET/PREFIX/, with the last slash")
        return cls(*parts.groups())

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def upload(
    archives: Mapping[str, Archive], prefix: Prefix, *, create_bucket: bool
) -> Iterator[str]:
    """Upload archives under their names, and yield what was done as it is done.

    One that is there with the same content is left alone. Raises UploadError where there is no
    bucket, and for a name that another model has: it would stay the old one where it is loaded.
    """
    s3 = boto3.client("s3")
    try:
        if create_bucket and _create(s3, prefix.bucket):
            yield f"s3://{prefix.bucket}: made in {s3.meta.region_name}"
        for name, archive in archives.items():
            made = _put(s3, prefix, name, archive)
            yield f"{prefix}{name}: {'uploaded' if made else 'is there already'}"
    except ClientError as error:
        if _code(error) != "NoSuchBucket":
            raise
        raise UploadError(
            f"there is no bucket {prefix.bucket}; make it in the stage's region, or have it made "
            "in yours with --create-bucket"
        ) from error


def _create(s3: Any, bucket: str) -> bool:
    """Make a bucket in the client's region, and tell whether that was needed."""
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if _code(error) != "404":
            raise UploadError(f"the bucket {bucket} is not yours to use: {error}") from error
    else:
        return False
    region = s3.meta.region_name
    # The region where buckets are unless another is named, which this one may not be.
    elsewhere = region not in ("us-east-1", "aws-global")
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}} if elsewhere else {}
    s3.create_bucket(Bucket=bucket, **place)
    return True


def _put(s3: Any, prefix: Prefix, name: str, archive: Archive) -> bool:
    """Upload one archive, unless it is there, and tell whether that was needed."""
    where = {"Bucket": prefix.bucket, "Key": prefix.key + name}
    identity = {"content-sha256": archive.content_sha256}
    try:
        s3.put_object(**where, Body=archive.path.read_bytes(), Metadata=identity, IfNoneMatch="*")
    except ClientError as error:
        if _code(error) != "PreconditionFailed":
            raise
    else:
        return True
    if s3.head_object(**where)["Metadata"] != identity:
        raise UploadError(
            f"{prefix}{name} is there with another model, which would go on answering where it is "
            "loaded; give the new one a name of its own, such as by --version 2"
        )
    return False


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
