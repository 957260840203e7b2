"""The user's code from S3, as SAGEMAKER_SUBMIT_DIRECTORY may name it."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from container import layout


class DownloadError(Exception):
    """SAGEMAKER_SUBMIT_DIRECTORY names something that the container cannot download."""


def download(url: str, folder: Path) -> None:
    """Unpack a `.tar.gz` in S3 into a folder; raises DownloadError, and ArchiveError.

    The container itself downloads it, with the execution role and through its own network. An
    isolated container has neither.
    """
    # The import takes a third of a second, and most containers do not need it.
    import boto3
    from botocore.config import Config

    parts = urlsplit(url)
    if parts.scheme != "s3":
        raise DownloadError(
            f"SAGEMAKER_SUBMIT_DIRECTORY is {url}: it must be an s3:// URL or a path"
        )
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={})
    with TemporaryDirectory() as temporary:
        archive = Path(temporary) / "sourcedir.tar.gz"
        try:
            s3 = boto3.client("s3", config=config)
            found = s3.get_object(Bucket=parts.netloc, Key=parts.path.removeprefix("/"))
            with archive.open("wb") as file:
                shutil.copyfileobj(found["Body"], file)
        except Exception as error:
            raise DownloadError(
                f"SAGEMAKER_SUBMIT_DIRECTORY is {url}, which the container cannot download "
                f"({error}): upload the file, and do not isolate the container from the network"
            ) from error
        layout.extract(archive, folder)
