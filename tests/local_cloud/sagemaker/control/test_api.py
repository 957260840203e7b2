from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.sagemaker.cloud import ANSWERS, IMAGE, REGION, Cloud, source


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return str(error["Message"])


def test_a_model_and_a_config_are_described_as_they_were_created(cloud: Cloud) -> None:
    model = cloud.model("m", ModelDataUrl="s3://models/m.tar.gz")
    described = cloud.api.describe_model(ModelName=model)
    assert described["ModelArn"] == f"arn:aws:sagemaker:{REGION}:123456789012:model/m"
    assert described["PrimaryContainer"]["Image"] == IMAGE
    assert described["PrimaryContainer"]["ModelDataUrl"] == "s3://models/m.tar.gz"
    assert datetime.now(UTC) - described["CreationTime"] < timedelta(minutes=1)
    cloud.config("c", {"ModelName": "m", "InitialVariantWeight": 2.5})
    config = cloud.api.describe_endpoint_config(EndpointConfigName="c")
    assert config["EndpointConfigArn"].endswith(":endpoint-config/c")
    assert config["ProductionVariants"][0]["InitialVariantWeight"] == 2.5


def test_a_name_in_use_is_not_created_again_and_regions_are_apart(cloud: Cloud) -> None:
    cloud.deploy("n", ANSWERS.format("a"))
    arn = f"arn:aws:sagemaker:{REGION}:123456789012"
    container = {"Image": IMAGE}
    assert (
        refusal(cloud.api.create_model, ModelName="n", PrimaryContainer=container)
        == f'Cannot create already existing model "{arn}:model/n".'
    )
    with pytest.raises(ClientError, match="Cannot create already existing endpoint configuration"):
        cloud.config("n", {"ModelName": "n"})
    assert (
        refusal(cloud.api.create_endpoint, EndpointName="n", EndpointConfigName="n")
        == f'Cannot create already existing endpoint "{arn}:endpoint/n".'
    )
    elsewhere = cloud.client("sagemaker", "us-east-1")
    elsewhere.create_model(ModelName="n", PrimaryContainer=container)
    assert elsewhere.list_endpoints()["Endpoints"] == []


def test_a_name_that_does_not_exist_is_refused_in_aws_s_words(cloud: Cloud) -> None:
    arn = f"arn:aws:sagemaker:{REGION}:123456789012"
    api = cloud.api
    for call, arguments, missing in (
        (api.describe_model, {"ModelName": "x"}, f'model "{arn}:model/x"'),
        (api.delete_model, {"ModelName": "x"}, f'model "{arn}:model/x"'),
        (
            api.describe_endpoint_config,
            {"EndpointConfigName": "x"},
            f'endpoint configuration "{arn}:endpoint-config/x"',
        ),
        (
            api.create_endpoint,
            {"EndpointName": "e", "EndpointConfigName": "x"},
            f'endpoint configuration "{arn}:endpoint-config/x"',
        ),
        (api.delete_endpoint, {"EndpointName": "x"}, f'endpoint "{arn}:endpoint/x"'),
    ):
        assert refusal(call, **arguments) == f"Could not find {missing}."
    with pytest.raises(ClientError, match=f'Could not find model "{arn}:model/x"'):
        cloud.config("c", {"ModelName": "x"})


def test_a_config_in_use_stays_and_a_model_in_use_may_go(cloud: Cloud) -> None:
    cloud.deploy("used", ANSWERS.format("a"))
    message = refusal(cloud.api.delete_endpoint_config, EndpointConfigName="used")
    assert "in use by endpoint" in message
    cloud.api.delete_model(ModelName="used")
    assert cloud.ask("used") == "a"
    assert "Could not find model" in refusal(
        cloud.api.update_endpoint, EndpointName="used", EndpointConfigName="used"
    )
    cloud.api.delete_endpoint(EndpointName="used")
    cloud.gone("used")
    cloud.api.delete_endpoint_config(EndpointConfigName="used")
    assert cloud.api.list_endpoint_configs()["EndpointConfigs"] == []


def test_lists_are_filtered_sorted_and_paged(cloud: Cloud) -> None:
    for name in ("b-one", "a-one", "c-two"):
        cloud.model(name)

    def listed(**arguments: Any) -> list[str]:
        pages = cloud.api.get_paginator("list_models").paginate(**arguments)
        return [model["ModelName"] for page in pages for model in page["Models"]]

    assert listed() == ["c-two", "a-one", "b-one"]
    assert listed(SortOrder="Ascending") == ["b-one", "a-one", "c-two"]
    assert listed(SortBy="Name", SortOrder="Ascending", MaxResults=1) == [
        "a-one",
        "b-one",
        "c-two",
    ]
    assert sorted(listed(NameContains="ONE")) == ["a-one", "b-one"]
    assert listed(CreationTimeAfter=datetime.now(UTC) + timedelta(hours=1)) == []
    assert len(listed(CreationTimeBefore=datetime.now(UTC) + timedelta(hours=1))) == 3
    assert "NextToken" in refusal(cloud.api.list_models, NextToken="x")


def test_endpoints_are_listed_by_status(cloud: Cloud) -> None:
    cloud.deploy("works", ANSWERS.format("a"))
    cloud.deploy("broken", "raise ValueError")

    def listed(**arguments: Any) -> list[str]:
        endpoints = cloud.api.list_endpoints(**arguments)["Endpoints"]
        return [endpoint["EndpointName"] for endpoint in endpoints]

    assert listed(StatusEquals="InService") == ["works"]
    assert listed(StatusEquals="Failed") == ["broken"]
    assert listed(SortBy="Status", SortOrder="Ascending") == ["broken", "works"]
    assert listed(LastModifiedTimeAfter=datetime.now(UTC) + timedelta(hours=1)) == []


def test_tags_are_kept_changed_and_listed(cloud: Cloud) -> None:
    api = cloud.api
    arn = api.create_model(
        ModelName="t", PrimaryContainer={"Image": IMAGE}, Tags=[{"Key": "a", "Value": "1"}]
    )["ModelArn"]
    api.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    assert api.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "a", "Value": "3"},
        {"Key": "b", "Value": "2"},
    ]
    api.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert api.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    api.delete_model(ModelName="t")
    assert "Could not find" in refusal(api.list_tags, ResourceArn=arn)


MANY = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://b/k/"}
NETWORK = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"Containers": [{"Image": IMAGE}]}, "either a PrimaryContainer or Containers"),
        ({"VpcConfig": NETWORK}, "VpcConfig"),
        (
            {"PrimaryContainer": MANY | {"ModelDataUrl": "s3://b/k"}},
            "ModelDataUrl is s3://b/k: in MultiModel mode it must be the S3 prefix",
        ),
        (
            {"PrimaryContainer": {**MANY, **source("s3://b/k/", "S3Prefix", "None")}},
            "Give PrimaryContainer a ModelDataUrl or a ModelDataSource",
        ),
        (
            {"PrimaryContainer": {"Image": IMAGE, "MultiModelConfig": {}}},
            "PrimaryContainer.MultiModelConfig needs a container in MultiModel mode",
        ),
        ({"InferenceExecutionConfig": {"Mode": "Direct"}}, "Direct needs a model with Containers"),
        (
            {"PrimaryContainer": {"Image": "x/own/sagemaker-scikit-learn-2:1.9-0"}},
            "repository is sagemaker-scikit-learn or sagemaker-xgboost",
        ),
        ({"PrimaryContainer": {"Image": "x/xgboost:1"}}, "does not run the image x/xgboost:1"),
        ({"PrimaryContainer": {"ModelDataUrl": "s3://b/k"}}, "PrimaryContainer.Image"),
        (
            {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "https://b/k"}},
            "only from s3:// URLs, not from https://b/k",
        ),
        (
            {"PrimaryContainer": {"Image": IMAGE, **source("s3://b/k/", "S3Prefix", "Gzip")}},
            "S3DataType S3Prefix with CompressionType Gzip",
        ),
        (
            {"PrimaryContainer": {"Image": IMAGE, **source("s3://b/k", "S3Prefix", "None")}},
            "it must end with a forward slash",
        ),
        (
            {"PrimaryContainer": {"Image": IMAGE, **source("https://b/k", "S3Object", "None")}},
            "only from s3:// URLs, not from https://b/k",
        ),
    ],
)
def test_a_model_that_the_local_cloud_does_not_run_is_refused_by_name(
    cloud: Cloud, request_: dict[str, Any], named: str
) -> None:
    request_ = {"PrimaryContainer": {"Image": IMAGE}, **request_}
    assert named in refusal(cloud.api.create_model, ModelName="m", **request_)


@pytest.mark.parametrize(
    ("containers", "named"),
    [
        ([{"Image": IMAGE}, {}], "Containers[1].Image is required"),
        ([{"Image": IMAGE, "ContainerHostname": "a"}] * 2, "used twice: a"),
        (
            [{"Image": IMAGE, "ContainerHostname": "a"}, {"Image": IMAGE}],
            "Containers[1] has no ContainerHostname",
        ),
        ([MANY, MANY], "More than one container in MultiModel mode is not supported"),
        ([{"Image": IMAGE}] * 16, "15"),
    ],
)
def test_a_pipeline_that_sagemaker_would_not_take_is_refused(
    cloud: Cloud, containers: list[dict[str, Any]], named: str
) -> None:
    assert named in refusal(cloud.api.create_model, ModelName="m", Containers=containers)


def test_direct_invocation_of_several_models_is_refused_by_name(cloud: Cloud) -> None:
    refused = refusal(
        cloud.api.create_model,
        ModelName="m",
        Containers=[{"Image": IMAGE}, MANY],
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    assert "does not run Containers[1] in MultiModel mode" in refused
    assert cloud.api.list_models()["Models"] == []


@pytest.mark.parametrize(
    ("variant", "more", "named"),
    [
        ({"ManagedInstanceScaling": {"Status": "ENABLED"}}, {}, "inference components"),
        ({"RoutingConfig": {"RoutingStrategy": "PREFIX_AWARE"}}, {}, "PREFIX_AWARE"),
        ({}, {"KmsKeyId": "k"}, "KmsKeyId"),
    ],
)
def test_a_config_that_the_local_cloud_does_not_run_is_refused_by_name(
    cloud: Cloud, variant: dict[str, Any], more: dict[str, Any], named: str
) -> None:
    cloud.model("m")
    with pytest.raises(ClientError) as caught:
        cloud.config("c", {"ModelName": "m", **variant}, **more)
    assert named in caught.value.response["Error"]["Message"]
    assert cloud.api.list_endpoint_configs()["EndpointConfigs"] == []


def test_the_variants_of_a_config_are_complete_and_have_unique_names(cloud: Cloud) -> None:
    cloud.model("m")
    incomplete = [{"VariantName": "v", "ModelName": "m"}]
    assert (
        refusal(
            cloud.api.create_endpoint_config, EndpointConfigName="c", ProductionVariants=incomplete
        )
        == "Variant v needs InitialInstanceCount, InstanceType"
    )
    with pytest.raises(ClientError, match="used twice: AllTraffic"):
        cloud.config("c", {"ModelName": "m"}, {"ModelName": "m"})


def test_a_deployment_config_is_kept_with_the_endpoint_and_can_be_retained(cloud: Cloud) -> None:
    cloud.deploy("d", ANSWERS.format("a"))
    at_once = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    policy = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": at_once}}
    cloud.api.update_endpoint(EndpointName="d", EndpointConfigName="d", DeploymentConfig=policy)
    assert cloud.settled("d")["LastDeploymentConfig"] == policy
    cloud.api.update_endpoint(EndpointName="d", EndpointConfigName="d", RetainDeploymentConfig=True)
    assert cloud.settled("d")["LastDeploymentConfig"] == policy


def test_capacities_of_unknown_variants_and_of_zero_or_too_many_instances_are_refused(
    cloud: Cloud,
) -> None:
    cloud.deploy("cap", ANSWERS.format("a"))

    def refused(variant: str, count: int) -> dict[str, str]:
        with pytest.raises(ClientError) as caught:
            cloud.api.update_endpoint_weights_and_capacities(
                EndpointName="cap",
                DesiredWeightsAndCapacities=[
                    {"VariantName": variant, "DesiredInstanceCount": count}
                ],
            )
        error: dict[str, str] = caught.value.response["Error"]
        return error

    assert "it has AllTraffic" in refused("Other", 1)["Message"]
    assert "at least 1" in refused("AllTraffic", 0)["Message"]
    assert refused("AllTraffic", 33)["Code"] == "ResourceLimitExceeded"
