"""From a Model's model data to a file on this machine."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class StartFailure(Exception):  # noqa: N818 - what a FailureReason says, not a fault of this code
    """Why an instance could not be put into service: the text of a FailureReason."""


def location(container: Mapping[str, Any]) -> str | None:
    """Tell where a container's model archive is: an `s3://` URL, or nowhere."""
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    return source.get("S3Uri") or container.get("ModelDataUrl") or None


async def download(client: Any, url: str, path: Path, timeout_seconds: float) -> None:
    """Stream an archive from S3 to a file; raises StartFailure in AWS's words."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await asyncio.to_thread(_download, client, url, path)
    except Exception as error:
        raise StartFailure(
            f'Failed to download model data for container "primary" from URL: "{url}". Please '
            "ensure that there is an object located at the URL and that the role passed to "
            "CreateModel has permissions to download the object. "
            f"({error or f'not within {timeout_seconds} s'})"
        ) from error


def _download(client: Any, url: str, path: Path) -> None:
    bucket, key = urlsplit(url).netloc, urlsplit(url).path.removeprefix("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(client.get_object(Bucket=bucket, Key=key)["Body"], file, 1024 * 1024)
