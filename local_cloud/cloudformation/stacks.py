"""All stacks, found by region and name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_cloud.cloudformation.stack import ChangeSet, Stack
from local_cloud.wire import AwsError


def invalid(message: str) -> AwsError:
    """The error with which CloudFormation refuses nearly everything."""
    return AwsError("ValidationError", message)


class Stacks:
    """The stacks of all regions, deleted ones too; threads may share this object."""

    def __init__(self) -> None:
        self._by_id: dict[str, Stack] = {}

    def add(self, stack: Stack) -> None:
        """Add a stack, if it is not there already."""
        self._by_id[stack.stack_id] = stack

    def all(self, region: str, *, deleted: bool = False) -> list[Stack]:
        """List a region's stacks, on request also the deleted ones."""
        return [
            stack
            for stack in list(self._by_id.values())
            if stack.region == region and (deleted or stack.status != "DELETE_COMPLETE")
        ]

    def live(self, region: str, name: str) -> Stack | None:
        """Find a stack that is not deleted, by name or id."""
        return next((s for s in self.all(region) if name in (s.name, s.stack_id)), None)

    def find(self, region: str, name: str, otherwise: str | None = None) -> Stack:
        """Find a stack by name or id, a deleted one by its id only. Raises AwsError."""
        stack = self.live(region, name) or self._by_id.get(name)
        if stack is None or stack.region != region:
            raise invalid(otherwise or f"Stack with id {name} does not exist")
        return stack

    def owner(self, region: str, physical_id: str) -> Stack:
        """Find the stack of a resource. Raises AwsError."""
        for stack in self.all(region):
            if any(item.physical_id == physical_id for item in list(stack.resources.values())):
                return stack
        raise invalid(f"Stack for {physical_id} does not exist")

    def change_set(self, region: str, request: Mapping[str, Any]) -> tuple[Stack, ChangeSet]:
        """Find a change set by id, or by name in its stack. Raises AwsError."""
        name, stack_name = request["ChangeSetName"], request.get("StackName")
        for stack in [self.find(region, stack_name)] if stack_name else self.all(region):
            for change_set in list(stack.change_sets.values()):
                if name in (change_set.name, change_set.change_set_id):
                    return stack, change_set
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
