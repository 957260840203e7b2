"""The role that containers run under."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct


def execution_role(
    scope: Construct,
    *,
    endpoint_name: str,
    repository_arns: Iterable[str],
    permissions: Iterable[iam.PolicyStatement],
) -> tuple[iam.Role, iam.Policy]:
    """Return a role of least privilege and its policy, on which what uses the role must depend.

    SageMaker checks on creation that the role can read the model data, and a reference to the role
    does not wait for its policy. permissions are those beyond pulling the images and writing the
    endpoint's logs and metrics.
    """
    role = iam.Role(
        scope,
        "ExecutionRole",
        assumed_by=iam.ServicePrincipal(
            "sagemaker.amazonaws.com",
            # SageMaker may use the role only on this account's behalf, no one else's.
            conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        ),
    )
    policy = iam.Policy(
        scope,
        "ExecutionPolicy",
        roles=[role],
        statements=[*permissions, *_container_permissions(scope, repository_arns, endpoint_name)],
    )
    return role, policy


def _container_permissions(
    scope: Construct, repository_arns: Iterable[str], endpoint_name: str
) -> list[iam.PolicyStatement]:
    """List what every container needs, each on the one resource it needs it for."""
    log_group = Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"/aws/sagemaker/Endpoints/{endpoint_name}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return [
        iam.PolicyStatement(
            sid="LogInToRegistry",
            actions=["ecr:GetAuthorizationToken"],
            resources=["*"],  # the action knows no resource
        ),
        iam.PolicyStatement(
            sid="PullImage",
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            resources=list(dict.fromkeys(repository_arns)),
        ),
        iam.PolicyStatement(
            sid="WriteLogs",
            actions=[
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:DescribeLogStreams",
                "logs:PutLogEvents",
            ],
            resources=[log_group, f"{log_group}:log-stream:*"],
        ),
        iam.PolicyStatement(
            sid="WriteMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],  # the action knows no resource, only the namespace below
            conditions={
                "StringEquals": {
                    "cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]
                }
            },
        ),
    ]
