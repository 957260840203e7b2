"""What stages/prod.toml deploys, as a CDK app of one file, with L1 constructs and no settings.

benchmarks/synth.py runs it in place of app.py: `python benchmarks/bare_app.py ARCHIVE SHA256`.
"""

import sys

from aws_cdk import (
    App,
    AssetHashType,
    AssetStaging,
    Aws,
    CfnOutput,
    Environment,
    FileAssetPackaging,
    Stack,
)
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker

ENDPOINT, VARIANT, REGION = "iris-prod", "AllTraffic", "eu-central-1"
REGISTRY, REPOSITORY = "492215442770", "sagemaker-scikit-learn"


def main(archive: str, sha256: str) -> None:
    """Synthesize the one stack, with an archive that the CDK uploads under its hash."""
    app = App()
    stack = Stack(app, ENDPOINT, env=Environment(region=REGION))
    stack.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W2001"]}}}
    staging = AssetStaging(
        stack,
        "Archive",
        source_path=archive,
        asset_hash=sha256,
        asset_hash_type=AssetHashType.CUSTOM,
    )
    uploaded = stack.synthesizer.add_file_asset(
        file_name=staging.relative_staged_path(stack),
        packaging=FileAssetPackaging.FILE,
        source_hash=f"{sha256}.tar",
    )
    role = iam.CfnRole(
        stack,
        "ExecutionRole",
        assume_role_policy_document={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": "sagemaker.amazonaws.com"},
                    "Condition": {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
                }
            ],
        },
    )
    archive_arn = f"arn:aws:s3:::{uploaded.bucket_name}/{uploaded.object_key}"
    policy = iam.CfnPolicy(
        stack,
        "ExecutionPolicy",
        policy_name="ExecutionPolicy",
        roles=[role.ref],
        policy_document={"Version": "2012-10-17", "Statement": statements(archive_arn)},
    )
    model = sagemaker.CfnModel(
        stack,
        "Model",
        execution_role_arn=role.attr_arn,
        primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
            image=f"{REGISTRY}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:1.9-0-cpu-py3",
            model_data_url=uploaded.s3_object_url,
            environment={
                "PIP_NO_BUILD_ISOLATION": "0",
                "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_REGION": REGION,
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            },
        ),
    )
    model.node.add_dependency(policy)
    endpoint = serve(stack, model)
    scale(stack, endpoint)
    CfnOutput(stack, "EndpointName", value=endpoint.attr_endpoint_name)
    CfnOutput(stack, "ModelDataUrl", value=uploaded.s3_object_url)
    app.synth()


def statements(archive_arn: str) -> list[dict[str, object]]:
    """Return what the container may do."""
    log_group = (
        f"arn:aws:logs:{REGION}:{Aws.ACCOUNT_ID}:log-group:/aws/sagemaker/Endpoints/{ENDPOINT}"
    )
    return [
        {
            "Sid": "ReadArchive",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": archive_arn,
            "Condition": {"StringEquals": {"aws:ResourceAccount": Aws.ACCOUNT_ID}},
        },
        {
            "Sid": "LogInToRegistry",
            "Effect": "Allow",
            "Action": "ecr:GetAuthorizationToken",
            "Resource": "*",
        },
        {
            "Sid": "PullImage",
            "Effect": "Allow",
            "Action": [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            "Resource": f"arn:aws:ecr:{REGION}:{REGISTRY}:repository/{REPOSITORY}",
        },
        {
            "Sid": "WriteLogs",
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:DescribeLogStreams",
                "logs:PutLogEvents",
            ],
            "Resource": [log_group, f"{log_group}:log-stream:*"],
        },
        {
            "Sid": "WriteMetrics",
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]
                }
            },
        },
    ]


def serve(stack: Stack, model: sagemaker.CfnModel) -> sagemaker.CfnEndpoint:
    """Declare the endpoint, whose updates two alarms put back."""
    config = sagemaker.CfnEndpointConfig(
        stack,
        "EndpointConfig",
        production_variants=[
            sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                variant_name=VARIANT,
                model_name=model.attr_model_name,
                instance_type="ml.m5.large",
                initial_instance_count=2,
                initial_variant_weight=1,
                container_startup_health_check_timeout_in_seconds=300,
            )
        ],
    )
    alarms = [
        cloudwatch.CfnAlarm(
            stack,
            metric,
            alarm_description="Rolls an update of the endpoint back.",
            namespace="AWS/SageMaker",
            metric_name=metric,
            dimensions=[
                cloudwatch.CfnAlarm.DimensionProperty(name="EndpointName", value=ENDPOINT),
                cloudwatch.CfnAlarm.DimensionProperty(name="VariantName", value=VARIANT),
            ],
            statistic="Average",
            period=60,
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
        )
        for metric, threshold in (("Invocation5XXErrors", 0.01), ("ModelLatency", 30_000_000))
    ]
    properties = sagemaker.CfnEndpoint
    return sagemaker.CfnEndpoint(
        stack,
        "Endpoint",
        endpoint_name=ENDPOINT,
        endpoint_config_name=config.attr_endpoint_config_name,
        retain_all_variant_properties=True,
        exclude_retained_variant_properties=[
            properties.VariantPropertyProperty(variant_property_type="DesiredWeight")
        ],
        deployment_config=properties.DeploymentConfigProperty(
            auto_rollback_configuration=properties.AutoRollbackConfigProperty(
                alarms=[properties.AlarmProperty(alarm_name=alarm.ref) for alarm in alarms]
            ),
            blue_green_update_policy=properties.BlueGreenUpdatePolicyProperty(
                termination_wait_in_seconds=300,
                traffic_routing_configuration=properties.TrafficRoutingConfigProperty(
                    type="CANARY",
                    canary_size=properties.CapacitySizeProperty(type="CAPACITY_PERCENT", value=50),
                    wait_interval_in_seconds=300,
                ),
            ),
        ),
    )


def scale(stack: Stack, endpoint: sagemaker.CfnEndpoint) -> None:
    """Have the count follow the invocations."""
    target = autoscaling.CfnScalableTarget(
        stack,
        "ScalableTarget",
        service_namespace="sagemaker",
        scalable_dimension="sagemaker:variant:DesiredInstanceCount",
        resource_id=f"endpoint/{endpoint.attr_endpoint_name}/variant/{VARIANT}",
        min_capacity=2,
        max_capacity=8,
    )
    policy = autoscaling.CfnScalingPolicy
    policy(
        stack,
        "ScalingPolicy",
        policy_name="InvocationsPerInstance",
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=(
            policy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=600,
                predefined_metric_specification=policy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type="SageMakerVariantInvocationsPerInstance"
                ),
                scale_in_cooldown=300,
                scale_out_cooldown=60,
            )
        ),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
