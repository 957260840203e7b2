"""What a stack sees of the world: its region's services, pseudo parameters, other stacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.cloudformation.intrinsics import Scope
from local_cloud.cloudformation.plan import Lookup
from local_cloud.cloudformation.stack import Output, Revision, Stack
from local_cloud.wire import ACCOUNT_ID


@dataclass(frozen=True)
class Surroundings:
    """The world around one stack."""

    stack: Stack
    client: Callable[[str], Any]
    """Gives the boto3 client of a service in the stack's region."""
    neighbours: Callable[[], list[Stack]]
    """Gives the region's other stacks."""
    closing: Callable[[], bool]
    """Tells whether the local cloud is stopping: deployments then stop where they are."""

    @property
    def partition(self) -> str:
        """The group of regions that the region belongs to."""
        return partition_of(self.stack.region)

    def scope(self, revision: Revision, lookup: Lookup) -> Scope:
        """Make the scope in which a revision's expressions are evaluated."""
        return Scope(
            template=revision.template,
            parameters={
                "AWS::AccountId": ACCOUNT_ID,
                "AWS::NotificationARNs": [],
                "AWS::Partition": self.partition,
                "AWS::Region": self.stack.region,
                "AWS::StackId": self.stack.stack_id,
                "AWS::StackName": self.stack.name,
                "AWS::URLSuffix": "amazonaws.com" + (".cn" if self.partition == "aws-cn" else ""),
                **{name: parameter.value for name, parameter in revision.parameters.items()},
            },
            lookup=lookup,
            exports={
                name: value
                for neighbour in self.neighbours()
                for name, value in _exports(neighbour.outputs.values()).items()
            },
        )

    def export_conflicts(self, outputs: Mapping[str, Output]) -> list[str]:
        """Say why the stack's exports cannot become these: a name is taken, or an export in use."""
        before, after = _exports(self.stack.outputs.values()), _exports(outputs.values())
        changed = {name for name, value in before.items() if after.get(name) != value}
        conflicts = []
        for neighbour in self.neighbours():
            conflicts += [
                f"Export with name {name} is already exported by stack {neighbour.name}."
                for name in sorted(after.keys() & _exports(neighbour.outputs.values()).keys())
            ]
            conflicts += [
                f"Export {name} cannot be {'updated' if name in after else 'deleted'} as it is in "
                f"use by {neighbour.name}."
                for name in sorted(changed & neighbour.imports)
            ]
        return conflicts


def partition_of(region: str) -> str:
    """Tell the group of regions that a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _exports(outputs: Iterable[Output]) -> dict[str, str]:
    return {output.export_name: output.value for output in outputs if output.export_name}
