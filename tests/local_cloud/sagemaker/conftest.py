"""A SageMaker for each test, and moto for what is not SageMaker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import uvloop
from moto.server import ThreadedMotoServer

from local_cloud.sagemaker import SageMaker
from tests.local_cloud.sagemaker.cloud import BUCKET, REGION, Cloud, session


@pytest.fixture(scope="session")
def aws() -> Iterator[Callable[[str, str], Any]]:
    """Give clients to a moto that stands for what is not SageMaker."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    lock = threading.Lock()

    @cache
    def made(service: str, region: str) -> Any:
        return session().client(
            service,
            region_name=region,
            endpoint_url=f"http://localhost:{port}",
        )

    def clients(service: str, region: str) -> Any:
        with lock:
            return made(service, region)

    clients("s3", REGION).create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    yield clients
    server.stop()


@pytest.fixture
def make_cloud(tmp_path: Path, aws: Callable[[str, str], Any]) -> Iterator[Callable[..., Cloud]]:
    """Start SageMakers, and end them with all that they started."""
    made: list[tuple[Cloud, threading.Thread]] = []

    def make(**options: Any) -> Cloud:
        loop = uvloop.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        home = tmp_path / f"home-{len(made)}"
        made.append((Cloud(loop, SageMaker(aws, home, **options), home, aws), thread))
        return made[-1][0]

    yield make
    for cloud, thread in made:
        cloud.run(cloud.service.close())
        cloud.loop.call_soon_threadsafe(cloud.loop.stop)
        thread.join()
        cloud.loop.close()
        assert not cloud.pids()
        assert not cloud.home.exists() or not list(cloud.home.iterdir())


@pytest.fixture
def cloud(make_cloud: Callable[..., Cloud]) -> Cloud:
    return make_cloud()
