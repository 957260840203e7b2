"""The user's code from S3, as SAGEMAKER_SUBMIT_DIRECTORY may name it."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from container import layout


class DownloadError(Exception):
    """SAGEMAKER_SUBMIT_DIRECTORY names what the container cannot get."""


def download(url: str, folder: Path) -> None:
    """Unpack a `.tar.gz` in S3 into a folder; raises DownloadError, and ArchiveError.

    It is the container that does so, with the execution role and through its own network: one
    that is isolated has neither.
    """
    # They take a third of a second to import, which most containers need not spend.
    import boto3
    from botocore.config import Config

    parts = urlsplit(url)
    if parts.scheme != "s3":
        raise DownloadError(f"SAGEMAKER_SUBMIT_DIRECTORY is {url}: it has to be in s3:// or a path")
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
                f"({error}): upload it, and do not isolate the container from the network"
            ) from error
        layout.extract(archive, folder)
