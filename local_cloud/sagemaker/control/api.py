"""The operations of SageMaker, one coroutine each, named as boto3 names them."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp

from local_cloud.home import INSTANCE_LOGS, INSTANCES, MODEL_DATA
from local_cloud.sagemaker.asynchronous import invocation
from local_cloud.sagemaker.asynchronous.queue import Queues
from local_cloud.sagemaker.control import refusals, region
from local_cloud.sagemaker.control.records import EVER, NEVER, Record, page
from local_cloud.sagemaker.control.region import Region
from local_cloud.sagemaker.endpoints import alarms, rollout
from local_cloud.sagemaker.endpoints.deployment import Deployment, Fleets, all_variants
from local_cloud.sagemaker.endpoints.endpoint import Endpoint, Resize
from local_cloud.sagemaker.endpoints.fleet import Fleet
from local_cloud.sagemaker.instances.host import Host
from local_cloud.sagemaker.instances.metrics import Metrics
from local_cloud.sagemaker.instances.variant import Variant
from local_cloud.sagemaker.serverless import config as serverless_config
from local_cloud.sagemaker.serverless import fleet as serverless
from local_cloud.sagemaker.serverless.fleet import ServerlessFleet
from local_cloud.sagemaker.serving import runtime
from local_cloud.wire import (
    ACCOUNT_ID,
    AwsError,
    Request,
    Response,
    serialize_error,
    validation_error,
)

MAX_INSTANCES = 32
"""How many instances an endpoint may have here: each is a process on one machine."""

Parameters: TypeAlias = Mapping[str, Any]
Result: TypeAlias = Mapping[str, Any]


class SageMaker:
    """SageMaker hosting on this machine.

    `clients` makes a boto3 client of the local cloud for a service and a region; its calls are
    made in threads. `home` is the folder that holds the instances and their logs.
    Operations take and give botocore's shapes, and raise AwsError.
    """

    def __init__(
        self,
        clients: Callable[[str, str], Any],
        home: Path,
        *,
        invocation_timeout_seconds: float = runtime.INVOCATION_TIMEOUT_SECONDS,
        longest_wait_seconds: float = rollout.LONGEST_WAIT_SECONDS,
        serverless_idle_seconds: float = serverless.IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clients, self._home = clients, home
        self._longest_wait_seconds = longest_wait_seconds
        self._serverless_idle_seconds = serverless_idle_seconds
        self._invocation_timeout_seconds = invocation_timeout_seconds
        self._regions: dict[str, Region] = {}
        self._queues = Queues(lambda: self._host, clock)

    @cached_property
    def _host(self) -> Host:
        """Made on the loop, at first use: an HTTP session belongs to the loop it was made on."""
        http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )
        return Host(self._clients, self._home, http, Metrics(self._clients))

    def _region(self, name: str) -> Region:
        return self._regions.setdefault(name, Region(name))

    async def close(self) -> None:
        """End every instance, by its process id, and remove what they left in `home`."""
        self._regions.clear()
        await self._host.close()
        for folder in (INSTANCES, INSTANCE_LOGS, MODEL_DATA):
            await asyncio.to_thread(shutil.rmtree, self._home / folder, ignore_errors=True)

    # Models

    async def create_model(self, region_name: str, parameters: Parameters) -> Result:
        """Keep a model; its model data is looked for when an endpoint runs it."""
        here = self._region(region_name)
        refusals.check_model(parameters)
        name = parameters["ModelName"]
        arn = here.new_arn(region.MODEL, name, here.models)
        here.models[name] = Record(name, arn, parameters)
        here.tag(arn, parameters)
        return {"ModelArn": arn}

    async def describe_model(self, region_name: str, parameters: Parameters) -> Result:
        """Tell what a model was created with."""
        model = self._region(region_name).model(parameters["ModelName"])
        return _description(model, "ModelArn")

    async def list_models(self, region_name: str, parameters: Parameters) -> Result:
        """List models."""
        models, more = page(self._region(region_name).models.values(), parameters)
        return {"Models": [_summary(model, "Model") for model in models], **more}

    async def delete_model(self, region_name: str, parameters: Parameters) -> Result:
        """Forget a model; as on AWS, endpoints that run it keep running."""
        here = self._region(region_name)
        model = here.model(parameters["ModelName"])
        del here.models[model.name], here.tags[model.arn]
        return {}

    # Endpoint configs

    async def create_endpoint_config(self, region_name: str, parameters: Parameters) -> Result:
        """Keep an endpoint config, if its models exist."""
        here = self._region(region_name)
        refusals.check_endpoint_config(parameters)
        invocation.check_config(parameters)
        variants = all_variants(parameters)
        models = [here.model(variant["ModelName"]).parameters for variant in variants]
        invocation.check_models(parameters, models)
        serverless_config.check(parameters, models)
        name = parameters["EndpointConfigName"]
        arn = here.new_arn(region.CONFIG, name, here.configs)
        here.configs[name] = Record(name, arn, parameters)
        here.tag(arn, parameters)
        return {"EndpointConfigArn": arn}

    async def describe_endpoint_config(self, region_name: str, parameters: Parameters) -> Result:
        """Tell what an endpoint config was created with."""
        config = self._region(region_name).config(parameters["EndpointConfigName"])
        return _description(config, "EndpointConfigArn")

    async def list_endpoint_configs(self, region_name: str, parameters: Parameters) -> Result:
        """List endpoint configs."""
        configs, more = page(self._region(region_name).configs.values(), parameters)
        return {"EndpointConfigs": [_summary(each, "EndpointConfig") for each in configs], **more}

    async def delete_endpoint_config(self, region_name: str, parameters: Parameters) -> Result:
        """Forget an endpoint config, unless an endpoint uses it or is about to use it."""
        here = self._region(region_name)
        config = here.config(parameters["EndpointConfigName"])
        for endpoint in here.endpoints.values():
            if config in (endpoint.config, endpoint.pending_config):
                raise validation_error(
                    f'Cannot delete endpoint configuration "{config.arn}": '
                    f'it is in use by endpoint "{endpoint.arn}".'
                )
        del here.configs[config.name], here.tags[config.arn]
        return {}

    # Endpoints

    async def create_endpoint(self, region_name: str, parameters: Parameters) -> Result:
        """Begin to put an endpoint config into service under a name."""
        here = self._region(region_name)
        refusals.check_deployment(parameters)
        deployment_config = parameters.get("DeploymentConfig", {})
        await self._check_alarms(region_name, deployment_config)
        name = parameters["EndpointName"]
        arn = here.new_arn(region.ENDPOINT, name, here.endpoints)
        config = here.config(parameters["EndpointConfigName"])
        fleets = self._fleets(here, name, config, {}, frozenset())
        deployment = Deployment(self._host, config, fleets)
        rollout.plan(deployment_config, deployment.instance_counts)  # an update may retain it
        endpoint = here.endpoints[name] = Endpoint(self._host, name, arn, config)
        here.tag(arn, parameters)
        endpoint.create(deployment, deployment_config)
        return {"EndpointArn": arn}

    async def describe_endpoint(self, region_name: str, parameters: Parameters) -> Result:
        """Tell an endpoint's state."""
        return self._region(region_name).endpoint(parameters["EndpointName"]).describe()

    async def list_endpoints(self, region_name: str, parameters: Parameters) -> Result:
        """List endpoints."""
        status = parameters.get("StatusEquals")
        after = parameters.get("LastModifiedTimeAfter", EVER)
        before = parameters.get("LastModifiedTimeBefore", NEVER)
        chosen = [
            endpoint
            for endpoint in self._region(region_name).endpoints.values()
            if status in (None, endpoint.status) and after < endpoint.last_modified_time < before
        ]
        endpoints, more = page(chosen, parameters, {"Status": lambda item: item.status})
        keys = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        described = (endpoint.describe() for endpoint in endpoints)
        return {"Endpoints": [{key: item[key] for key in keys} for item in described], **more}

    async def update_endpoint(self, region_name: str, parameters: Parameters) -> Result:
        """Begin to update an endpoint to another config."""
        here = self._region(region_name)
        refusals.check_deployment(parameters)
        endpoint = here.endpoint(parameters["EndpointName"])
        deployment_config = parameters.get("DeploymentConfig", {})
        if parameters.get("RetainDeploymentConfig"):
            deployment_config = endpoint.deployment_config
        await self._check_alarms(region_name, deployment_config)
        config = here.config(parameters["EndpointConfigName"])
        serverless_config.check_update(endpoint.config.parameters, config.parameters)
        retained: frozenset[str] = frozenset()
        if parameters.get("RetainAllVariantProperties"):
            excluded = parameters.get("ExcludeRetainedVariantProperties", [])
            retained = frozenset({"DesiredInstanceCount", "DesiredWeight"}) - {
                item["VariantPropertyType"] for item in excluded
            }
        fleets = self._fleets(here, endpoint.name, config, endpoint.fleets, retained)
        deployment = Deployment(self._host, config, fleets)
        plan = rollout.plan(deployment_config, deployment.instance_counts, endpoint.variant_names)
        if plan.rolls and serverless_config.is_serverless(config.parameters):
            raise validation_error(
                "A RollingUpdatePolicy is for instances, and the new endpoint configuration is "
                "serverless: use a BlueGreenUpdatePolicy"
            )
        plan = plan.shortened(self._longest_wait_seconds)
        endpoint.update(deployment, plan, deployment_config)
        return {"EndpointArn": endpoint.arn}

    async def update_endpoint_weights_and_capacities(
        self, region_name: str, parameters: Parameters
    ) -> Result:
        """Begin to change variants' weights and instance counts."""
        refusals.check_capacities(parameters)
        endpoint = self._region(region_name).endpoint(parameters["EndpointName"])
        changes = []
        for desired in parameters["DesiredWeightsAndCapacities"]:
            fleet = endpoint.fleet(desired["VariantName"])
            serverless_config.check_desired(fleet, desired)
            if isinstance(fleet, ServerlessFleet):
                changes.append(serverless_config.resize(fleet, desired))
                continue
            weight = desired.get("DesiredWeight", fleet.weight)
            count = desired.get("DesiredInstanceCount", fleet.desired_instance_count)
            invocation.check_count(endpoint.config.parameters, fleet.variant.name, count)
            changes.append(Resize(fleet, weight, count))
        others = set(endpoint.fleets.values()) - {change.fleet for change in changes}
        _check_capacity(
            sum(change.instance_count for change in changes)
            + sum(fleet.desired_instance_count for fleet in others)
        )
        endpoint.resize(changes)
        return {"EndpointArn": endpoint.arn}

    async def delete_endpoint(self, region_name: str, parameters: Parameters) -> Result:
        """Begin to take an endpoint out of service."""
        here = self._region(region_name)
        endpoint = here.endpoint(parameters["EndpointName"])

        def forget() -> None:
            del here.endpoints[endpoint.name], here.tags[endpoint.arn]

        endpoint.delete(forget)
        self._queues.close(endpoint)
        return {}

    def _fleets(
        self, here: Region, name: str, config: Record, live: Fleets, retained: frozenset[str]
    ) -> Fleets:
        """Make the fleets that a config asks for, not started yet.

        DesiredInstanceCount and DesiredWeight keep their live values if they are in `retained`.
        """
        fleets: dict[str, Fleet] = {}
        for settings in all_variants(config.parameters):
            model = here.model(settings["ModelName"]).parameters
            isolated = any(
                each.get("EnableNetworkIsolation", False) for each in (model, config.parameters)
            )
            variant = Variant(here.name, name, settings, model, isolated, config.name)
            weight = settings.get("InitialVariantWeight", 1.0)
            if "ServerlessConfig" in settings:
                fleets[variant.name] = self._serverless_fleet(variant, weight)
                continue
            count = settings["InitialInstanceCount"]
            if old := live.get(variant.name):
                weight = old.weight if "DesiredWeight" in retained else weight
                if "DesiredInstanceCount" in retained:
                    count = old.desired_instance_count
            invocation.check_count(config.parameters, variant.name, count)
            fleets[variant.name] = Fleet(self._host, variant, weight, count)
        _check_capacity(sum(fleet.desired_instance_count for fleet in fleets.values()))
        return fleets

    async def _check_alarms(self, region_name: str, deployment_config: Parameters) -> None:
        """Refuse (ValidationException) rollback alarms that do not exist."""
        names = rollout.alarm_names(deployment_config)
        if not names:
            return
        cloudwatch = await asyncio.to_thread(self._clients, "cloudwatch", region_name)
        found = await asyncio.to_thread(alarms.describe, cloudwatch, names)
        if missing := [name for name in names if name not in found]:
            raise validation_error(
                f"AutoRollbackConfiguration names alarms that do not exist in {region_name}: "
                f"{', '.join(missing)}; create them first"
            )

    def _serverless_fleet(self, variant: Variant, weight: float) -> Fleet:
        return ServerlessFleet(
            self._host,
            variant,
            weight,
            max_instances=MAX_INSTANCES,
            idle_seconds=self._serverless_idle_seconds,
        )

    # Tags

    async def add_tags(self, region_name: str, parameters: Parameters) -> Result:
        """Set tags of a resource."""
        tags = self._region(region_name).tags_of(parameters["ResourceArn"])
        tags |= {tag["Key"]: tag["Value"] for tag in parameters["Tags"]}
        return {"Tags": _tag_list(tags)}

    async def list_tags(self, region_name: str, parameters: Parameters) -> Result:
        """List a resource's tags, all at once: a resource never has more than 50."""
        return {"Tags": _tag_list(self._region(region_name).tags_of(parameters["ResourceArn"]))}

    async def delete_tags(self, region_name: str, parameters: Parameters) -> Result:
        """Remove tags of a resource."""
        tags = self._region(region_name).tags_of(parameters["ResourceArn"])
        for key in parameters["TagKeys"]:
            tags.pop(key, None)
        return {}

    # The runtime

    async def invoke_endpoint(
        self, region_name: str, endpoint_name: str, request: Request
    ) -> Response:
        """Answer a request to `/endpoints/NAME/invocations`, errors too."""
        try:
            endpoint = self._invoked(region_name, endpoint_name)
            invocation.check_synchronous(endpoint)
            return await runtime.invoke(
                self._host.http, endpoint, request, self._invocation_timeout_seconds
            )
        except AwsError as error:
            return serialize_error("sagemaker-runtime", error)

    async def invoke_endpoint_async(
        self, region_name: str, endpoint_name: str, request: Request
    ) -> Response:
        """Accept a request to `/endpoints/NAME/async-invocations`, or answer with an error."""
        try:
            endpoint = self._invoked(region_name, endpoint_name)
            runtime.check_in_service(endpoint)
            asked = invocation.invocation(endpoint, request)
            self._queues.put(endpoint, region_name, asked)
            return asked.accepted()
        except AwsError as error:
            return serialize_error("sagemaker-runtime", error)

    def _invoked(self, region_name: str, endpoint_name: str) -> Endpoint:
        endpoint = self._region(region_name).endpoints.get(endpoint_name)
        if endpoint is None:
            raise AwsError(
                "ValidationError", f"Endpoint {endpoint_name} of account {ACCOUNT_ID} not found."
            )
        return endpoint


def _description(record: Record, arn_key: str) -> Result:
    described = {key: value for key, value in record.parameters.items() if key != "Tags"}
    return {**described, arn_key: record.arn, "CreationTime": record.creation_time}


def _summary(record: Record, kind: str) -> Result:
    return {
        f"{kind}Name": record.name,
        f"{kind}Arn": record.arn,
        "CreationTime": record.creation_time,
    }


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _check_capacity(instance_count: int) -> None:
    if instance_count > MAX_INSTANCES:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The local cloud runs at most {MAX_INSTANCES} instances of an endpoint, because each "
            f"is a process on this machine; {instance_count} are asked for: lower the counts",
        )
