"""Each resource type that moto serves: made with all its settings, changed, and removed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.cloudformation.resources import RESOURCE_TYPES

REGION = "eu-central-1"


def document(action: str, **statement: Any) -> dict[str, Any]:
    allow = {"Effect": "Allow", "Action": action, "Resource": "*", **statement}
    return {"Version": "2012-10-17", "Statement": [allow]}


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
        }
    ],
}
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/iris/variant/A",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
PROVISIONED = {**TARGET, "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency"}
TRACKING = {
    "TargetValue": 600,
    "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    },
}
LIFECYCLE = {"Rules": [{"Id": "old", "Status": "Enabled", "ExpirationInDays": 3}]}
SSE = {
    "ServerSideEncryptionConfiguration": [
        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}
    ]
}
POLICY_TEXT = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "imageCountMoreThan",
                    "countNumber": 1,
                },
                "action": {"type": "expire"},
            }
        ]
    }
)
TAGS, OTHER_TAGS = [{"Key": "a", "Value": "1"}], [{"Key": "b", "Value": "2"}]


def kms_key(clients: Any, key_id: str) -> Any:
    kms = clients("kms", REGION)
    return (
        kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"],
        kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"],
        kms.describe_key(KeyId=key_id)["KeyMetadata"]["Enabled"],
        [tag["TagKey"] for tag in kms.list_resource_tags(KeyId=key_id)["Tags"]],
    )


def bucket(clients: Any, name: str) -> Any:
    s3 = clients("s3", REGION)
    return (
        s3.get_bucket_versioning(Bucket=name).get("Status"),
        [tag["Key"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]],
        [rule["ID"] for rule in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]],
    )


def role(clients: Any, name: str) -> Any:
    iam = clients("iam", REGION)
    found = iam.get_role(RoleName=name)["Role"]
    return (
        found["Description"],
        found["MaxSessionDuration"],
        iam.list_role_policies(RoleName=name)["PolicyNames"],
        [tag["Key"] for tag in iam.list_role_tags(RoleName=name)["Tags"]],
    )


def managed_policy(clients: Any, arn: str) -> Any:
    iam = clients("iam", REGION)
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return found["Statement"][0]["Action"], len(iam.list_policy_versions(PolicyArn=arn)["Versions"])


def repository(clients: Any, name: str) -> Any:
    ecr = clients("ecr", REGION)
    (found,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    return found["imageTagMutability"], found["imageScanningConfiguration"]["scanOnPush"]


def log_group(clients: Any, name: str) -> Any:
    (found,) = clients("logs", REGION).describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return found.get("retentionInDays")


def alarm(clients: Any, name: str) -> Any:
    (found,) = clients("cloudwatch", REGION).describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found["Threshold"], found.get("TreatMissingData")


def dashboard(clients: Any, name: str) -> Any:
    return clients("cloudwatch", REGION).get_dashboard(DashboardName=name)["DashboardBody"]


def topic(clients: Any, arn: str) -> Any:
    sns = clients("sns", REGION)
    return (
        sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"],
        [tag["Key"] for tag in sns.list_tags_for_resource(ResourceArn=arn)["Tags"]],
    )


def scalable_target(clients: Any, physical_id: str) -> Any:
    (found,) = clients("application-autoscaling", REGION).describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[physical_id.split("|")[0]]
    )["ScalableTargets"]
    return found["MaxCapacity"]


def ssm_parameter(clients: Any, name: str) -> Any:
    return clients("ssm", REGION).get_parameter(Name=name)["Parameter"]["Value"]


def metric_alarm(threshold: int) -> dict[str, Any]:
    return {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "m",
        "Namespace": "n",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": threshold,
        "TreatMissingData": "notBreaching",
    }


CASES: list[tuple[str, dict[str, Any], dict[str, Any], Any, Any, Any]] = [
    (
        "AWS::KMS::Key",
        {"Description": "one", "EnableKeyRotation": True, "Tags": TAGS},
        {"Description": "two", "EnableKeyRotation": False, "Enabled": False, "Tags": OTHER_TAGS},
        kms_key,
        ("one", True, True, ["a"]),
        ("two", False, False, ["b"]),
    ),
    (
        "AWS::S3::Bucket",
        {
            "BucketEncryption": SSE,
            "LifecycleConfiguration": LIFECYCLE,
            "VersioningConfiguration": {"Status": "Enabled"},
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "Tags": TAGS,
        },
        {"LifecycleConfiguration": LIFECYCLE, "AccessControl": "PublicRead", "Tags": OTHER_TAGS},
        bucket,
        ("Enabled", ["a"], ["old"]),
        ("Suspended", ["b"], ["old"]),
    ),
    (
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": TRUST,
            "Description": "one",
            "Policies": [{"PolicyName": "p1", "PolicyDocument": document("s3:GetObject")}],
            "Tags": TAGS,
        },
        {
            "AssumeRolePolicyDocument": TRUST,
            "MaxSessionDuration": 7200,
            "Policies": [{"PolicyName": "p2", "PolicyDocument": document("s3:GetObject")}],
            "Tags": OTHER_TAGS,
        },
        role,
        ("one", 3600, ["p1"], ["a"]),
        ("", 7200, ["p2"], ["b"]),
    ),
    (
        "AWS::IAM::ManagedPolicy",
        {"PolicyDocument": document("s3:GetObject")},
        {"PolicyDocument": document("s3:PutObject")},
        managed_policy,
        ("s3:GetObject", 1),
        ("s3:PutObject", 1),
    ),
    (
        "AWS::ECR::Repository",
        {
            "ImageTagMutability": "IMMUTABLE",
            "LifecyclePolicy": {"LifecyclePolicyText": POLICY_TEXT},
            "RepositoryPolicyText": document("ecr:BatchGetImage", Principal="*"),
            "Tags": TAGS,
        },
        {"ImageScanningConfiguration": {"ScanOnPush": True}, "Tags": OTHER_TAGS},
        repository,
        ("IMMUTABLE", False),
        ("MUTABLE", True),
    ),
    (
        "AWS::Logs::LogGroup",
        {"RetentionInDays": 7, "Tags": TAGS},
        {"Tags": OTHER_TAGS},
        log_group,
        7,
        None,
    ),
    (
        "AWS::CloudWatch::Alarm",
        {**metric_alarm(1), "Tags": TAGS},
        {**metric_alarm(2), "Tags": OTHER_TAGS},
        alarm,
        (1.0, "notBreaching"),
        (2.0, "notBreaching"),
    ),
    (
        "AWS::CloudWatch::Dashboard",
        {"DashboardBody": '{"widgets": []}'},
        {"DashboardBody": '{"widgets":  []}'},
        dashboard,
        '{"widgets": []}',
        '{"widgets":  []}',
    ),
    (
        "AWS::SNS::Topic",
        {"DisplayName": "one", "Tags": TAGS},
        {"Tags": OTHER_TAGS},
        topic,
        ("one", ["a"]),
        ("", ["b"]),
    ),
    (
        "AWS::ApplicationAutoScaling::ScalableTarget",
        {**TARGET, "MinCapacity": 1, "MaxCapacity": 2},
        {**TARGET, "MinCapacity": 1, "MaxCapacity": 8},
        scalable_target,
        2,
        8,
    ),
    (
        "AWS::ApplicationAutoScaling::ScalableTarget",
        {**PROVISIONED, "MinCapacity": 1, "MaxCapacity": 2},
        {**PROVISIONED, "MinCapacity": 1, "MaxCapacity": 8},
        scalable_target,
        2,
        8,
    ),
    (
        "AWS::SSM::Parameter",
        {"Type": "String", "Value": "one", "Tags": {"a": "1"}},
        {"Type": "String", "Value": "two", "Tags": {"b": "2"}},
        ssm_parameter,
        "one",
        "two",
    ),
]


@pytest.mark.parametrize(
    ("type_name", "first", "second", "look", "seen_first", "seen_second"),
    CASES,
    ids=[case[0] for case in CASES],
)
def test_a_resource_is_made_changed_in_place_and_removed(
    cloud: Any,
    clients: Any,
    type_name: str,
    first: Any,
    second: Any,
    look: Any,
    seen_first: Any,
    seen_second: Any,
) -> None:
    names = RESOURCE_TYPES[type_name].attributes
    outputs = {name: {"Value": {"Fn::GetAtt": ["It", name]}} for name in names}

    def body(properties: Any) -> dict[str, Any]:
        return {
            "Resources": {"It": {"Type": type_name, "Properties": properties}},
            "Outputs": outputs,
        }

    assert cloud.deploy("app", body(first)) == "CREATE_COMPLETE"
    physical_id = cloud.physical_ids("app")["It"]
    assert look(clients, physical_id) == seen_first
    assert cloud.outputs("app").keys() == set(names)
    assert cloud.deploy("app", body(second)) == "UPDATE_COMPLETE"
    assert cloud.physical_ids("app")["It"] == physical_id
    assert look(clients, physical_id) == seen_second
    assert cloud.delete("app") == "DELETE_COMPLETE"
    if type_name != "AWS::KMS::Key":  # A key is only scheduled for its deletion.
        with pytest.raises(Exception, match=r"NoSuch|NotFound|ResourceNotFound|not enough values"):
            look(clients, physical_id)


def test_a_topics_policy_and_subscriptions_come_and_go_with_it(cloud: Any, clients: Any) -> None:
    sns, sqs = clients("sns", REGION), clients("sqs", REGION)
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])

    def body(action: str, **subscription: Any) -> dict[str, Any]:
        policy = document(action, Principal={"Service": "sagemaker.amazonaws.com"})
        subscribed = {
            "TopicArn": {"Ref": "Topic"},
            "Protocol": "sqs",
            "Endpoint": arn["Attributes"]["QueueArn"],
            **subscription,
        }
        return {
            "Resources": {
                "Topic": {"Type": "AWS::SNS::Topic"},
                "Policy": {
                    "Type": "AWS::SNS::TopicPolicy",
                    "Properties": {"PolicyDocument": policy, "Topics": [{"Ref": "Topic"}]},
                },
                "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": subscribed},
            }
        }

    def told(text: str) -> str:
        topic = cloud.physical_ids("app")["Topic"]
        sns.publish(TopicArn=topic, Message=text)
        [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return str(message["Body"])

    def allowed() -> str:
        topic = cloud.physical_ids("app")["Topic"]
        policy = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
        return str(json.loads(policy)["Statement"][0]["Action"])

    assert cloud.deploy("app", body("sns:Publish")) == "CREATE_COMPLETE"
    assert json.loads(told("one"))["Message"] == "one"
    assert allowed() == "sns:Publish"
    before = cloud.physical_ids("app")
    assert cloud.deploy("app", body("sns:Get*", RawMessageDelivery=True)) == "UPDATE_COMPLETE"
    assert cloud.physical_ids("app") == before
    assert told("two") == "two"
    assert allowed() == "sns:Get*"
    only_topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    assert cloud.deploy("app", only_topic) == "UPDATE_COMPLETE"
    assert allowed() == "SNS:*"
    assert not sns.list_subscriptions()["Subscriptions"]
    assert cloud.delete("app") == "DELETE_COMPLETE"


def test_a_bucket_for_inputs_and_results_is_made_as_the_cdk_writes_it(
    cloud: Any, clients: Any
) -> None:
    rules = [
        {
            "Id": "results",
            "Prefix": "results/",
            "Status": "Enabled",
            "ExpirationInDays": 7,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    ]
    sse = {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]},
    }
    closed = dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    deny = {
        "Effect": "Deny",
        "Action": "s3:*",
        "Principal": {"AWS": "*"},
        "Resource": [{"Fn::GetAtt": ["Bucket", "Arn"]}],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    body = {
        "Resources": {
            "Key": {"Type": "AWS::KMS::Key", "Properties": {"EnableKeyRotation": True}},
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "DeletionPolicy": "Delete",
                "UpdateReplacePolicy": "Delete",
                "Properties": {
                    "BucketEncryption": {
                        "ServerSideEncryptionConfiguration": [
                            {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": sse}
                        ]
                    },
                    "LifecycleConfiguration": {"Rules": rules},
                    "PublicAccessBlockConfiguration": closed,
                    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                },
            },
            "BucketPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "Bucket"},
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [deny]},
                },
            },
        }
    }
    assert cloud.deploy("app", body) == "CREATE_COMPLETE"
    s3, name = clients("s3", REGION), cloud.physical_ids("app")["Bucket"]
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert rule["Filter"] == {"Prefix": "results/"}
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 1
    [encryption] = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"][
        "Rules"
    ]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == closed
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    s3.delete_object(Bucket=name, Key="k")
    assert cloud.delete("app") == "DELETE_COMPLETE"


def test_an_inline_policy_follows_its_roles(cloud: Any, clients: Any) -> None:
    iam = clients("iam", REGION)

    def body(*roles: str) -> dict[str, Any]:
        properties = {
            "PolicyName": "access",
            "PolicyDocument": document("s3:GetObject"),
            "Roles": [{"Ref": name} for name in roles],
        }
        role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
        policy = {"Type": "AWS::IAM::Policy", "Properties": properties}
        return {"Resources": {"One": role, "Two": role, "Policy": policy}}

    def holders() -> set[str]:
        ids = cloud.physical_ids("app")
        return {
            name
            for name in ("One", "Two")
            if iam.list_role_policies(RoleName=ids[name])["PolicyNames"] == ["access"]
        }

    cloud.deploy("app", body("One"))
    assert holders() == {"One"}
    assert cloud.deploy("app", body("Two")) == "UPDATE_COMPLETE"
    assert holders() == {"Two"}
    assert cloud.delete("app") == "DELETE_COMPLETE"
    assert not iam.list_roles()["Roles"]


def test_a_scaling_policy_finds_its_target_by_id(cloud: Any, clients: Any) -> None:
    scaling = clients("application-autoscaling", REGION)

    def body(value: int) -> dict[str, Any]:
        policy = {
            "PolicyName": "track",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": {"Ref": "Target"},
            "TargetTrackingScalingPolicyConfiguration": {**TRACKING, "TargetValue": value},
        }
        target = {**TARGET, "MinCapacity": 1, "MaxCapacity": 2}
        return {
            "Resources": {
                "Policy": {
                    "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
                    "Properties": policy,
                },
                "Target": {
                    "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
                    "Properties": target,
                },
            }
        }

    def policies() -> Any:
        return scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]

    assert cloud.deploy("app", body(600)) == "CREATE_COMPLETE"
    (policy,) = policies()
    assert policy["PolicyARN"] == cloud.physical_ids("app")["Policy"]
    assert cloud.deploy("app", body(300)) == "UPDATE_COMPLETE"
    (policy,) = policies()
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 300
    assert cloud.delete("app") == "DELETE_COMPLETE"
    assert not policies()


def test_generated_names_hold_stack_logical_id_and_chance_within_the_limit(cloud: Any) -> None:
    stack = "a-stack-with-a-rather-long-name-that-goes-on-and-on"
    body = {
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket"},
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": TRUST},
            },
        }
    }
    assert cloud.deploy(stack, body) == "CREATE_COMPLETE"
    ids = cloud.physical_ids(stack)
    assert len(ids["Bucket"]) <= 63
    assert ids["Bucket"] == ids["Bucket"].lower()
    assert len(ids["Role"]) <= 64
    assert "-Role-" in ids["Role"]
    assert "-bucket-" in ids["Bucket"]


def test_scheduled_actions_come_change_and_go_with_their_target(cloud: Any, clients: Any) -> None:
    scaling = clients("application-autoscaling", REGION)

    def body(**hours: int) -> dict[str, Any]:
        actions = [
            {
                "ScheduledActionName": name,
                "Schedule": f"cron(0 {hour} ? * * *)",
                "Timezone": "Europe/Berlin",
                "ScalableTargetAction": {"MinCapacity": 2},
            }
            for name, hour in hours.items()
        ]
        target = {**TARGET, "MinCapacity": 1, "MaxCapacity": 2, "ScheduledActions": actions}
        kind = "AWS::ApplicationAutoScaling::ScalableTarget"
        return {"Resources": {"Target": {"Type": kind, "Properties": target}}}

    def schedule() -> dict[str, str]:
        found = scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
        return {each["ScheduledActionName"]: each["Schedule"] for each in found}

    assert cloud.deploy("app", body(morning=8, evening=20)) == "CREATE_COMPLETE"
    assert schedule() == {"morning": "cron(0 8 ? * * *)", "evening": "cron(0 20 ? * * *)"}
    assert cloud.deploy("app", body(morning=7)) == "UPDATE_COMPLETE"
    assert schedule() == {"morning": "cron(0 7 ? * * *)"}
    assert cloud.delete("app") == "DELETE_COMPLETE"
    assert not schedule()
