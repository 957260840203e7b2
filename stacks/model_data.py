"""The model's files: their place in S3, their upload, and what a role may read there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aws_cdk import AssetHashType, AssetStaging, Aws, FileAssetPackaging, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from settings.artifact import S3Artifact
from settings.model import Model


class LocalArchive(Protocol):
    """A model archive on this machine."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def content_sha256(self) -> str:
        """The hash of its content, whatever the bytes of the file are."""


@dataclass(frozen=True)
class ModelData:
    """A place in S3, and the statements by which a role may read it and nothing else."""

    url: str
    is_prefix: bool
    """Whether it is files below a prefix instead of an archive."""
    permissions: Sequence[iam.PolicyStatement]


def model_data(scope: Construct, model: Model, archive: LocalArchive | None) -> ModelData:
    """Return the place of a model; the archive of a folder is uploaded."""
    artifact = model.artifact
    if isinstance(artifact, S3Artifact):
        owner = model.artifact_account or Aws.ACCOUNT_ID
        permissions = _permissions(
            scope, artifact.bucket, artifact.key, owner, is_prefix=artifact.is_prefix
        )
        return ModelData(str(artifact), artifact.is_prefix, permissions)
    assert archive  # noqa: S101 - app.py makes one of every folder
    return upload(scope, archive)


def upload(scope: Construct, archive: LocalArchive) -> ModelData:
    """Have the CDK upload an archive, with its content's hash as the key."""
    staging = AssetStaging(
        scope,
        "Archive",
        source_path=str(archive.path),
        asset_hash=archive.content_sha256,
        asset_hash_type=AssetHashType.CUSTOM,
    )
    stack = Stack.of(scope)
    # s3_assets.Asset would upload HASH.gz, but SageMaker documents a ".tar.gz" suffix
    # (https://github.com/aws/aws-cdk/issues/30257): the hash takes the ".tar" along.
    uploaded = stack.synthesizer.add_file_asset(
        file_name=staging.relative_staged_path(stack),
        packaging=FileAssetPackaging.FILE,
        source_hash=f"{archive.content_sha256}.tar",
    )
    permissions = _permissions(scope, uploaded.bucket_name, uploaded.object_key, Aws.ACCOUNT_ID)
    return ModelData(uploaded.s3_object_url, False, permissions)


def _permissions(
    scope: Construct, bucket: str, key: str, owner: str, *, is_prefix: bool = False
) -> Sequence[iam.PolicyStatement]:
    """Permit reading one key, or listing and reading all keys that begin with it."""
    bucket_arn = Stack.of(scope).format_arn(service="s3", region="", account="", resource=bucket)
    below = f"{key}*" if is_prefix else key
    # A bucket of this name that somebody else registered is not the owner's.
    owned = {"StringEquals": {"aws:ResourceAccount": owner}}
    read = iam.PolicyStatement(
        sid="ReadFiles" if is_prefix else "ReadArchive",
        actions=["s3:GetObject"],
        resources=[f"{bucket_arn}/{below}"],
        conditions=owned,
    )
    if not is_prefix:
        return [read]
    find = iam.PolicyStatement(
        sid="ListFiles",
        actions=["s3:ListBucket"],
        resources=[bucket_arn],
        conditions=owned | {"StringLike": {"s3:prefix": below}},
    )
    return [read, find]
