"""What can be done to one resource of a stack, each step with its events."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from botocore.exceptions import ClientError

from local_cloud.cloudformation.resources import RESOURCE_TYPES
from local_cloud.cloudformation.resources.resource_type import Context, Interrupted
from local_cloud.cloudformation.stack import Stack, StackResource
from local_cloud.cloudformation.surroundings import Surroundings
from local_cloud.wire import ACCOUNT_ID

_REPLACING = (
    "Requested update requires the creation of a new physical resource; hence creating one."
)
_CALLED_OFF = {
    "CREATE": "Resource creation cancelled",
    "UPDATE": "Resource update cancelled",
    "DELETE": "Resource deletion cancelled",
}


@dataclass(frozen=True)
class Steps:
    """The steps of one deployment; each tells whether it succeeded."""

    stack: Stack
    world: Surroundings
    called_off: threading.Event = field(default_factory=threading.Event)
    """Ends the steps that wait for their resource."""

    def create(self, wanted: StackResource, verb: str = "CREATE", reason: str = "") -> bool:
        """Create a resource; one that fails half-way is kept, so that a rollback deletes it."""
        kind, context = RESOURCE_TYPES[wanted.type_name], self._context(wanted)
        self._store(self.stack.note(wanted, f"{verb}_IN_PROGRESS", reason))
        try:
            wanted = replace(wanted, physical_id=kind.create(context, wanted.properties))
            begun = self.stack.note(wanted, f"{verb}_IN_PROGRESS", "Resource creation Initiated")
            self._store(begun)
            kind.complete(context, wanted.physical_id, wanted.properties)
            attributes = kind.read(context, wanted.physical_id, wanted.properties)
        except Exception as error:
            return self.fail(wanted, verb, error)
        self._store(self.stack.note(replace(wanted, attributes=attributes), f"{verb}_COMPLETE"))
        return True

    def substitute(self, old: StackResource, wanted: StackResource) -> bool:
        """Create a resource in the place of an old one, which a later clean-up deletes."""
        key = RESOURCE_TYPES[wanted.type_name].name_property
        name = wanted.properties.get(key) if key else None
        if key and name is not None and name == old.properties.get(key):
            error = ValueError(
                "CloudFormation cannot update a stack when a custom-named resource requires "
                f"replacing. Rename {name} and update the stack again."
            )
            return self.fail(old, "UPDATE", error)
        return self.create(wanted, "UPDATE", _REPLACING)

    def update(self, old: StackResource, wanted: StackResource) -> bool:
        """Change a resource in place."""
        kind, context = RESOURCE_TYPES[wanted.type_name], self._context(wanted)
        self._store(self.stack.note(wanted, "UPDATE_IN_PROGRESS"))
        try:
            kind.update(context, old.physical_id, old.properties, wanted.properties)
            attributes = kind.read(context, old.physical_id, wanted.properties)
        except Exception as error:
            return self.fail(wanted, "UPDATE", error)
        self._store(self.stack.note(replace(wanted, attributes=attributes), "UPDATE_COMPLETE"))
        return True

    def keep(self, record: StackResource) -> bool:
        """Leave a resource as it is, and record what the template now says about it."""
        self._store(record)
        return True

    def delete(self, record: StackResource, policy: str, *, rolling_back: bool = False) -> bool:
        """Delete a resource, or only forget it where its policy retains it.

        A resource that no longer exists counts as deleted.
        """
        if policy == "Retain" or (policy == "RetainExceptOnCreate" and not rolling_back):
            self.stack.note(record, "DELETE_SKIPPED")
            self._forget(record)
            return True
        kind, context = RESOURCE_TYPES[record.type_name], self._context(record)
        self._store_current(self.stack.note(record, "DELETE_IN_PROGRESS"))
        try:
            if record.physical_id:
                kind.delete(context, record.physical_id, record.properties)
        except Exception as error:
            if not (isinstance(error, ClientError) and kind.is_gone(error)):
                failed = self.stack.note(record, "DELETE_FAILED", _reason(error, "DELETE"))
                self._store_current(failed)
                return False
        self.stack.note(record, "DELETE_COMPLETE")
        self._forget(record)
        return True

    def fail(self, record: StackResource, verb: str, error: Exception) -> bool:
        """Record that a step failed."""
        self._store(self.stack.note(record, f"{verb}_FAILED", _reason(error, verb)))
        return False

    def _context(self, record: StackResource) -> Context:
        return Context(
            client=self.world.client,
            account_id=ACCOUNT_ID,
            partition=self.world.partition,
            region=self.stack.region,
            stack_name=self.stack.name,
            logical_id=record.logical_id,
            interrupted=lambda: self.called_off.is_set() or self.world.closing(),
        )

    def _store(self, record: StackResource) -> None:
        self.stack.resources[record.logical_id] = record

    def _store_current(self, record: StackResource) -> None:
        """Store a record unless a new resource has taken its place."""
        if self._is_current(record):
            self._store(record)

    def _forget(self, record: StackResource) -> None:
        if self._is_current(record):
            del self.stack.resources[record.logical_id]

    def _is_current(self, record: StackResource) -> bool:
        now = self.stack.resources.get(record.logical_id)
        return now is not None and now.physical_id == record.physical_id


def _reason(error: Exception, verb: str) -> str:
    """Say why a step failed: in the service's words, with the operation and the error code."""
    if isinstance(error, Interrupted):
        return _CALLED_OFF[verb]
    if isinstance(error, ClientError):
        details = error.response["Error"]
        context = f"(Operation: {error.operation_name}, Code: {details['Code']})"
        return f"{details.get('Message', '')} {context}".strip()
    return str(error) or type(error).__name__
