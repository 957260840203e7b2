"""Where the requests and answers of an asynchronous endpoint lie, and who is told."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings.asynchronous import AsyncEndpoint
from settings.modes import AnyEndpoint
from stacks.render import properties
from stacks.s3_access import access_below

_CONFIG = "AWS::SageMaker::EndpointConfig/AsyncInferenceConfig"

# SageMaker Developer Guide, asynchronous endpoints, "Prerequisites". The guide's s3:ListBucket has
# no effect there: it is on objects, and an action on buckets.
_WRITE = ("s3:PutObject", "s3:AbortMultipartUpload")


class AsyncInference(Construct):
    """The paths that a stage names. For paths that it does not name, a bucket of the stack's own.

    The bucket outlives the stack, since callers' answers are in it. permissions are for the role of
    the endpoint, config is for its endpoint config.
    """

    def __init__(self, scope: Construct, id: str, *, endpoint: AsyncEndpoint) -> None:
        super().__init__(scope, id)
        given = (endpoint.s3_input_path, endpoint.s3_output_path, endpoint.s3_failure_path)
        bucket = None
        if None in given:
            bucket = s3.Bucket(
                self,
                "Bucket",
                block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
                encryption=s3.BucketEncryption.S3_MANAGED,
                enforce_ssl=True,
                removal_policy=RemovalPolicy.RETAIN,
            )
        self.input_path, output_path, failure_path = (
            path or f"s3://{bucket.bucket_name if bucket else ''}/{folder}/"
            for path, folder in zip(given, ("requests", "answers", "failures"), strict=True)
        )
        self.permissions = self._permissions(endpoint, output_path, failure_path)
        self.config = properties(endpoint, _CONFIG)
        self.config.setdefault("outputConfig", {}).update(
            s3OutputPath=output_path, s3FailurePath=failure_path
        )

    def _permissions(
        self, endpoint: AsyncEndpoint, output_path: str, failure_path: str
    ) -> list[iam.PolicyStatement]:
        notifications = endpoint.notifications
        topics = {notifications.success_topic, notifications.error_topic} - {None}
        permissions = [
            access_below(self, "ReadRequests", ["s3:GetObject"], [self.input_path]),
            access_below(self, "WriteAnswers", _WRITE, [output_path, failure_path]),
        ]
        if topics:
            permissions.append(
                iam.PolicyStatement(
                    sid="Notify", actions=["sns:Publish"], resources=sorted(filter(None, topics))
                )
            )
        return permissions


def async_inference(scope: Construct, endpoint: AnyEndpoint) -> AsyncInference | None:
    """Return where the requests and answers of an endpoint lie, if it is asynchronous."""
    if isinstance(endpoint, AsyncEndpoint):
        return AsyncInference(scope, "AsyncInference", endpoint=endpoint)
    return None
