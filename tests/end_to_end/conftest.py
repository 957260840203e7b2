"""A local cloud of this session's own, and the real CDK CLI on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).parents[2]
REGION = "eu-central-1"


@dataclass(frozen=True)
class Cloud:
    """A running local cloud."""

    home: Path
    environment: dict[str, str] = field(repr=False)

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command on it, as `python -m local_cloud exec` would have it run."""
        return subprocess.run(
            [sys.executable, "-m", "local_cloud", "exec", "--", *command],
            cwd=cwd,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def client(self, service: str) -> Any:
        """Return a boto3 client that does not retry: a lost request shall be seen."""
        state = json.loads((self.home / "state.json").read_text())
        return boto3.client(
            service,
            endpoint_url=state["url"],
            region_name=REGION,
            aws_access_key_id="LOCALCLOUD",
            aws_secret_access_key="x",  # noqa: S106
            config=Config(retries={"total_max_attempts": 1}),
        )


def environment(home: Path) -> dict[str, str]:
    """Return what the commands of README see in the activated environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "LOCAL_CLOUD_HOME": str(home),
        "CI": "true",
    }


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home = tmp_path_factory.mktemp("cloud") / "home"
    command = [sys.executable, "-m", "local_cloud"]
    # The CDK's own validation takes seconds to load; tests of the templates ask it of every stage.
    variables = environment(home) | {"CDK_VALIDATION": "false"}
    subprocess.run([*command, "start", "--port", "0"], env=variables, cwd=ROOT, check=True)
    try:
        yield Cloud(home, variables)
    finally:
        subprocess.run([*command, "stop"], env=variables, cwd=ROOT, check=True)
        assert not home.exists()


@pytest.fixture
def deploy(cloud: Cloud, project: Path) -> Callable[..., str]:
    """Run the CDK CLI in the project; return what it printed, which failed on demand only."""

    def cdk(*arguments: str, fails: bool = False) -> str:
        done = cloud.run("cdk", *arguments, "--progress", "events", "--no-color", cwd=project)
        assert (done.returncode != 0) is fails, done.stdout
        return done.stdout

    return cdk


@dataclass
class Answers:
    """What a loop of requests got, one every 20 ms, until stop is called."""

    cloud: Cloud
    endpoint: str
    body: str = '{"instances": [[1.2, 2.3, 3.4, 4.5]]}'
    answers: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _loop(self) -> None:
        runtime = self.cloud.client("sagemaker-runtime")
        while not self._stopped.wait(0.02):
            try:
                answer = runtime.invoke_endpoint(EndpointName=self.endpoint, Body=self.body)
                self.answers.append(answer["Body"].read().decode())
            except Exception as error:
                self.errors.append(repr(error))

    def wait_for_more(self, count: int = 5) -> None:
        """Return when so many more requests were answered."""
        goal, deadline = len(self.answers) + count, time.monotonic() + 30
        while len(self.answers) < goal:
            assert time.monotonic() < deadline, (self.answers[-1:], self.errors)
            time.sleep(0.01)
