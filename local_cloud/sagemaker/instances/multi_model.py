"""The models of a multi-model container: each is downloaded and loaded at its first request.

Source: the Developer Guide, "Multi-model endpoints", "Custom Containers Contract for Multi-Model
Endpoints" and "Invoke a Multi-Model Endpoint".
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from container import layout
from local_cloud.sagemaker.instances import model_data
from local_cloud.sagemaker.instances.host import Host
from local_cloud.wire import AwsError

MAX_LOADED_MODELS = 16
"""How many models a container keeps loaded; SageMaker decides by the instance's memory."""

LOADING_SECONDS = 360
"""How long a model may take to load, whether or not a request still waits for it."""

TARGET_MODEL = "x-amzn-sagemaker-target-model"

_OUT_OF_MEMORY = 507
_ENDED = "The container ended while the model was loaded."


class LoadFailure(Exception):  # noqa: N818 - what the container says, not a fault of this code
    """A container's answer when it did not load a model: its text and its status, 0 if none."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Models:
    """The models that a container has loaded, from the archives below a prefix.

    The least recently used are unloaded to make room, and their files removed. Until then, as on
    AWS, nobody looks at an archive that is replaced in S3: give a new version a new name.
    """

    def __init__(self, host: Host, region: str, prefix: str, folder: Path, caches: bool) -> None:
        self.url = ""
        """Where the container listens."""
        self._host, self._region, self._prefix = host, region, prefix
        self._folder, self._caches = folder, caches
        self._users: dict[str, int] = {}
        """How many requests each loaded model has now, the least recently used model first."""
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def use(self, target: str, seconds: float) -> AsyncIterator[str]:
        """Give the URL at which a model answers, and keep the model loaded within the context.

        Raises AwsError if the archive does not exist (ValidationError) or is not loaded within so
        many seconds (ModelNotReadyException), and LoadFailure if the model does not load.
        """
        # What a caller sends never becomes a path on this machine; a digest of it does.
        name = hashlib.sha256(target.encode()).hexdigest()[:32]
        while name not in self._users:
            await self._wait_for(name, target, seconds)
        self._users[name] = self._users.pop(name) + 1
        try:
            yield f"{self.url}/models/{name}/invoke"
        finally:
            self._users[name] -= 1
            if not (self._caches or self._users[name]):
                await self._unload(name)

    async def close(self) -> None:
        """End what is under way, once the container has ended."""
        under_way = [*self._loading.values(), *self._leaving.values()]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _wait_for(self, name: str, target: str, seconds: float) -> None:
        if name not in self._loading:
            self._begin(self._loading, name, partial(self._load, name, target))
        loading = self._loading[name]
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(loading)
        except asyncio.CancelledError:
            if loading.cancelled():  # the loading, not this caller
                raise LoadFailure(0, _ENDED) from None
            raise
        except TimeoutError:
            raise AwsError(
                "ModelNotReadyException",
                f"Model {target} did not load within {seconds:.0f} seconds; loading goes on for up "
                f"to {LOADING_SECONDS} seconds: try again later",
                429,
            ) from None

    def _begin(
        self,
        under_way: dict[str, asyncio.Task[None]],
        name: str,
        work: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        async def run() -> None:
            try:
                await work()
            finally:
                del under_way[name]  # not in a callback: a finished task must not be found

        task = under_way[name] = asyncio.create_task(run())
        # Every caller that waited may have left by then.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _load(self, name: str, target: str) -> None:
        if name in self._leaving:
            await asyncio.shield(self._leaving[name])
        folder = layout.models_dir(self._folder) / name
        downloading = asyncio.ensure_future(asyncio.to_thread(self._download, target, folder))
        try:
            try:
                await asyncio.shield(downloading)
            finally:
                await asyncio.wait({downloading})  # a thread cannot be cancelled
            # Models that are about to be loaded count already, this one too.
            while len(self._users) + len(self._loading) > MAX_LOADED_MODELS:
                if not await self._unload_one():
                    break
            await self._load_downloaded(name, target, folder / "model")
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        self._users[name] = 0

    async def _load_downloaded(self, name: str, target: str, path: Path) -> None:
        """Let the container load a model; unload others first if it lacks memory."""
        asked = {"model_name": name, "url": str(path)}
        while True:
            status, answer = await self._call(
                "POST", "/models", {TARGET_MODEL: target}, json=asked, seconds=LOADING_SECONDS
            )
            if status == _OUT_OF_MEMORY and await self._unload_one():
                continue
            if not 200 <= status < 300:
                raise LoadFailure(status, answer)
            return

    def _download(self, target: str, folder: Path) -> None:
        bucket, prefix = model_data.place(self._prefix)
        archive = folder / "model.tar.gz"
        folder.mkdir(parents=True)
        try:
            client = self._host.clients("s3", self._region)
            model_data.fetch(client, bucket, prefix + target, archive)
        except Exception as error:
            raise AwsError(
                "ValidationError",
                f"Failed to download model data(bucket: {bucket}, key: {prefix}{target}). Please "
                "ensure that there is an object located at the URL and that the role passed to "
                f"CreateModel has permissions to download the model. ({error})",
            ) from error
        try:
            layout.extract(archive, folder / "model")
        except layout.ArchiveError as error:
            raise AwsError(
                "ValidationError",
                f"Failed to extract model data(bucket: {bucket}, key: {prefix}{target}). Please "
                f"ensure that the object is a valid tar.gz archive. ({error})",
            ) from error
        archive.unlink()

    async def _unload_one(self) -> bool:
        """Unload the least recently used model without requests; tell whether one was found."""
        for name, users in self._users.items():
            if not users:
                await self._unload(name)
                return True
        return False

    async def _unload(self, name: str) -> None:
        del self._users[name]
        self._begin(self._leaving, name, partial(self._remove, name))
        await asyncio.shield(self._leaving[name])

    async def _remove(self, name: str) -> None:
        with suppress(LoadFailure):  # the container has ended, and all models with it
            await self._call("DELETE", f"/models/{name}", {})
        folder = layout.models_dir(self._folder) / name
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        json: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> tuple[int, str]:
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._host.http.request(
                method, f"{self.url}{path}", headers=headers, json=json, timeout=timeout
            ) as answer:
                return answer.status, (await answer.read()).decode("utf-8", "replace")
        except TimeoutError:
            raise LoadFailure(0, f"The model did not load within {seconds:.0f} seconds.") from None
        except aiohttp.ClientError as error:
            raise LoadFailure(0, _ENDED) from error
