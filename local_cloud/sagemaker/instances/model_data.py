"""From a Model's model data to a file or a folder on this machine."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

_MAX_NAME_BYTES = 255


class StartFailure(Exception):  # noqa: N818 - what a FailureReason says, not a fault of this code
    """Why an instance could not be put into service: the text of a FailureReason."""


@dataclass(frozen=True)
class Source:
    """Where a container's model data is, and in which form."""

    url: str
    is_prefix: bool = False
    is_archive: bool = True


def source(container: Mapping[str, Any]) -> Source | None:
    """Tell where a container's model data is, if it has any."""
    if s3 := container.get("ModelDataSource", {}).get("S3DataSource"):
        is_prefix = s3["S3DataType"] == "S3Prefix"
        return Source(s3["S3Uri"], is_prefix, s3["CompressionType"] == "Gzip")
    url = container.get("ModelDataUrl")
    return Source(url) if url else None


async def download(
    client: Any, source: Source, path: Path, timeout_seconds: float, container: str = "primary"
) -> None:
    """Stream a container's model data from S3: an archive to a file, all else into a folder.

    Raises StartFailure, in AWS's words where they are known.
    """
    abandoned = threading.Event()
    try:
        async with asyncio.timeout(timeout_seconds):
            await asyncio.to_thread(_download, client, source, path, abandoned, container)
    except StartFailure:
        raise
    except Exception as error:
        raise StartFailure(
            f'Failed to download model data for container "{container}" from URL: '
            f'"{source.url}". '
            "Please ensure that there is an object located at the URL and that the role passed to "
            "CreateModel has permissions to download the object. "
            f"({error or f'not within {timeout_seconds} s'})"
        ) from error
    finally:
        abandoned.set()


def remove(path: Path) -> None:
    """Remove what was downloaded so far."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _download(
    client: Any, source: Source, path: Path, abandoned: threading.Event, container: str
) -> None:
    bucket, key = place(source.url)
    path.parent.mkdir(parents=True, exist_ok=True)
    if source.is_archive:
        fetch(client, bucket, key, path)
        return
    keys = [key]
    prefix = key[: key.rfind("/") + 1]
    if source.is_prefix:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        if not keys:
            raise FileNotFoundError("no object has this prefix")
    names = {key: key.removeprefix(prefix) for key in keys}
    if problem := _unsafe(names.values()):
        raise StartFailure(
            f'Failed to lay out model data for container "{container}" from URL: "{source.url}": '
            f"{problem}, so it cannot be stored under /opt/ml/model. Rename or remove that object."
        )
    for key, name in names.items():
        if abandoned.is_set():
            return
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        fetch(client, bucket, key, file)


def place(url: str) -> tuple[str, str]:
    """Split an s3:// URL into its bucket and its key."""
    parts = urlsplit(url)
    return parts.netloc, parts.path.removeprefix("/")


def fetch(client: Any, bucket: str, key: str, path: Path) -> None:
    """Stream an object to a file; raises what the client does."""
    with path.open("wb") as file:
        shutil.copyfileobj(client.get_object(Bucket=bucket, Key=key)["Body"], file, 1024 * 1024)


def _unsafe(names: Iterable[str]) -> str | None:
    """Say which name, if any, SageMaker cannot make a file of (S3ModelDataSource has the rules).

    An example is the object that the S3 console makes for a folder: its key ends in a slash.
    """
    files, folders = set(names), set[str]()
    for name in files:
        for part in name.split("/"):
            if not part.strip() or part in (".", "..") or "\0" in part:
                return f"the object {name!r} below this URL has the part {part!r} in its name"
            if len(part.encode()) > _MAX_NAME_BYTES:
                return (
                    f"the object {name!r} below this URL has a part of over {_MAX_NAME_BYTES} bytes"
                )
        folders.update(str(parent) for parent in PurePosixPath(name).parents)
    if clashes := sorted(files & folders):
        return f"the object {clashes[0]!r} below this URL would be both a file and a folder"
    return None
