"""One instance: one process with its own folder and one model, as SageMaker runs a container."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sys
from asyncio import FIRST_COMPLETED
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import aiohttp

from local_cloud.container import layout
from local_cloud.sagemaker import model_data
from local_cloud.sagemaker.host import Host, Variant
from local_cloud.sagemaker.logs import LogStream
from local_cloud.sagemaker.model_data import StartFailure

PING_TIMEOUT_SECONDS = 2
STARTUP_TIMEOUT_SECONDS = 8 * 60
"""Both as the Developer Guide has them: "How Your Container Should Respond to Health Check"."""

DRAIN_SECONDS = 60
"""How long an instance that leaves may still take for the requests it has: as long as they may."""

TERMINATION_SECONDS = 2
"""Between SIGTERM and SIGKILL; SageMaker leaves 30."""

_CONTAINER = Path(__file__).parents[1] / "container" / "__main__.py"


class Instance:
    """One process that serves one model: `start` puts it into service, `stop` ends it."""

    def __init__(self, host: Host, variant: Variant) -> None:
        self.id = f"i-0{secrets.token_hex(8)}"
        self.outstanding = 0
        self.is_leaving = False  # and not by itself: what it leaves unanswered is another's
        self.url = ""
        self._host, self._variant = host, variant
        self._folder = host.home / "instances" / self.id
        place = (variant.region, variant.endpoint_name, variant.name, f"{self.id}.log")
        self.log = LogStream(
            lambda: host.clients("logs", variant.region),
            variant.log_group,
            self.log_stream,
            host.home.joinpath("logs", *place),
        )
        self._process: asyncio.subprocess.Process | None = None
        self._printing: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._killed = False
        self._idle = asyncio.Event()
        self._idle.set()
        host.instances.add(self)

    @property
    def log_stream(self) -> str:
        """The instance's stream in the endpoint's log group."""
        return f"{self._variant.name}/{self.id}"

    async def start(self, data: Path | None) -> None:
        """Return when the container passes its health check; raises StartFailure if it does not.

        The model data is an archive, or a folder with what is to be in `/opt/ml/model`.
        """
        try:
            await self._lay_out(data)
            process = await self._spawn()
            self._printing = asyncio.create_task(self._print(process))
            await self._pass_health_check(process)
        except StartFailure as failure:
            self.log.write(f"{failure}\n".encode())
            raise

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

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Count a request as outstanding for as long as it is."""
        self.outstanding += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.outstanding -= 1
            if not self.outstanding:
                self._idle.set()

    async def drain(self) -> None:
        """Return when no request is outstanding, or after DRAIN_SECONDS."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._idle.wait()

    async def stop(self) -> None:
        """End the process, see its log off and remove its folder; again, or cancelled: the same."""
        if self._stopping is None:
            self.is_leaving |= self.in_service
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _lay_out(self, data: Path | None) -> None:
        model_dir = layout.model_dir(self._folder)
        model_dir.mkdir(parents=True)
        (self._folder / "tmp").mkdir()
        if data is None:
            return
        try:
            await asyncio.to_thread(_fill, model_dir, data)
        except layout.ArchiveError as error:
            source = model_data.source(self._variant.container)
            raise StartFailure(
                'Failed to extract model data archive for container "primary" from URL '
                f'"{source.url if source else ""}". Please ensure that the object '
                f"located at the URL is a valid tar.gz archive. ({error})"
            ) from error

    async def _spawn(self) -> asyncio.subprocess.Process:
        s3 = await asyncio.to_thread(self._host.clients, "s3", self._variant.region)
        memory = self._variant.memory_bytes
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            spawning = asyncio.ensure_future(
                asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-s", "-u", str(_CONTAINER)),
                    *(str(self._folder), str(listener.fileno())),
                    *("--framework", self._variant.framework),
                    *(["--no-network"] if self._variant.network_isolation else []),
                    *(["--memory-bytes", str(memory)] if memory else []),
                    cwd=self._folder,
                    env=environment(
                        self._variant,
                        self._folder,
                        os.environ.get("PATH", os.defpath),
                        s3.meta.endpoint_url,
                    ),
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

    async def _print(self, process: asyncio.subprocess.Process) -> None:
        while process.stdout and (content := await process.stdout.read(64 * 1024)):
            self.log.write(content)

    async def _pass_health_check(self, process: asyncio.subprocess.Process) -> None:
        """Ping until the container answers, ends, or has used up its time.

        SageMaker goes on pinging a container that ended or whose model did not load, until the
        time is up; here either fails at once, with its reason.
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
                f"The primary container for production variant {self._variant.name} did not pass "
                f"the ping health check. Please check CloudWatch logs for this endpoint. {reason}"
            )

    async def _ping(self) -> str | None:
        """Wait for an answer to a ping: None for a healthy one, else what it says."""
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

    async def _stop(self) -> None:
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
        await self.log.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        self._host.instances.discard(self)


def _fill(model_dir: Path, data: Path) -> None:
    if data.is_dir():
        shutil.copytree(data, model_dir, dirs_exist_ok=True)
    else:
        layout.extract(data, model_dir)


def environment(variant: Variant, root: Path, path: str, endpoint_url: str) -> dict[str, str]:
    """Make a container's environment: the Model's own, and little else.

    Nothing of the environment of this process is in it but the search path for programs; its
    AWS credentials are good for the local cloud alone, and an isolated container, as on AWS, has
    none. Values under `/opt/ml` point into `root`.
    """
    aws = {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {
        "PATH": path,
        "HOME": str(root),
        "TMPDIR": str(root / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "AWS_REGION": variant.region,
        "AWS_DEFAULT_REGION": variant.region,
        **({} if variant.network_isolation else aws),
        **{
            name: layout.inside(root, value)
            for name, value in variant.container.get("Environment", {}).items()
        },
    }


def _exit(status: int) -> str:
    """Say how a process ended."""
    if status < 0:
        return f"The container was ended by {signal.Signals(-status).name}."
    return f"The container exited with status {status}."
