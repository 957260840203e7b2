"""Upload model archives below a prefix in S3, where a multi-model endpoint finds them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from model_artifact.archive import Archive


class UploadError(Exception):
    """Archives that cannot be uploaded; the message says why, and the fix."""


@dataclass(frozen=True)
class Prefix:
    """The place of the archives. Their keys begin with key, which is empty or ends with a slash."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> Prefix:
        """Read s3://BUCKET/ or s3://BUCKET/PREFIX/. Raises UploadError."""
        parts = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]+[a-z0-9])/((?:[^/*?$]+/)*)", url)
        if not parts:
            raise UploadError(
                f"{url} is not a prefix; write s3://BUCKET/PREFIX/, with the last slash"
            )
        return cls(*parts.groups())

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def upload(
    archives: Mapping[str, Archive], prefix: Prefix, *, create_bucket: bool
) -> Iterator[str]:
    """Upload archives under their names, and yield a line for each step.

    An archive that exists with the same content is not uploaded again. Raises UploadError if the
    bucket does not exist, or if another model has the name: instances that have loaded that model
    would keep it.
    """
    s3 = boto3.client("s3")
    try:
        if create_bucket and _create(s3, prefix.bucket):
            yield f"s3://{prefix.bucket}: created in {s3.meta.region_name}"
        for name, archive in archives.items():
            made = _put(s3, prefix, name, archive)
            yield f"{prefix}{name}: {'uploaded' if made else 'exists already'}"
    except ClientError as error:
        if _code(error) != "NoSuchBucket":
            raise
        raise UploadError(
            f"the bucket {prefix.bucket} does not exist; create it in the stage's region, or add "
            "--create-bucket to create it in your default region"
        ) from error


def _create(s3: Any, bucket: str) -> bool:
    """Create a bucket in the client's region, and return whether that was needed."""
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if _code(error) != "404":
            raise UploadError(
                f"you cannot use the bucket {bucket}: {error}; choose another name"
            ) from error
    else:
        return False
    region = s3.meta.region_name
    # us-east-1 is the default region of buckets, and S3 refuses it as a LocationConstraint.
    elsewhere = region not in ("us-east-1", "aws-global")
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}} if elsewhere else {}
    s3.create_bucket(Bucket=bucket, **place)
    return True


def _put(s3: Any, prefix: Prefix, name: str, archive: Archive) -> bool:
    """Upload one archive, unless it exists, and return whether that was needed."""
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
            f"{prefix}{name} exists with another model, and instances that have loaded that model "
            "would keep it; give the new model a new name, for example with --version 2"
        )
    return False


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
