"""What a role may do with objects below paths in Amazon S3."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct


def access_below(
    scope: Construct, sid: str, actions: Sequence[str], uris: Iterable[str]
) -> iam.PolicyStatement:
    """Permit actions on all objects below paths such as "s3://BUCKET/FOLDER/"."""
    stack = Stack.of(scope)
    return iam.PolicyStatement(
        sid=sid,
        actions=list(actions),
        resources=[
            stack.format_arn(
                service="s3",
                region="",
                account="",
                resource=f"{uri.removeprefix('s3://').rstrip('/')}/*",
            )
            for uri in dict.fromkeys(uris)
        ],
        # A bucket of this name that somebody else registered is not the account's.
        conditions={"StringEquals": {"aws:ResourceAccount": Aws.ACCOUNT_ID}},
    )
