"""The model: the role that its containers run under, and the SageMaker Model."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.container_image import ContainerImage
from stacks.model_data import ModelData


class Model(Construct):
    """A SageMaker Model made of model data and an image, with a role of its own.

    attr_model_name is what others wire to.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        data: ModelData,
        image: ContainerImage,
        environment: Mapping[str, str],
        network_isolation: bool,
        endpoint_name: str,
    ) -> None:
        super().__init__(scope, id)
        role = iam.Role(
            self,
            "ExecutionRole",
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com",
                # SageMaker may use the role only on this account's behalf, no one else's.
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
        )
        policy = iam.Policy(
            self,
            "ExecutionPolicy",
            roles=[role],
            statements=[
                *data.permissions,
                *self._permissions(image.repository_arn, endpoint_name),
            ],
        )
        model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=image.uri,
                environment=environment or None,
                **_location(data),
            ),
            enable_network_isolation=network_isolation or None,
        )
        # SageMaker checks on creation that the role can read the model data, and a reference to the
        # role does not wait for its policy.
        model.node.add_dependency(policy)
        self.attr_model_name = model.attr_model_name

    def _permissions(
        self, image_repository_arn: str, endpoint_name: str
    ) -> list[iam.PolicyStatement]:
        """List what a real-time container needs, each on the one resource it needs it for."""
        stack = Stack.of(self)
        log_group = stack.format_arn(
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
                resources=[image_repository_arn],
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


def _location(data: ModelData) -> dict[str, Any]:
    """Return the property that says where the model data lies."""
    if not data.is_prefix:
        return {"model_data_url": data.url}
    source = sagemaker.CfnModel.S3DataSourceProperty(
        s3_uri=data.url, s3_data_type="S3Prefix", compression_type="None"
    )
    return {"model_data_source": sagemaker.CfnModel.ModelDataSourceProperty(s3_data_source=source)}
