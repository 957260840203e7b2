"""Every region of the local cloud comes bootstrapped, as `cdk bootstrap` would leave it."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from local_cloud.access import Clients

STACK_NAME = "CDKToolkit"

_TEMPLATE = "lib/api/bootstrap/bootstrap-template.yaml"
"""Within the package of the CLI, which is pinned; `cdk bootstrap --show-template` prints it."""

_PARAMETERS = {
    # As `cdk bootstrap` sets them by itself.
    "CloudFormationExecutionPolicies": "arn:aws:iam::aws:policy/AdministratorAccess",
    "FileAssetsBucketKmsKeyId": "AWS_MANAGED_KEY",
}

logger = logging.getLogger(__name__)


class Bootstrap:
    """Deploys the CDK's bootstrap stack into a region when it is first used."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._deployments: dict[str, asyncio.Task[bool]] = {}
        self._regions: set[str] = set()

    @property
    def regions(self) -> list[str]:
        """The regions in use so far."""
        return sorted(self._regions)

    async def ensure(self, region: str) -> None:
        """Return once the region is bootstrapped.

        A failure is logged, and a `cdk` command that needs the stack names the stack. The next
        request in the region tries again.
        """
        self._regions.add(region)
        if region not in self._deployments:
            deployment = asyncio.to_thread(self._deploy, region)
            self._deployments[region] = asyncio.create_task(deployment)
        if not await asyncio.shield(self._deployments[region]):
            self._deployments.pop(region, None)

    def _deploy(self, region: str) -> bool:
        """Deploy the stack, and tell whether that went well."""
        template = _template()
        if template is None:
            return False
        cloudformation = self._clients("cloudformation", region)
        try:
            cloudformation.create_stack(
                StackName=STACK_NAME,
                TemplateBody=template,
                OnFailure="DELETE",
                Capabilities=["CAPABILITY_NAMED_IAM"],
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in _PARAMETERS.items()
                ],
            )
            cloudformation.get_waiter("stack_create_complete").wait(
                StackName=STACK_NAME, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
            )
        except Exception:
            logger.exception("%s: the bootstrap stack could not be deployed", region)
            return False
        return True


def _template() -> str | None:
    """Read the template that `cdk bootstrap` deploys, if the CDK CLI is installed."""
    cdk = shutil.which("cdk")
    return (Path(cdk).resolve().parents[1] / _TEMPLATE).read_text() if cdk else None
