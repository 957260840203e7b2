from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.cloudformation.parameters import Parameter, settle
from local_cloud.cloudformation.template import Template, TemplateError

REGION = "eu-central-1"
TOPIC = {"Type": "AWS::SNS::Topic"}


def values(
    declared: dict[str, Any],
    given: dict[str, str | None] | None = None,
    previous: dict[str, Parameter] | None = None,
) -> dict[str, Any]:
    """Settle parameters; None stands for UsePreviousValue."""
    template = Template.parse(json.dumps({"Parameters": declared, "Resources": {"T": TOPIC}}))
    entries = [
        {"ParameterKey": key, "UsePreviousValue": True}
        if value is None
        else {"ParameterKey": key, "ParameterValue": value}
        for key, value in (given or {}).items()
    ]
    settled = settle(template, entries, previous or {}, {"/version": "33"}.__getitem__)
    return {name: parameter.value for name, parameter in settled.items()}


@pytest.mark.parametrize(
    ("declaration", "given", "value"),
    [
        ({"Type": "String"}, "x", "x"),
        ({"Type": "Number"}, "5", "5"),
        ({"Type": "CommaDelimitedList"}, "a, b", ["a", "b"]),
        ({"Type": "List<Number>"}, "1,2", ["1", "2"]),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "/version", "33"),
        ({"Type": "AWS::SSM::Parameter::Value<List<String>>"}, "/version", ["33"]),
    ],
)
def test_a_parameter_has_the_value_of_its_type(declaration: Any, given: str, value: Any) -> None:
    assert values({"P": declaration}, {"P": given}) == {"P": value}


def test_a_default_stands_in_also_for_a_previous_value_that_never_was() -> None:
    declared = {"P": {"Type": "String", "Default": "d"}, "N": {"Type": "Number", "Default": 3}}
    assert values(declared) == {"P": "d", "N": "3"}
    assert values(declared, {"P": None}) == {"P": "d", "N": "3"}
    assert values(declared, {"P": None}, {"P": Parameter("old", "old")})["P"] == "old"


@pytest.mark.parametrize(
    ("declaration", "given", "message"),
    [
        ({"Type": "String"}, {}, "Parameters.P: a value is needed"),
        ({"Type": "String"}, {"P": "x", "Q": "y"}, "[Q] do not exist in the template"),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, {"P": "c"}, "'c' is not one of a, b"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, {"P": "A"}, "the pattern [a-z]+"),
        ({"Type": "String", "MinLength": 2}, {"P": "A"}, "shorter than 2"),
        ({"Type": "String", "MaxLength": 2}, {"P": "ABC"}, "longer than 2"),
        ({"Type": "Number"}, {"P": "one"}, "'one' is not a number"),
        ({"Type": "Number", "MinValue": 2}, {"P": "1"}, "1 is less than 2"),
        ({"Type": "Number", "MaxValue": 2}, {"P": "3"}, "3 is more than 2"),
        (
            {"Type": "AWS::SSM::Parameter::Value<String>"},
            {"P": "/none"},
            "Unable to fetch parameters [/none] from parameter store for this account.",
        ),
        (
            {"Type": "String", "AllowedPattern": "x", "ConstraintDescription": "say x"},
            {"P": "y"},
            "say x",
        ),
    ],
)
def test_a_value_that_breaks_a_constraint_is_refused(
    declaration: Any, given: Any, message: str
) -> None:
    with pytest.raises(TemplateError) as caught:
        values({"P": declaration}, given)
    assert message in str(caught.value)


def test_a_number_arrives_at_the_service_as_a_number(cloud: Any, clients: Any) -> None:
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Days"}}}
    body = {"Parameters": {"Days": {"Type": "Number"}}, "Resources": {"Group": group}}
    assert cloud.deploy("app", body, parameters={"Days": "7"}) == "CREATE_COMPLETE"
    (found,) = clients("logs", REGION).describe_log_groups()["logGroups"]
    assert found["retentionInDays"] == 7


def test_a_hidden_parameter_is_never_shown(cloud: Any) -> None:
    body = {
        "Parameters": {"Secret": {"Type": "String", "NoEcho": True}},
        "Resources": {"T": {**TOPIC, "Properties": {"DisplayName": {"Ref": "Secret"}}}},
    }
    cloud.deploy("app", body, parameters={"Secret": "hush"})
    (stack,) = cloud.describe_stacks(StackName="app")["Stacks"]
    assert stack["Parameters"] == [{"ParameterKey": "Secret", "ParameterValue": "****"}]


BOOTSTRAPPED = {
    "Parameters": {
        "BootstrapVersion": {
            "Type": "AWS::SSM::Parameter::Value<String>",
            "Default": "/cdk-bootstrap/hnb659fds/version",
        }
    },
    "Rules": {
        "CheckBootstrapVersion": {
            "Assertions": [
                {
                    "Assert": {
                        "Fn::Not": [
                            {"Fn::Contains": [["1", "2", "3"], {"Ref": "BootstrapVersion"}]}
                        ]
                    },
                    "AssertDescription": "CDK bootstrap stack version 6 required.",
                }
            ]
        }
    },
    "Resources": {"T": TOPIC},
}


def test_the_cdks_bootstrap_rule_is_kept(cloud: Any, clients: Any) -> None:
    (missing,) = cloud.refused("app", BOOTSTRAPPED)
    assert "Unable to fetch parameters [/cdk-bootstrap/hnb659fds/version]" in missing

    name = "/cdk-bootstrap/hnb659fds/version"
    ssm = clients("ssm", REGION)
    ssm.put_parameter(Name=name, Value="3", Type="String")
    (old,) = cloud.refused("app", BOOTSTRAPPED)
    assert old.endswith("Rules.CheckBootstrapVersion: CDK bootstrap stack version 6 required.")

    ssm.put_parameter(Name=name, Value="33", Type="String", Overwrite=True)
    assert cloud.deploy("app", BOOTSTRAPPED) == "CREATE_COMPLETE"
    (stack,) = cloud.describe_stacks(StackName="app")["Stacks"]
    assert stack["Parameters"] == [
        {
            "ParameterKey": "BootstrapVersion",
            "ParameterValue": name,
            "ResolvedValue": "33",
        }
    ]
