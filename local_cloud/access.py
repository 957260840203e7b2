"""How programs reach the local cloud: the environment of a command, and boto3's clients."""

from collections.abc import Mapping
from threading import Lock
from typing import Any

from boto3.session import Session
from botocore.config import Config

ACCESS_KEY_ID = "LOCALCLOUD"
"""Not a usual dummy: the CDK CLI remembers a key's account, whichever cloud it was used with."""

INTERNAL_ACCESS_KEY_ID = "LOCALCLOUDINTERNAL"
"""The key by which the front door recognizes the local cloud's own calls."""

_SECRET = "unchecked"  # noqa: S105 - the local cloud verifies no signature

DEFAULT_REGION = "eu-central-1"


def environment(url: str, base: Mapping[str, str]) -> dict[str, str]:
    """Point base, a command's environment, at the local cloud at url.

    Of what base says about AWS, only the region is kept: a profile, a session token or an
    endpoint for one service would lead the command to a real account.
    """
    region = base.get("AWS_REGION") or base.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    direct = {"localhost", "127.0.0.1", *filter(None, base.get("NO_PROXY", "").split(","))}
    return {
        **{name: value for name, value in base.items() if not name.startswith("AWS_")},
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "NO_PROXY": ",".join(sorted(direct)),
    }


class Clients:
    """boto3 clients of the local cloud at url: clients(service, region)."""

    def __init__(self, url: str, access_key_id: str = ACCESS_KEY_ID) -> None:
        self._url = url
        self._session = Session(aws_access_key_id=access_key_id, aws_secret_access_key=_SECRET)
        # Making a client is not thread-safe, and costs 10 ms and more.
        self._making = Lock()
        self._clients: dict[tuple[str, str], Any] = {}

    def __call__(self, service: str, region: str) -> Any:
        """Return the client of a service in a region."""
        with self._making:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._session.client(
                    service,
                    region_name=region,
                    endpoint_url=self._url,
                    config=Config(
                        # A retry would hide an error of the local cloud.
                        retries={"total_max_attempts": 1},
                        max_pool_connections=32,
                        s3={"addressing_style": "path"},
                        proxies={},
                    ),
                )
            return self._clients[service, region]
