from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.local_cloud.sagemaker.cloud import Cloud

CALLING = """
import os, socket
def model_fn(d):
    pass
def transform_fn(m, port, *_):
    try:
        socket.create_connection(("127.0.0.1", int(port)), 5).close()
        reached = True
    except OSError:
        reached = False
    aws = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return {"reached": reached, "given": [name for name in aws if name in os.environ]}
"""


@pytest.mark.parametrize(
    ("model", "config", "isolated"),
    [(False, False, False), (True, False, True), (False, True, True)],
)
def test_a_model_or_a_config_that_is_isolated_has_neither_network_nor_credentials(
    cloud: Cloud, model: bool, config: bool, isolated: bool
) -> None:
    cloud.model("m", CALLING, isolated=model)
    cloud.config("c", {"ModelName": "m"}, EnableNetworkIsolation=config)
    cloud.api.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert cloud.settled("e")["EndpointStatus"] == "InService"
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer: dict[str, Any] = json.loads(cloud.ask("e", Body=str(server.getsockname()[1])))
    assert answer["reached"] is not isolated
    assert bool(answer["given"]) is not isolated
    assert cloud.api.describe_model(ModelName="m")["EnableNetworkIsolation"] is model
