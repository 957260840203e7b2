"""What happens to a resource when a stack becomes another revision of itself."""

from __future__ import annotations

from dataclasses import dataclass

from local_cloud.cloudformation.resources.resource_type import Properties


@dataclass(frozen=True)
class PropertyChange:
    """A property that differs; whether that needs a new resource, and whether it is certain."""

    name: str
    recreates: bool
    certain: bool


@dataclass(frozen=True)
class Change:
    """What happens to one resource: Add, Modify or Remove."""

    action: str
    logical_id: str
    type_name: str
    physical_id: str | None = None
    properties: tuple[PropertyChange, ...] = ()
    metadata: bool = False
    policy: str = "Delete"
    before: Properties | None = None
    after: Properties | None = None

    @property
    def replacement(self) -> str:
        """Whether a new resource takes the place of the old: True, False or Conditional."""
        recreating = [change for change in self.properties if change.recreates]
        if not recreating:
            return "False"
        return "True" if any(change.certain for change in recreating) else "Conditional"

    @property
    def makes_new(self) -> bool:
        """Whether the change makes a new resource, or may make one."""
        return self.action == "Add" or self.replacement != "False"
