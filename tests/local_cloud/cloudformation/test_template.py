from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.cloudformation.template import Template, TemplateError

BUCKET = {"Type": "AWS::S3::Bucket"}


def problems(**sections: Any) -> list[str]:
    with pytest.raises(TemplateError) as caught:
        Template.parse(json.dumps({"Resources": {"Bucket": BUCKET}, **sections}))
    return list(caught.value.problems)


def test_short_tags_of_yaml_are_the_functions_they_stand_for() -> None:
    template = Template.parse("""
        AWSTemplateFormatVersion: 2010-09-09
        Conditions: {Yes: !Equals [a, a], Both: !And [!Condition Yes, !Condition Yes]}
        Mappings: {ByAccount: {123456789012: {Name: ours}}}
        Resources:
          Topic: {Type: AWS::SNS::Topic}
          Other:
            Type: AWS::SNS::Topic
            Properties:
              TopicName: !GetAtt Topic.TopicName
              DisplayName: !Join ["-", [!Ref Topic, !Sub "${Topic.TopicName}"]]
    """)
    assert template.resources["Other"].properties == {
        "TopicName": {"Fn::GetAtt": "Topic.TopicName"},
        "DisplayName": {"Fn::Join": ["-", [{"Ref": "Topic"}, {"Fn::Sub": "${Topic.TopicName}"}]]},
    }
    assert template.section("Conditions")["Both"] == {
        "Fn::And": [{"Condition": "Yes"}, {"Condition": "Yes"}]
    }
    assert template.section("Mappings") == {"ByAccount": {"123456789012": {"Name": "ours"}}}
    assert template.body["AWSTemplateFormatVersion"] == "2010-09-09"


@pytest.mark.parametrize("text", ["", "[]", "just words", "a: [", "Resources: {}"])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        Template.parse(text)


def test_an_unknown_function_is_named_with_its_place_and_the_nearest() -> None:
    (problem,) = problems(Outputs={"Name": {"Value": {"Fn::GetAttr": ["Bucket", "Arn"]}}})
    assert problem.startswith("Outputs.Name.Value.Fn::GetAttr: the function Fn::GetAttr is not")
    assert problem.endswith("nearest: Fn::GetAtt")


def test_a_dangling_reference_is_named_with_its_place_and_the_nearest() -> None:
    ref, att, sub = problems(
        Outputs={
            "A": {"Value": {"Ref": "Buckett"}},
            "B": {"Value": {"Fn::GetAtt": ["Bukket", "Arn"]}},
            "C": {"Value": {"Fn::Sub": "${AWS::Region} ${Bucket} ${Missing.Arn} ${!Literal}"}},
        }
    )
    assert "Outputs.A.Value: no parameter or resource with the name 'Buckett'" in ref
    assert ref.endswith("nearest: Bucket")
    assert "Outputs.B.Value: no resource with the name 'Bukket'" in att
    assert "no resource with the name 'Missing'" in sub


def test_all_problems_of_form_are_reported_together() -> None:
    found = problems(
        Transform="AWS::Serverless-2016-10-31",
        Resources={
            "NoType": {"Properties": {}},
            "Snapshot": {**BUCKET, "DeletionPolicy": "Snapshot"},
            "Creation": {**BUCKET, "CreationPolicy": {}},
        },
        Outputs={"Empty": {}},
    )
    for start in (
        "Transform: not supported",
        "Resources.NoType: Type is missing",
        "Resources.Snapshot.DeletionPolicy: 'Snapshot' is not supported",
        "Resources.Creation.CreationPolicy: not supported",
        "Outputs.Empty: Value is missing",
    ):
        assert any(problem.startswith(start) for problem in found), start


def test_an_unknown_condition_and_dependency_are_named() -> None:
    found = problems(
        Resources={
            "Bucket": {
                **BUCKET,
                "Condition": "Never",
                "DependsOn": ["Ghost"],
                "Properties": {"BucketName": {"Fn::If": ["Nope", "a", "b"]}},
            }
        }
    )
    assert "Resources.Bucket: the condition 'Never' does not exist" in found
    assert "Resources.Bucket.Properties.BucketName: the condition 'Nope' does not exist" in found
    assert "Resources.Bucket.DependsOn: the resource 'Ghost' does not exist" in found


def test_conditions_and_rules_can_use_parameters_only() -> None:
    (problem,) = problems(Conditions={"C": {"Fn::Equals": [{"Ref": "Bucket"}, "x"]}})
    assert problem.startswith("Conditions.C.Fn::Equals[0]: no parameter or resource")


def test_a_policy_statements_condition_is_not_a_condition_of_the_template() -> None:
    statement = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    policy = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": [statement]}},
    }
    Template.parse(json.dumps({"Resources": {"Bucket": BUCKET, "Policy": policy}}))
