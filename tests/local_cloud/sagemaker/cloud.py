"""SageMaker as its users see it: real boto3 clients, with everything but the sockets.

The rest of AWS is moto's, in this process.
"""

from __future__ import annotations

import asyncio
import io
import tarfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import boto3
import botocore
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from local_cloud import wire
from local_cloud.sagemaker import SageMaker

REGION = "eu-central-1"
BUCKET = "models"
IMAGE = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
SCRIPT = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}
ANSWERS = (
    "def model_fn(d):\n    return {0!r}\n\n\ndef transform_fn(m, body, ct, accept):\n    return m\n"
)
"""A handler that answers everything with one text."""

T = TypeVar("T")


def until(condition: Callable[[], T | None], seconds: float = 20) -> T:
    """Wait for something to become true, and fail if it does not."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)
    return value


def packed(files: Mapping[str, str]) -> bytes:
    """Make a model archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def source(url: str, data_type: str, compression: str) -> dict[str, Any]:
    """Make the part of a container that names its model data otherwise than by ModelDataUrl."""
    where = {"S3Uri": url, "S3DataType": data_type, "CompressionType": compression}
    return {"ModelDataSource": {"S3DataSource": where}}


class _Body(io.BytesIO):
    """What botocore reads of a response that no socket carried."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class Cloud:
    """A SageMaker on a loop of its own, S3 and Logs beside it, and boto3 clients for all."""

    loop: asyncio.AbstractEventLoop
    service: SageMaker
    home: Path
    clients: Callable[[str, str], Any]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    @cached_property
    def api(self) -> Any:
        return self.client("sagemaker", REGION)

    @cached_property
    def runtime(self) -> Any:
        return self.client("sagemaker-runtime", REGION)

    def client(self, service: str, region: str) -> Any:
        client = session().client(
            service,
            region_name=region,
            endpoint_url="http://localhost:1",
            config=botocore.config.Config(
                retries={"total_max_attempts": 1}, parameter_validation=False
            ),
        )

        def answer(request: Any, **_: Any) -> AWSResponse:
            headers = {
                name.lower(): value.decode() if isinstance(value, bytes) else value
                for name, value in request.headers.items()
            }
            path = unquote(urlsplit(request.url).path)
            body = request.body or b""
            body = body if isinstance(body, bytes) else body.read()
            told = wire.Request(request.method, path, headers, body, region)
            answered = self.run(self._answer(service, told))
            raw: Any = _Body(answered.body)
            return AWSResponse(request.url, answered.status, answered.headers, raw)

        client.meta.events.register(f"before-send.{service}", answer)
        return client

    async def _answer(self, service: str, request: wire.Request) -> wire.Response:
        if service == "sagemaker-runtime":
            invoke = (
                self.service.invoke_endpoint_async
                if request.path.endswith("/async-invocations")
                else self.service.invoke_endpoint
            )
            return await invoke(request.region, request.path.split("/")[2], request)
        try:
            operation, parameters = wire.parse(service, request)
            method = getattr(self.service, botocore.xform_name(operation.name))
            return wire.serialize(operation, await method(request.region, parameters))
        except wire.AwsError as error:
            return wire.serialize_error(service, error)

    def upload(self, key: str, archive: bytes) -> str:
        self.clients("s3", REGION).put_object(Bucket=BUCKET, Key=key, Body=archive)
        return f"s3://{BUCKET}/{key}"

    def model(
        self,
        name: str,
        code: str | bytes | None = None,
        *,
        isolated: bool = False,
        **container: Any,
    ) -> str:
        """Create a model whose archive has the given inference.py, or is the given one."""
        if code is not None:
            archive = code if isinstance(code, bytes) else packed({"code/inference.py": code})
            container["ModelDataUrl"] = self.upload(f"{name}.tar.gz", archive)
        self.api.create_model(
            ModelName=name,
            ExecutionRoleArn="arn:aws:iam::123456789012:role/any",
            PrimaryContainer={"Image": IMAGE, "Environment": SCRIPT, **container},
            EnableNetworkIsolation=isolated,
        )
        return name

    def config(self, name: str, *variants: Mapping[str, Any], **more: Any) -> str:
        """Create an endpoint config; a variant names at least its model."""
        instances = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.api.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {"VariantName": "AllTraffic"}
                | ({} if "ServerlessConfig" in variant else instances)
                | dict(variant)
                for variant in variants
            ],
            **more,
        )
        return name

    def deploy(self, name: str, code: str, **variant: Any) -> dict[str, Any]:
        """Create model, config and endpoint of one name, and wait."""
        self.config(name, {"ModelName": self.model(name, code), **variant})
        self.api.create_endpoint(EndpointName=name, EndpointConfigName=name)
        return self.settled(name)

    def settled(self, name: str) -> dict[str, Any]:
        """Wait until nothing is under way, and describe the endpoint."""

        def done() -> dict[str, Any] | None:
            description: dict[str, Any] = self.api.describe_endpoint(EndpointName=name)
            return description if description["EndpointStatus"] in ("InService", "Failed") else None

        return until(done)

    def gone(self, name: str) -> None:
        until(lambda: not self.api.list_endpoints(NameContains=name)["Endpoints"])

    def ask(self, name: str, **arguments: Any) -> str:
        """Send a request and give its answer's text."""
        arguments = {"Body": b"{}", "ContentType": "application/json", **arguments}
        response = self.runtime.invoke_endpoint(EndpointName=name, **arguments)
        return str(response["Body"].read().decode())

    def pids(self) -> set[int]:
        """List the processes of instances that run."""
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if str(self.home).encode() in command and b"container/__main__.py" in command:
                found.add(int(process.name))
        return found


@contextmanager
def answers_meanwhile(cloud: Cloud, name: str) -> Iterator[list[str]]:
    """Send one request after the other in a second thread, and collect what they answer."""
    answers: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(cloud.ask(name))
            except ClientError as error:
                answers.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        until(lambda: answers)
        yield answers
    finally:
        stop.set()
        thread.join()


@cache
def session() -> Any:
    return boto3.Session(aws_access_key_id="local", aws_secret_access_key="local")  # noqa: S106
