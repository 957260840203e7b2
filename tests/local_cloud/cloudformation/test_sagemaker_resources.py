"""The SageMaker resource types, over a stand-in that behaves as SageMaker does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloudformation import CloudFormation

REGION = "eu-central-1"
ARN = "arn:aws:sagemaker:eu-central-1:123456789012"


class SageMaker:
    """A config with a variant named bad fails; what is under way waits until `released` is set."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.models: dict[str, Any] = {}
        self.configs: dict[str, Any] = {}
        self.endpoints: dict[str, Any] = {}
        self.released = threading.Event()
        self.released.set()

    def create_model(self, **request: Any) -> Any:
        return self._create("model", self.models, request["ModelName"], request)

    def create_endpoint_config(self, **request: Any) -> Any:
        name = request["EndpointConfigName"]
        for variant in request["ProductionVariants"]:
            self._need(self.models, variant["ModelName"])
        return self._create("endpoint-config", self.configs, name, request)

    def create_endpoint(self, **request: Any) -> Any:
        self._need(self.configs, request["EndpointConfigName"])
        entry = {**request, "EndpointStatus": "Creating"}
        return self._create("endpoint", self.endpoints, request["EndpointName"], entry)

    def update_endpoint(self, **request: Any) -> Any:
        self.calls.append("update_endpoint")
        self._need(self.configs, request["EndpointConfigName"])
        self._idle(request["EndpointName"]).update(EndpointStatus="Updating", update=request)
        return {"EndpointArn": f"{ARN}:endpoint/{request['EndpointName']}"}

    def describe_endpoint(self, **request: Any) -> Any:
        endpoint = self._need(self.endpoints, request["EndpointName"])
        if self.released.is_set():
            self._move_on(endpoint)
        return dict(endpoint)

    def delete_model(self, **request: Any) -> None:
        self._delete("model", self.models, request["ModelName"])

    def delete_endpoint_config(self, **request: Any) -> None:
        for endpoint in self.endpoints.values():
            if endpoint["EndpointConfigName"] == request["EndpointConfigName"]:
                raise self._error("Cannot delete an endpoint config in use")
        self._delete("endpoint-config", self.configs, request["EndpointConfigName"])

    def delete_endpoint(self, **request: Any) -> None:
        self.calls.append("delete_endpoint")
        self._idle(request["EndpointName"])["EndpointStatus"] = "Deleting"

    def add_tags(self, **request: Any) -> None:
        self.calls.append(f"add_tags {request['Tags']}")

    def _move_on(self, endpoint: Any) -> None:
        status, name = endpoint["EndpointStatus"], endpoint["EndpointName"]
        if status == "Creating" and self._is_bad(endpoint["EndpointConfigName"]):
            endpoint.update(EndpointStatus="Failed", FailureReason="ValueError: no such file")
        elif status == "Creating":
            endpoint["EndpointStatus"] = "InService"
        elif status == "Updating" and self._is_bad(endpoint["update"]["EndpointConfigName"]):
            endpoint.update(EndpointStatus="RollingBack", FailureReason="ValueError: no such file")
        elif status == "Updating":
            config = endpoint["update"]["EndpointConfigName"]
            endpoint.update(EndpointStatus="InService", EndpointConfigName=config)
        elif status == "RollingBack":
            endpoint["EndpointStatus"] = "InService"
        elif status == "Deleting":
            del self.endpoints[name]
            raise self._error(f'Could not find endpoint "{name}".')

    def _is_bad(self, config: str) -> bool:
        variants = self.configs[config]["ProductionVariants"]
        return any(variant["VariantName"] == "bad" for variant in variants)

    def _create(self, kind: str, entries: dict[str, Any], name: str, entry: Any) -> Any:
        if name in entries:
            raise self._error(f'Cannot create already existing {kind} "{name}".')
        self.calls.append(f"create_{kind}")
        entries[name] = entry
        key = {"model": "ModelArn", "endpoint-config": "EndpointConfigArn"}.get(kind, "EndpointArn")
        return {key: f"{ARN}:{kind}/{name}"}

    def _delete(self, kind: str, entries: dict[str, Any], name: str) -> None:
        self._need(entries, name)
        self.calls.append(f"delete_{kind}")
        del entries[name]

    def _need(self, entries: dict[str, Any], name: str) -> Any:
        if name not in entries:
            raise self._error(f'Could not find "{name}".')
        return entries[name]

    def _idle(self, name: str) -> Any:
        endpoint = self._need(self.endpoints, name)
        if endpoint["EndpointStatus"] not in ("InService", "Failed"):
            raise self._error("Cannot update in-progress endpoint")
        return endpoint

    @staticmethod
    def _error(message: str) -> ClientError:
        return ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "Some")


@pytest.fixture
def sagemaker() -> SageMaker:
    return SageMaker()


@pytest.fixture
def cloud(cloud: Any, clients: Any, sagemaker: SageMaker) -> Iterator[Any]:
    """The engine over moto and the stand-in for SageMaker."""
    engine = CloudFormation(
        lambda service, region: sagemaker if service == "sagemaker" else clients(service, region)
    )
    cloud.engine = engine
    yield cloud
    sagemaker.released.set()
    engine.close()


def template(model_data: str, variant: str = "AllTraffic", **endpoint: Any) -> dict[str, Any]:
    return {
        "Resources": {
            "Model": {
                "Type": "AWS::SageMaker::Model",
                "Properties": {
                    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r",
                    "PrimaryContainer": {"Image": "image", "ModelDataUrl": model_data},
                },
            },
            "Config": {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {
                    "ProductionVariants": [
                        {
                            "VariantName": variant,
                            "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                            "InstanceType": "ml.m5.large",
                            "InitialInstanceCount": 1,
                            "InitialVariantWeight": 1,
                        }
                    ]
                },
            },
            "Endpoint": {
                "Type": "AWS::SageMaker::Endpoint",
                "Properties": {
                    "EndpointName": "iris",
                    "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]},
                    "RetainAllVariantProperties": True,
                    "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
                    **endpoint,
                },
            },
            "Target": {
                "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
                "Properties": {
                    "ServiceNamespace": "sagemaker",
                    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
                    "ResourceId": {
                        "Fn::Sub": "endpoint/${Endpoint.EndpointName}/variant/AllTraffic"
                    },
                    "MinCapacity": 1,
                    "MaxCapacity": 2,
                },
            },
        },
        "Outputs": {"Both": {"Value": {"Fn::Sub": "${Endpoint} ${Endpoint.EndpointName}"}}},
    }


def test_an_endpoint_is_created_when_it_is_in_service_and_deleted_when_it_is_gone(
    cloud: Any, sagemaker: SageMaker
) -> None:
    assert cloud.deploy("app", template("s3://b/one.tar.gz")) == "CREATE_COMPLETE"
    assert sagemaker.endpoints["iris"]["EndpointStatus"] == "InService"
    assert cloud.outputs("app") == {"Both": f"{ARN}:endpoint/iris iris"}
    assert cloud.delete("app") == "DELETE_COMPLETE"
    assert sagemaker.calls[3:] == ["delete_endpoint", "delete_endpoint-config", "delete_model"]
    assert not sagemaker.endpoints


def test_isolation_of_a_model_and_of_a_config_reaches_sagemaker(
    cloud: Any, sagemaker: SageMaker
) -> None:
    body = template("s3://b/one.tar.gz")
    for name in ("Model", "Config"):
        body["Resources"][name]["Properties"]["EnableNetworkIsolation"] = True
    assert cloud.deploy("app", body) == "CREATE_COMPLETE"
    [model], [config] = sagemaker.models.values(), sagemaker.configs.values()
    assert model["EnableNetworkIsolation"] is config["EnableNetworkIsolation"] is True


def test_a_shadow_variant_and_every_update_policy_reach_sagemaker(
    cloud: Any, sagemaker: SageMaker
) -> None:
    half = {"Type": "CAPACITY_PERCENT", "Value": 50}
    routing = {"Type": "CANARY", "CanarySize": half, "WaitIntervalInSeconds": 60}
    alarms = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    canary = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}, **alarms}
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": half, "WaitIntervalInSeconds": 60}}
    body = template("s3://b/one.tar.gz", DeploymentConfig=canary)
    config = body["Resources"]["Config"]["Properties"]
    [variant] = config["ProductionVariants"]
    config["ShadowProductionVariants"] = [{**variant, "VariantName": "Shadow"}]
    assert cloud.deploy("app", body) == "CREATE_COMPLETE"
    assert sagemaker.endpoints["iris"]["DeploymentConfig"] == canary
    [kept] = sagemaker.configs.values()
    assert [shadow["VariantName"] for shadow in kept["ShadowProductionVariants"]] == ["Shadow"]
    new = template("s3://b/two.tar.gz", DeploymentConfig=rolling)
    assert cloud.deploy("app", new) == "UPDATE_COMPLETE"
    assert sagemaker.endpoints["iris"]["update"]["DeploymentConfig"] == rolling


@pytest.mark.parametrize(
    "model",
    [
        {
            "Containers": [
                {"Image": "image", "ContainerHostname": "prepare", "Environment": {"A": "1"}},
                {"Image": "image", "ContainerHostname": "predict", "ModelDataUrl": "s3://b/k"},
            ],
            "InferenceExecutionConfig": {"Mode": "Direct"},
        },
        {
            "PrimaryContainer": {
                "Image": "image",
                "Mode": "MultiModel",
                "ModelDataUrl": "s3://b/models/",
                "MultiModelConfig": {"ModelCacheSetting": "Disabled"},
            }
        },
    ],
)
def test_several_containers_and_several_models_reach_sagemaker(
    cloud: Any, sagemaker: SageMaker, model: dict[str, Any]
) -> None:
    body = template("s3://b/one.tar.gz")
    body["Resources"]["Model"]["Properties"] = model
    assert cloud.deploy("app", body) == "CREATE_COMPLETE"
    [created] = sagemaker.models.values()
    assert {name: created[name] for name in model} == model


def test_asynchronous_and_serverless_settings_reach_sagemaker(
    cloud: Any, sagemaker: SageMaker
) -> None:
    body = template("s3://b/one.tar.gz")
    properties = body["Resources"]["Config"]["Properties"]
    topic = f"arn:aws:sns:{REGION}:123456789012:t"
    properties["AsyncInferenceConfig"] = {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
        "OutputConfig": {
            "S3OutputPath": "s3://b/out",
            "S3FailurePath": "s3://b/failed",
            "KmsKeyId": "k",
            "NotificationConfig": {
                "SuccessTopic": topic,
                "ErrorTopic": topic,
                "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
            },
        },
    }
    assert cloud.deploy("app", body) == "CREATE_COMPLETE"
    [config] = sagemaker.configs.values()
    assert config["AsyncInferenceConfig"] == properties["AsyncInferenceConfig"]
    del properties["AsyncInferenceConfig"]
    [variant] = properties["ProductionVariants"]
    del variant["InstanceType"], variant["InitialInstanceCount"]
    variant["ServerlessConfig"] = {"MemorySizeInMB": 2048, "MaxConcurrency": "5"}
    assert cloud.deploy("app", body) == "UPDATE_COMPLETE"
    [config] = sagemaker.configs.values()
    [variant] = config["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}


def test_new_model_data_replaces_model_and_config_and_updates_the_endpoint_in_place(
    cloud: Any, sagemaker: SageMaker
) -> None:
    cloud.deploy("app", template("s3://b/one.tar.gz"))
    before = cloud.physical_ids("app")
    change_set = cloud.change_set("app", template("s3://b/two.tar.gz"))
    found = {
        change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"]["Replacement"]
        for change in change_set["Changes"]
    }
    assert found == {"Model": "True", "Config": "Conditional", "Endpoint": "False"}
    sagemaker.calls.clear()
    cloud.execute_change_set(StackName="app", ChangeSetName="deploy")
    assert cloud.settled("app") == "UPDATE_COMPLETE"
    after = cloud.physical_ids("app")
    assert (after["Endpoint"], after["Target"]) == (before["Endpoint"], before["Target"])
    assert after["Model"] != before["Model"]
    assert sagemaker.calls == [
        "create_model",
        "create_endpoint-config",
        "update_endpoint",
        "delete_endpoint-config",
        "delete_model",
    ]
    update = sagemaker.endpoints["iris"]["update"]
    assert update["RetainAllVariantProperties"] is True
    assert update["ExcludeRetainedVariantProperties"] == [{"VariantPropertyType": "DesiredWeight"}]
    assert update["EndpointConfigName"] == after["Config"].rpartition("/")[2]


def test_an_endpoint_that_rolled_back_fails_the_update_with_sagemakers_reason(
    cloud: Any, sagemaker: SageMaker
) -> None:
    good = template("s3://b/one.tar.gz")
    cloud.deploy("app", good)
    before = cloud.physical_ids("app")
    sagemaker.calls.clear()
    bad = template("s3://b/two.tar.gz", variant="bad")
    assert cloud.deploy("app", bad) == "UPDATE_ROLLBACK_COMPLETE"
    failures = [entry for entry in cloud.events("app") if entry[1] == "UPDATE_FAILED"]
    assert failures == [("Endpoint", "UPDATE_FAILED", "ValueError: no such file")]
    assert cloud.physical_ids("app") == before
    # SageMaker has rolled back by itself: setting the endpoint back takes no second update.
    assert sagemaker.calls.count("update_endpoint") == 1
    assert len(sagemaker.models) == len(sagemaker.configs) == 1
    assert cloud.change_set("app", good)["Status"] == "FAILED"


def test_an_endpoint_that_never_comes_into_service_leaves_nothing_behind(
    cloud: Any, sagemaker: SageMaker
) -> None:
    body = template("s3://b/one.tar.gz", variant="bad")
    assert cloud.deploy("app", body) == "ROLLBACK_COMPLETE"
    failures = [entry for entry in cloud.events("app") if entry[1] == "CREATE_FAILED"]
    assert failures == [("Endpoint", "CREATE_FAILED", "ValueError: no such file")]
    assert (sagemaker.models, sagemaker.configs, sagemaker.endpoints) == ({}, {}, {})


def test_a_sibling_that_waits_is_cancelled_when_another_resource_fails(
    cloud: Any, sagemaker: SageMaker
) -> None:
    sagemaker.released.clear()
    body = template("s3://b/one.tar.gz")
    body["Resources"]["Bad"] = {
        "Type": "AWS::SSM::Parameter",
        "DependsOn": "Config",
        "Properties": {"Type": "String", "Value": "x", "Name": "/aws/reserved"},
    }
    cloud.change_set("app", body)
    cloud.execute_change_set(StackName="app", ChangeSetName="deploy")
    cloud.reaches("app", lambda status: status == "ROLLBACK_IN_PROGRESS")
    sagemaker.released.set()
    assert cloud.settled("app") == "ROLLBACK_COMPLETE"
    failures = {name: why for name, status, why in cloud.events("app") if status == "CREATE_FAILED"}
    assert failures.keys() == {"Bad", "Endpoint"}
    assert failures["Endpoint"] == "Resource creation cancelled"
    assert not sagemaker.endpoints


def test_a_stack_in_progress_takes_no_other_operation(cloud: Any, sagemaker: SageMaker) -> None:
    sagemaker.released.clear()
    body = template("s3://b/one.tar.gz")
    cloud.change_set("app", body)
    cloud.execute_change_set(StackName="app", ChangeSetName="deploy")
    for operation, request in (
        (cloud.delete_stack, {}),
        (cloud.update_stack, {"UsePreviousTemplate": True}),
        (cloud.create_change_set, {"ChangeSetName": "x", "UsePreviousTemplate": True}),
        (cloud.rollback_stack, {}),
    ):
        with pytest.raises(Exception, match="is in CREATE_IN_PROGRESS state and can not be"):
            operation(StackName="app", **request)
    sagemaker.released.set()
    assert cloud.settled("app") == "CREATE_COMPLETE"


def test_closing_ends_a_deployment_that_waits_for_an_endpoint(
    cloud: Any, sagemaker: SageMaker
) -> None:
    sagemaker.released.clear()
    cloud.change_set("app", template("s3://b/one.tar.gz"))
    cloud.execute_change_set(StackName="app", ChangeSetName="deploy")
    cloud.engine.close()
    left = [thread.name for thread in threading.enumerate() if "deployment" in thread.name]
    assert not left


def test_stack_tags_reach_the_endpoint_also_when_only_they_change(
    cloud: Any, sagemaker: SageMaker
) -> None:
    body = template("s3://b/one.tar.gz")
    cloud.deploy("app", body, tags={"team": "a"})
    assert sagemaker.endpoints["iris"]["Tags"] == [{"Key": "team", "Value": "a"}]
    assert cloud.deploy("app", body, tags={"team": "b"}) == "UPDATE_COMPLETE"
    assert "add_tags [{'Key': 'team', 'Value': 'b'}]" in sagemaker.calls
    assert "update_endpoint" not in sagemaker.calls
