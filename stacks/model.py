"""The model: its archive in S3, the role that its containers run under, and the SageMaker Model."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import (
    ArnFormat,
    AssetHashType,
    AssetStaging,
    Aws,
    FileAssetLocation,
    FileAssetPackaging,
    Stack,
)
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.container_image import ContainerImage


class Model(Construct):
    """A SageMaker Model made of an archive and an image, with a role of its own.

    attr_model_name and model_data_url are what others wire to.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        archive_path: Path,
        archive_sha256: str,
        image: ContainerImage,
        environment: Mapping[str, str],
        endpoint_name: str,
    ) -> None:
        super().__init__(scope, id)
        archive = self._upload(archive_path, archive_sha256)
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
            statements=self._permissions(archive, image.repository_arn, endpoint_name),
        )
        model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=image.uri,
                model_data_url=archive.s3_object_url,
                environment=environment or None,
            ),
        )
        # SageMaker checks on creation that the role can read the archive, and a reference to the
        # role does not wait for its policy.
        model.node.add_dependency(policy)
        self.attr_model_name = model.attr_model_name
        self.model_data_url = archive.s3_object_url

    def _upload(self, path: Path, sha256: str) -> FileAssetLocation:
        """Have the CDK upload the archive, under a key that is its content's hash."""
        staging = AssetStaging(
            self,
            "Archive",
            source_path=str(path),
            asset_hash=sha256,
            asset_hash_type=AssetHashType.CUSTOM,
        )
        stack = Stack.of(self)
        # s3_assets.Asset would upload HASH.gz, but SageMaker documents a ".tar.gz" suffix
        # (https://github.com/aws/aws-cdk/issues/30257): the hash takes the ".tar" along.
        return stack.synthesizer.add_file_asset(
            file_name=staging.relative_staged_path(stack),
            packaging=FileAssetPackaging.FILE,
            source_hash=f"{sha256}.tar",
        )

    def _permissions(
        self, archive: FileAssetLocation, image_repository_arn: str, endpoint_name: str
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
                sid="ReadArchive",
                actions=["s3:GetObject"],
                resources=[
                    stack.format_arn(
                        service="s3",
                        region="",
                        account="",
                        resource=archive.bucket_name,
                        resource_name=archive.object_key,
                    )
                ],
                # A bucket that someone else registered under this name is not ours.
                conditions={"StringEquals": {"aws:ResourceAccount": Aws.ACCOUNT_ID}},
            ),
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
