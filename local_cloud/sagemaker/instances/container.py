"""One container of an instance: a process with its own folder, environment and log stream."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from asyncio import FIRST_COMPLETED
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import aiohttp

from container import launch, layout
from local_cloud.home import INSTANCE_LOGS, INSTANCES
from local_cloud.sagemaker.control.definition import Definition
from local_cloud.sagemaker.instances.host import Host
from local_cloud.sagemaker.instances.logs import LogStream
from local_cloud.sagemaker.instances.model_data import StartFailure
from local_cloud.sagemaker.instances.multi_model import Models
from local_cloud.sagemaker.instances.variant import Variant

PING_TIMEOUT_SECONDS = 2
STARTUP_TIMEOUT_SECONDS = 8 * 60
"""Source: the Developer Guide, "How Your Container Should Respond to Health Check"."""

TERMINATION_SECONDS = 2
"""Between SIGTERM and SIGKILL; SageMaker waits 30."""


class Container:
    """One process that serves one model or several: `start` makes it healthy, `stop` ends it.

    `name` is its name below its variant: in CloudWatch Logs and, as a path, on this machine.
    """

    def __init__(self, host: Host, variant: Variant, definition: Definition, name: str) -> None:
        self.hostname = definition.hostname
        self.url = ""
        self._host, self._variant, self._definition = host, variant, definition
        self._folder = host.home / INSTANCES / name
        place = (variant.region, variant.endpoint_name, variant.name, f"{name}.log")
        self.log_stream = f"{variant.name}/{name}"
        self.log = LogStream(
            lambda: host.clients("logs", variant.region),
            variant.log_group,
            self.log_stream,
            host.home.joinpath(INSTANCE_LOGS, *place),
        )
        self.models: Models | None = None
        if definition.models_url:
            self.models = Models(
                host, variant.region, definition.models_url, self._folder, definition.caches_models
            )
        self._process: asyncio.subprocess.Process | None = None
        self._printing: asyncio.Task[None] | None = None
        self._killed = False

    async def start(self, data: Path | None) -> None:
        """Return when the container passes its health check; raises StartFailure if it does not.

        The model data is an archive, or a folder with the content of `/opt/ml/model`.
        """
        try:
            await self._lay_out(data)
            process = await self._spawn()
            self._printing = asyncio.create_task(self._print(process))
            await self._pass_health_check(process)
        except StartFailure as failure:
            self.log.write(f"{failure}\n".encode())
            raise
        except OSError as error:
            # This machine's failure: it lacks space or processes. The caller then restores what
            # there was, as after any other failure.
            raise StartFailure(
                f"The {self.hostname} container could not be started on this machine. ({error})"
            ) from error

    async def exited(self) -> None:
        """Return when the process has ended."""
        if self._process:
            await self._process.wait()

    @property
    def in_service(self) -> bool:
        """Whether a request may be sent to it."""
        return not self._killed and self._process is not None and self._process.returncode is None

    def kill(self) -> None:
        """End the process and what it started, now."""
        self._killed = True
        self._signal(signal.SIGKILL)

    async def stop(self) -> None:
        """End the process, send the rest of its log and remove its folder."""
        if self._process:
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(TERMINATION_SECONDS):
                    await self._process.wait()
            self.kill()
            await self._process.wait()
        if self._printing:
            # A process that outlived its group could still hold the pipe.
            await asyncio.wait({self._printing}, timeout=TERMINATION_SECONDS)
            self._printing.cancel()
        if self.models:
            await self.models.close()
        await self.log.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _lay_out(self, data: Path | None) -> None:
        model_dir = layout.model_dir(self._folder)
        model_dir.mkdir(parents=True)
        (self._folder / "tmp").mkdir()
        if data is None:
            return
        try:
            await asyncio.to_thread(_fill, model_dir, data)
        except layout.ArchiveError as error:
            source = self._definition.source
            raise StartFailure(
                f'Failed to extract model data archive for container "{self.hostname}" from URL '
                f'"{source.url if source else ""}". Please ensure that the object '
                f"located at the URL is a valid tar.gz archive. ({error})"
            ) from error

    async def _spawn(self) -> asyncio.subprocess.Process:
        s3 = await asyncio.to_thread(self._host.clients, "s3", self._variant.region)
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            if self.models:
                self.models.url = self.url
            spawning = asyncio.ensure_future(
                asyncio.create_subprocess_exec(
                    *launch.command(
                        self._folder,
                        listener.fileno(),
                        framework=self._definition.framework,
                        multi_model=self.models is not None,
                        network=not self._variant.network_isolation,
                        memory_bytes=self._variant.memory_bytes,
                    ),
                    cwd=self._folder,
                    env=self._environment(s3.meta.endpoint_url),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=[listener.fileno()],
                    start_new_session=True,
                )
            )
            try:
                self._process = await asyncio.shield(spawning)
            except asyncio.CancelledError:
                self._process = await spawning  # so that `stop` finds it
                raise
        return self._process

    def _environment(self, endpoint_url: str) -> dict[str, str]:
        """Make the container's environment: its definition's own, and AWS's.

        Its AWS credentials are valid for the local cloud alone. An isolated container has none,
        as on AWS.
        """
        aws = {
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return launch.environment(
            self._folder,
            {
                "AWS_REGION": self._variant.region,
                "AWS_DEFAULT_REGION": self._variant.region,
                **({} if self._variant.network_isolation else aws),
                **self._definition.environment,
                # SageMaker sets this itself: it tells the images which server to start.
                **({"SAGEMAKER_MULTI_MODEL": "true"} if self.models else {}),
            },
        )

    async def _print(self, process: asyncio.subprocess.Process) -> None:
        while process.stdout and (content := await process.stdout.read(64 * 1024)):
            self.log.write(content)

    async def _pass_health_check(self, process: asyncio.subprocess.Process) -> None:
        """Ping until the container answers, ends, or has used up its time.

        SageMaker pings on until the time is up, even if the container has ended or its model did
        not load; here both fail at once, with the reason.
        """
        seconds = self._variant.settings.get(
            "ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT_SECONDS
        )
        exit_status = asyncio.create_task(process.wait())
        ping = asyncio.create_task(self._ping())
        try:
            done, _ = await asyncio.wait(
                {exit_status, ping}, timeout=seconds, return_when=FIRST_COMPLETED
            )
        finally:
            for task in (ping, exit_status):
                task.cancel()
        if ping in done:
            reason = ping.result()
        elif exit_status in done:
            reason = _exit(exit_status.result())
        else:
            reason = f"The container did not answer /ping within {seconds} seconds."
        if reason is not None:
            raise StartFailure(
                f"The {self.hostname} container for production variant {self._variant.name} did "
                "not pass the ping health check. Please check CloudWatch logs for this endpoint. "
                f"{reason}"
            )

    async def _ping(self) -> str | None:
        """Wait for an answer to a ping; return None if it is healthy, else the answer's text."""
        timeout = aiohttp.ClientTimeout(total=PING_TIMEOUT_SECONDS)
        while True:
            try:
                async with self._host.http.get(f"{self.url}/ping", timeout=timeout) as response:
                    return None if response.status == HTTPStatus.OK else await response.text()
            except TimeoutError:
                continue
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)

    def _signal(self, number: signal.Signals) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def _fill(model_dir: Path, data: Path) -> None:
    if data.is_dir():
        shutil.copytree(data, model_dir, dirs_exist_ok=True)
    else:
        layout.extract(data, model_dir)


def _exit(status: int) -> str:
    """Say how a process ended."""
    if status < 0:
        return f"The container was ended by {signal.Signals(-status).name}."
    return f"The container exited with status {status}."
