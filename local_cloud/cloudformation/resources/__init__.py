"""The resource types that the local cloud supports."""

from collections.abc import Mapping

from local_cloud.cloudformation.resources.autoscaling import ScalableTarget, ScalingPolicy
from local_cloud.cloudformation.resources.cdk import Metadata
from local_cloud.cloudformation.resources.cloudwatch import Alarm, Dashboard
from local_cloud.cloudformation.resources.ecr import Repository
from local_cloud.cloudformation.resources.iam import ManagedPolicy, Policy, Role
from local_cloud.cloudformation.resources.kms import Alias, Key
from local_cloud.cloudformation.resources.logs import LogGroup
from local_cloud.cloudformation.resources.resource_type import ResourceType
from local_cloud.cloudformation.resources.s3 import Bucket, BucketPolicy
from local_cloud.cloudformation.resources.sagemaker import Endpoint, EndpointConfig, Model
from local_cloud.cloudformation.resources.sns import Subscription, Topic, TopicPolicy
from local_cloud.cloudformation.resources.ssm import Parameter

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    kind.type_name: kind()
    for kind in (
        Alarm,
        Alias,
        Bucket,
        BucketPolicy,
        Dashboard,
        Endpoint,
        EndpointConfig,
        Key,
        LogGroup,
        ManagedPolicy,
        Metadata,
        Model,
        Parameter,
        Policy,
        Repository,
        Role,
        ScalableTarget,
        ScalingPolicy,
        Subscription,
        Topic,
        TopicPolicy,
    )
}
