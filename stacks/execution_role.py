"""The role that containers run under."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from settings.metrics import COMPONENTS, INSTANCES, INVOCATIONS
from stacks.container import Container


def execution_role(
    scope: Construct,
    *,
    endpoint_name: str,
    containers: Collection[Container],
    permissions: Iterable[iam.PolicyStatement],
    component_names: Sequence[str] = (),
) -> tuple[iam.Role, iam.Policy]:
    """Return a role of least privilege, and its policy.

    Whatever uses the role must depend on the policy: SageMaker checks on creation that the role can
    read the model data, and a reference to the role does not wait for its policy. permissions are
    in addition to pulling the images, reading the model data, and writing the logs and metrics of
    the endpoint and of the named inference components.
    """
    data = [statement for each in containers for statement in each.data.permissions]
    repositories = [each.image.repository_arn for each in containers]
    role = iam.Role(
        scope,
        "ExecutionRole",
        assumed_by=iam.ServicePrincipal(
            "sagemaker.amazonaws.com",
            # SageMaker may use the role only for this account.
            conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        ),
    )
    policy = iam.Policy(
        scope,
        "ExecutionPolicy",
        roles=[role],
        statements=[
            *_apart(scope, [*data, *permissions]),
            *_container_permissions(scope, repositories, endpoint_name, component_names),
        ],
    )
    return role, policy


def _apart(
    scope: Construct, permissions: Iterable[iam.PolicyStatement]
) -> Iterator[iam.PolicyStatement]:
    """Yield each permission once, under its own Sid: several models need the same ones."""
    stack = Stack.of(scope)
    once = {json.dumps(stack.resolve(each.to_statement_json())): each for each in permissions}
    named = Counter[str | None]()
    for each in once.values():
        named[each.sid] += 1
        yield each if named[each.sid] == 1 else each.copy(sid=f"{each.sid}{named[each.sid]}")


def _container_permissions(
    scope: Construct,
    repository_arns: Iterable[str],
    endpoint_name: str,
    component_names: Sequence[str],
) -> list[iam.PolicyStatement]:
    """List the permissions of every container, each on the one resource that needs it."""
    log_groups = [
        Stack.of(scope).format_arn(
            service="logs",
            resource="log-group",
            resource_name=name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        for name in (
            f"{INSTANCES}/{endpoint_name}",
            *(f"{COMPONENTS}/{name}" for name in component_names),
        )
    ]
    namespaces = [INVOCATIONS, INSTANCES, *([COMPONENTS] if component_names else [])]
    return [
        iam.PolicyStatement(
            sid="LogInToRegistry",
            actions=["ecr:GetAuthorizationToken"],
            resources=["*"],  # this action has no resource
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
            resources=[arn for group in log_groups for arn in (group, f"{group}:log-stream:*")],
        ),
        iam.PolicyStatement(
            sid="WriteMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],  # this action has no resource, only the namespace below
            conditions={"StringEquals": {"cloudwatch:namespace": namespaces}},
        ),
    ]
