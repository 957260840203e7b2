from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from local_cloud import scalable_dimensions
from local_cloud.cloudformation import CloudFormation
from local_cloud.wire import AwsError

REGION = "eu-central-1"
Clients = Callable[[str, str], Any]


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    scalable_dimensions.add()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def session_clients(moto_url: str) -> Clients:
    made: dict[tuple[str, str], Any] = {}

    def client(service: str, region: str) -> Any:
        if (service, region) not in made:
            made[service, region] = boto3.client(
                service,
                region_name=region,
                endpoint_url=moto_url,
                aws_access_key_id="local",
                aws_secret_access_key="local",  # noqa: S106
            )
        return made[service, region]

    for service in (
        "application-autoscaling cloudwatch ecr iam kms logs s3 sns sqs ssm".split()  # noqa: SIM905
    ):
        client(service, REGION)  # Making a client is not thread-safe, and deployments use threads.
    return client


@pytest.fixture
def clients(session_clients: Clients) -> Clients:
    """boto3 clients to an empty cloud."""
    moto_api_backend.reset()
    return session_clients


@dataclass
class Caller:
    """Calls the engine as the CDK CLI does, and waits as it does."""

    engine: CloudFormation
    region: str = REGION

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **request: getattr(self.engine, operation)(self.region, request)

    def deploy(
        self, name: str, template: Mapping[str, Any] | str, *, no_rollback: bool = False, **how: Any
    ) -> str:
        """Create or update a stack by a change set; give its final status."""
        self.change_set(name, template, **how)
        self.execute_change_set(StackName=name, ChangeSetName="deploy", DisableRollback=no_rollback)
        return self.settled(name)

    def change_set(
        self,
        name: str,
        template: Mapping[str, Any] | str,
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        **request: Any,
    ) -> Mapping[str, Any]:
        """Make a change set and describe it."""
        exists = self.status(name) not in ("", "REVIEW_IN_PROGRESS")
        if exists:
            self.delete_change_set(StackName=name, ChangeSetName="deploy")
        created = self.create_change_set(
            StackName=name,
            ChangeSetName="deploy",
            ChangeSetType="UPDATE" if exists else "CREATE",
            TemplateBody=template if isinstance(template, str) else json.dumps(template),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in (parameters or {}).items()
            ],
            Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
            **request,
        )
        described: Mapping[str, Any] = self.describe_change_set(
            StackName=created["StackId"], ChangeSetName=created["Id"], IncludePropertyValues=True
        )
        return described

    def refused(self, name: str, template: Mapping[str, Any] | str, **how: Any) -> list[str]:
        """Submit a template that is refused; give the lines of the message."""
        with pytest.raises(AwsError) as caught:
            self.change_set(name, template, **how)
        assert caught.value.code == "ValidationError"
        return caught.value.message.splitlines()

    def status(self, name: str) -> str:
        """A stack's status, or an empty string when there is none."""
        stacks = self.describe_stacks()["Stacks"] if not name.startswith("arn:") else []
        if name.startswith("arn:"):
            stacks = self.describe_stacks(StackName=name)["Stacks"]
        return next(
            (s["StackStatus"] for s in stacks if name in (s["StackName"], s["StackId"])), ""
        )

    def settled(self, name: str, deadline_seconds: float = 20) -> str:
        """Wait until nothing is under way on a stack; give its status."""
        return self.reaches(
            name,
            lambda status: not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS",
            deadline_seconds,
        )

    def reaches(
        self, name: str, wanted: Callable[[str], bool], deadline_seconds: float = 20
    ) -> str:
        end = time.monotonic() + deadline_seconds
        while not wanted(status := self.status(name)):
            assert time.monotonic() < end, f"{name} is still {status}"
            time.sleep(0.01)
        return status

    def delete(self, name: str) -> str:
        """Delete a stack; give its final status."""
        stack_id = self.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        self.delete_stack(StackName=name)
        return self.settled(stack_id)

    def events(self, name: str) -> list[tuple[str, str, str]]:
        """A stack's history, oldest first: logical id, status, reason."""
        return [
            (
                event["LogicalResourceId"],
                event["ResourceStatus"],
                event.get("ResourceStatusReason", ""),
            )
            for event in reversed(self.describe_stack_events(StackName=name)["StackEvents"])
        ]

    def outputs(self, name: str) -> dict[str, str]:
        (stack,) = self.describe_stacks(StackName=name)["Stacks"]
        return {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}

    def physical_ids(self, name: str) -> dict[str, str]:
        found = self.list_stack_resources(StackName=name)["StackResourceSummaries"]
        return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}


@pytest.fixture
def cloud(clients: Clients) -> Iterator[Caller]:
    """The engine over an empty cloud."""
    engine = CloudFormation(clients)
    yield Caller(engine)
    engine.close()
