"""What is known about a stack: its revision, resources, events and change sets."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from local_cloud.cloudformation.changes import Change
from local_cloud.cloudformation.parameters import Parameter
from local_cloud.cloudformation.template import Template

STACK_TYPE = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Revision:
    """What a stack is asked to be: a template with its parameters and tags."""

    template: Template
    parameters: Mapping[str, Parameter]
    tags: Mapping[str, str]
    capabilities: tuple[str, ...]
    role_arn: str | None


@dataclass(frozen=True)
class StackResource:
    """A resource that exists, or that was begun."""

    logical_id: str
    type_name: str
    properties: Mapping[str, Any]
    depends_on: frozenset[str]
    deletion_policy: str
    update_replace_policy: str
    metadata: Mapping[str, Any]
    physical_id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    status: str = ""
    reason: str = ""
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def failed(self) -> bool:
        """Whether the last thing done to it failed."""
        return self.status.endswith("_FAILED")


@dataclass(frozen=True)
class Output:
    """One output of a stack."""

    value: str
    description: str | None
    export_name: str | None


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    logical_id: str
    physical_id: str
    type_name: str
    status: str
    reason: str
    timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class ChangeSet:
    """A revision that is ready to be carried out, with what it would change."""

    change_set_id: str
    name: str
    revision: Revision
    changes: tuple[Change, ...]
    description: str | None
    on_stack_failure: str | None
    include_nested_stacks: bool
    status: str
    reason: str | None
    execution_status: str
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Snapshot:
    """What a stack goes back to when a change fails."""

    revision: Revision | None
    resources: Mapping[str, StackResource]


@dataclass
class Stack:
    """A stack: one deployment changes it while other threads read it."""

    name: str
    stack_id: str
    region: str
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    updated: datetime | None = None
    deleted: datetime | None = None
    revision: Revision | None = None
    resources: dict[str, StackResource] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    imports: frozenset[str] = frozenset()
    """The names of the exports it uses."""
    events: list[Event] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    termination_protection: bool = False
    disable_rollback: bool = False
    before: Snapshot | None = None
    """Kept while a change is under way, or has failed and was not rolled back."""
    _recording: threading.Lock = field(default_factory=threading.Lock)

    @property
    def in_progress(self) -> bool:
        """Whether an operation is under way."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def move_to(self, status: str, reason: str = "") -> None:
        """Change the stack's status, with an event."""
        # The event comes first: callers wait for a status and then read the events.
        self._record(self.name, self.stack_id, STACK_TYPE, status, reason)
        self.status, self.reason = status, reason

    def note(self, resource: StackResource, status: str, reason: str = "") -> StackResource:
        """Record an event of a resource, and give the resource with that status."""
        self._record(resource.logical_id, resource.physical_id, resource.type_name, status, reason)
        return replace(resource, status=status, reason=reason, changed=datetime.now(UTC))

    def _record(
        self, logical_id: str, physical_id: str, type_name: str, status: str, reason: str
    ) -> None:
        """Append an event, a millisecond or more after the last: callers sort by the time."""
        with self._recording:
            event = Event(logical_id, physical_id, type_name, status, reason)
            if self.events:
                earliest = self.events[-1].timestamp + timedelta(milliseconds=1)
                event = replace(event, timestamp=max(event.timestamp, earliest))
            self.events.append(event)
