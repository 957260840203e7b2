"""What the local cloud does not support is refused before anything is touched."""

from __future__ import annotations

from typing import Any

from local_cloud.cloudformation import schemas
from local_cloud.cloudformation.resources import RESOURCE_TYPES

REGION = "eu-central-1"


def resource(type_name: str, **properties: Any) -> Any:
    return {"Type": type_name, "Properties": properties}


def test_everything_unsupported_is_reported_together_and_nothing_is_touched(
    cloud: Any, clients: Any
) -> None:
    lines = cloud.refused(
        "app",
        {
            "Resources": {
                "Fine": resource("AWS::SNS::Topic"),
                "Typo": resource("AWS::SNS::Topic", DisplayNam="x"),
                "Unhonoured": resource(
                    "AWS::S3::Bucket", WebsiteConfiguration={"IndexDocument": "i"}
                ),
                "Missing": resource("AWS::SSM::Parameter", Type="String"),
                "ReadOnly": resource("AWS::S3::Bucket", Arn="arn"),
                "Deep": resource(
                    "AWS::SageMaker::EndpointConfig",
                    ProductionVariants=[
                        {
                            "VariantName": "A",
                            "ModelName": "m",
                            "ManagedInstanceScaling": {"Status": "ENABLED"},
                        }
                    ],
                ),
                "WrongType": resource("AWS::Logs::LogGroup", RetentionInDays="a week"),
                "Dynamic": resource("AWS::SNS::Topic", DisplayName="{{resolve:ssm:/x}}"),
            }
        },
    )
    for start in (
        (
            "Typo (AWS::SNS::Topic): DisplayNam: the registry has no such "
            "property; nearest: DisplayName"
        ),
        (
            "Unhonoured (AWS::S3::Bucket): WebsiteConfiguration: not supported by the local "
            "cloud; it supports VersioningConfiguration,"
        ),
        "Missing (AWS::SSM::Parameter): Value: this required property is missing",
        "ReadOnly (AWS::S3::Bucket): Arn: this property is read-only",
        (
            "Deep (AWS::SageMaker::EndpointConfig): ProductionVariants.ManagedInstanceScaling: "
            "not supported by the local cloud; it supports ProductionVariants."
        ),
        "WrongType (AWS::Logs::LogGroup): RetentionInDays: 'a week' is not of type integer",
        "Dynamic (AWS::SNS::Topic): DisplayName: '{{resolve:ssm:/x}}': dynamic references are not",
    ):
        assert any(line.removeprefix("Template error: ").startswith(start) for line in lines), start
    assert len(lines) == 7
    assert cloud.status("app") == ""
    assert not clients("sns", REGION).list_topics()["Topics"]


def test_an_unsupported_type_is_named_with_those_that_are_supported(cloud: Any) -> None:
    (line,) = cloud.refused("app", {"Resources": {"Queue": resource("AWS::SQS::Queue")}})
    assert line.startswith(
        "Template error: Queue (AWS::SQS::Queue): this resource type is not supported by the "
        "local cloud; it supports"
    )
    assert "AWS::SNS::Topic" in line


def test_an_attribute_that_a_resource_does_not_have_is_named(cloud: Any) -> None:
    body = {
        "Resources": {"Topic": resource("AWS::SNS::Topic")},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Topic", "Arn"]}}},
    }
    (line,) = cloud.refused("app", body)
    assert line.endswith(
        "Topic (AWS::SNS::Topic) has no attribute 'Arn' here; it has TopicArn, TopicName"
    )


def test_a_cycle_is_named_from_end_to_end(cloud: Any) -> None:
    body = {
        "Resources": {
            "A": resource("AWS::SNS::Topic", DisplayName={"Ref": "B"}),
            "B": {**resource("AWS::SNS::Topic"), "DependsOn": "A"},
        }
    }
    (line,) = cloud.refused("app", body)
    assert "Circular dependency between resources: " in line
    assert "A -> B -> A" in line or "B -> A -> B" in line


def test_a_refused_update_leaves_the_stack_as_it_is(cloud: Any) -> None:
    cloud.deploy("app", {"Resources": {"Topic": resource("AWS::SNS::Topic")}})
    before = cloud.physical_ids("app")
    (line,) = cloud.refused("app", {"Resources": {"Topic": resource("AWS::S3::Bucket")}})
    assert "the type of a resource cannot change, and Topic has the type AWS::SNS::Topic" in line
    assert cloud.status("app") == "CREATE_COMPLETE"
    assert cloud.physical_ids("app") == before


def test_a_network_is_refused_by_name(cloud: Any) -> None:
    lines = cloud.refused(
        "app",
        {
            "Resources": {
                "InVpc": resource(
                    "AWS::SageMaker::Model",
                    VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
                ),
            }
        },
    )
    assert "InVpc (AWS::SageMaker::Model): VpcConfig: not supported" in "\n".join(lines)


def test_a_property_in_a_branch_that_is_not_taken_is_not_looked_at(cloud: Any) -> None:
    body = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "Topic": resource(
                "AWS::SNS::Topic",
                DisplayName={"Fn::If": ["Never", {"Ref": "Other"}, {"Ref": "AWS::NoValue"}]},
            ),
            "Other": {**resource("AWS::SQS::Queue"), "Condition": "Never"},
        },
    }
    assert cloud.deploy("app", body) == "CREATE_COMPLETE"
    assert list(cloud.physical_ids("app")) == ["Topic"]


def test_a_reference_to_a_resource_that_its_condition_leaves_out_is_refused(cloud: Any) -> None:
    body = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "Topic": resource("AWS::SNS::Topic", DisplayName={"Ref": "Other"}),
            "Other": {**resource("AWS::SNS::Topic"), "Condition": "Never"},
        },
    }
    (line,) = cloud.refused("app", body)
    assert line.endswith(
        "Topic (AWS::SNS::Topic): DisplayName: refers to Other, whose condition is false"
    )


def test_numbers_and_booleans_given_as_text_take_the_type_of_the_schema() -> None:
    schema = schemas.find("AWS::ApplicationAutoScaling::ScalableTarget", REGION)
    assert schema is not None
    coerced = schema.coerce(
        {"MinCapacity": "1", "SuspendedState": {"DynamicScalingInSuspended": "true"}, "RoleARN": 5}
    )
    assert coerced == {
        "MinCapacity": 1,
        "SuspendedState": {"DynamicScalingInSuspended": True},
        "RoleARN": "5",
    }


def test_every_supported_type_is_in_the_registry_and_supports_only_what_the_registry_knows() -> (
    None
):
    for type_name, kind in RESOURCE_TYPES.items():
        schema = schemas.find(type_name, REGION)
        assert schema is not None, type_name
        for path in (*kind.honours, *([kind.name_property] if kind.name_property else [])):
            node: Any = schema.body
            for name in path.split("."):
                known = properties_of(schema.body, node)
                assert name in known, f"{type_name}: {path}"
                node = known[name]


def properties_of(body: Any, node: Any) -> Any:
    """The properties of a schema's node, through references, lists and alternatives."""
    if "$ref" in node:
        return properties_of(body, body["definitions"][node["$ref"].rpartition("/")[2]])
    if "items" in node:
        return properties_of(body, node["items"])
    return node.get("properties", {}) | {
        name: inner
        for alternative in node.get("oneOf", []) + node.get("anyOf", [])
        for name, inner in properties_of(body, alternative).items()
    }
