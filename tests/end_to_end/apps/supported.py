"""Someone else's app, written for AWS: L2 constructs where there are some, an asset of the CDK's
own, an alarm and a dashboard. MODEL_ARCHIVE names its archive.
"""

import os
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_sns as sns
from constructs import Construct

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


class FraudStack(cdk.Stack):
    """Wires everything in one place, with names of its own."""

    def __init__(self, scope: Construct, id: str, **properties: Any) -> None:
        super().__init__(scope, id, **properties)
        archive = s3_assets.Asset(self, "Weights", path=os.environ["MODEL_ARCHIVE"])
        role = iam.Role(
            self,
            "HostingRole",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("AmazonSageMakerFullAccess")
            ],
        )
        archive.grant_read(role)
        model = sagemaker.CfnModel(
            self,
            "FraudModel",
            execution_role_arn=role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=IMAGE,
                model_data_url=archive.s3_object_url,
                environment={
                    "SAGEMAKER_PROGRAM": "inference.py",
                    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                },
            ),
        )
        model.node.add_dependency(role)
        config = sagemaker.CfnEndpointConfig(
            self,
            "FraudConfig",
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=name,
                    model_name=model.attr_model_name,
                    instance_type="ml.c5.large",
                    initial_instance_count=1,
                    initial_variant_weight=weight,
                )
                for name, weight in (("Champion", 9), ("Challenger", 1))
            ],
        )
        endpoint = sagemaker.CfnEndpoint(
            self, "FraudEndpoint", endpoint_config_name=config.attr_endpoint_config_name
        )
        topic = sns.Topic(self, "OnCall")
        errors = cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name="Invocation5XXErrors",
            dimensions_map={
                "EndpointName": endpoint.attr_endpoint_name,
                "VariantName": "Champion",
            },
            statistic="Sum",
        )
        alarm = errors.create_alarm(self, "Errors", threshold=1, evaluation_periods=3)
        alarm.add_alarm_action(actions.SnsAction(topic))
        cloudwatch.Dashboard(self, "Board").add_widgets(cloudwatch.GraphWidget(left=[errors]))
        cdk.CfnOutput(self, "Name", value=endpoint.attr_endpoint_name)


app = cdk.App()
FraudStack(app, "Fraud")
app.synth()
