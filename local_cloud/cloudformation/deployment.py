"""One operation on one stack: create, update, roll back, delete."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from local_cloud.cloudformation import graph
from local_cloud.cloudformation.plan import Design, compare, design, evaluate, resolve_outputs
from local_cloud.cloudformation.stack import Output, Revision, Snapshot, Stack, StackResource
from local_cloud.cloudformation.steps import Steps
from local_cloud.cloudformation.surroundings import Surroundings
from local_cloud.cloudformation.template import ResourceDefinition, TemplateError

Records = Mapping[str, StackResource]


class Deployment:
    """One operation, which returns when the stack has reached its new status.

    `on_failure` is ROLLBACK, DO_NOTHING, or for a stack that is being created also DELETE.
    """

    def __init__(self, world: Surroundings, on_failure: str = "ROLLBACK") -> None:
        self._stack: Stack = world.stack
        self._world = world
        self._on_failure = on_failure
        self._steps = Steps(world.stack, world)

    def create(self, revision: Revision) -> None:
        """Create the stack's resources; on failure delete what was created."""
        self._stack.before = Snapshot(None, {})
        self._stack.revision = revision
        self._stack.move_to("CREATE_IN_PROGRESS", "User Initiated")
        failure = self._go_forward(revision)
        if self._world.closing():
            return
        if failure is None:
            self._stack.before = None
            self._stack.move_to("CREATE_COMPLETE")
        elif self._on_failure == "ROLLBACK":
            self.roll_back(f"{failure} Rollback requested by user.")
        else:
            self._stack.move_to("CREATE_FAILED", failure)
            if self._on_failure == "DELETE":
                self.delete()

    def update(self, revision: Revision) -> None:
        """Change the stack's resources; on failure set them back."""
        stack = self._stack
        before = stack.before or Snapshot(stack.revision, dict(stack.resources))
        stack.before, stack.revision = before, revision
        stack.move_to("UPDATE_IN_PROGRESS", "User Initiated")
        failure = self._go_forward(revision)
        if self._world.closing():
            return
        if failure is None:
            wanted = self._design(revision).definitions
            attempted, stack.before = stack.resources, None
            stack.resources = {name: attempted[name] for name in wanted}
            self._clean_up("UPDATE", {**attempted, **before.resources})
        elif self._on_failure == "ROLLBACK":
            self.roll_back(failure)
        else:
            stack.move_to("UPDATE_FAILED", failure)

    def roll_back(self, reason: str, skip: frozenset[str] = frozenset()) -> None:
        """Set the stack back to what it was before the change that failed."""
        stack, before = self._stack, self._stack.before or Snapshot(None, {})
        self._steps.called_off.clear()
        if before.revision is None:
            stack.move_to("ROLLBACK_IN_PROGRESS", reason)
            deleted = self._delete(stack.resources, _deletion_policy, rolling_back=True)
            if not self._world.closing():
                stack.move_to("ROLLBACK_COMPLETE" if deleted else "ROLLBACK_FAILED")
            return
        stack.move_to("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        attempted = dict(stack.resources)
        restored = graph.run(
            {name: record.depends_on for name, record in before.resources.items()},
            lambda name: name in skip or self._restore(name, before.resources[name]),
            keep_going=True,
        )
        if self._world.closing():
            return
        if not restored:
            stack.move_to("UPDATE_ROLLBACK_FAILED", _failures(stack.resources))
            return
        stack.revision, stack.before = before.revision, None
        stack.resources = {name: stack.resources[name] for name in before.resources}
        self._clean_up("UPDATE_ROLLBACK", attempted)

    def delete(self, retain: frozenset[str] = frozenset()) -> None:
        """Delete the stack's resources, dependants first."""
        stack = self._stack
        self._steps.called_off.clear()
        stack.move_to("DELETE_IN_PROGRESS", "User Initiated")
        conflicts = self._world.export_conflicts({})
        if conflicts:
            stack.move_to("DELETE_FAILED", " ".join(conflicts))
            return
        deleted = self._delete(
            stack.resources,
            lambda record: "Retain" if record.logical_id in retain else record.deletion_policy,
        )
        if self._world.closing():
            return
        if deleted:
            stack.outputs, stack.imports = {}, frozenset()
            stack.move_to("DELETE_COMPLETE")
        else:
            stack.move_to("DELETE_FAILED", _failures(stack.resources))

    def _go_forward(self, revision: Revision) -> str | None:
        """Bring every resource and output to the revision; give the reason if that failed."""
        stack = self._stack
        try:
            designed = self._design(revision)
            done = graph.run(
                designed.dependencies,
                lambda name: (
                    self._bring(designed.definitions[name], designed, revision) or self._call_off()
                ),
            )
            if not done:
                return _failures(stack.resources)
            outputs = self._outputs(designed)
        except TemplateError as error:
            return str(error)
        conflicts = self._world.export_conflicts(outputs)
        if conflicts:
            return " ".join(conflicts)
        stack.outputs, stack.imports = outputs, frozenset(designed.scope.imported)
        return None

    def _bring(self, definition: ResourceDefinition, designed: Design, revision: Revision) -> bool:
        """Create, change or replace one resource, or keep it if nothing changes."""
        old = self._stack.resources.get(definition.logical_id)
        wanted = StackResource(
            logical_id=definition.logical_id,
            type_name=definition.type_name,
            properties={},
            depends_on=frozenset(designed.dependencies[definition.logical_id]),
            deletion_policy=definition.deletion_policy,
            update_replace_policy=definition.update_replace_policy,
            metadata=definition.metadata,
        )
        try:
            properties = evaluate(definition, designed.scope, revision.tags)
        except TemplateError as error:
            return self._steps.fail(old or wanted, "UPDATE" if old else "CREATE", error)
        wanted = replace(wanted, properties=properties)
        if old is not None and (old.status == "CREATE_FAILED" or not old.physical_id):
            # An attempt without rollback left it half-made: begin again.
            if not self._steps.delete(old, "Delete"):
                return False
            old = None
        if old is None:
            return self._steps.create(wanted)
        changes = compare(old.type_name, self._stack.region, old.properties, properties)
        if any(change.recreates for change in changes):
            return self._steps.substitute(old, wanted)
        wanted = replace(
            wanted,
            physical_id=old.physical_id,
            attributes=old.attributes,
            status=old.status,
            reason=old.reason,
            changed=old.changed,
        )
        if changes or old.failed:
            return self._steps.update(old, wanted)
        return self._steps.keep(wanted)

    def _call_off(self) -> bool:
        """End the steps that are still under way, because one has failed."""
        self._steps.called_off.set()
        return False

    def _restore(self, name: str, then: StackResource) -> bool:
        """Set one resource back to what it was."""
        now = self._stack.resources[name]
        if now.physical_id != then.physical_id:  # The old resource is still there: use it again.
            self._stack.note(then, "UPDATE_IN_PROGRESS")
            return self._steps.keep(self._stack.note(then, "UPDATE_COMPLETE"))
        if now.properties == then.properties and not now.failed:
            return self._steps.keep(then)
        return self._steps.update(now, then)

    def _clean_up(self, verb: str, candidates: Records) -> None:
        """Delete the candidates that the stack no longer has, and end the operation.

        A candidate that cannot be deleted is left behind, as by CloudFormation.
        """
        stack = self._stack
        stack.move_to(f"{verb}_COMPLETE_CLEANUP_IN_PROGRESS")
        leftover = {
            name: record
            for name, record in candidates.items()
            if name not in stack.resources
            or stack.resources[name].physical_id != record.physical_id
        }
        self._steps.called_off.clear()
        self._delete(
            leftover,
            lambda record: (
                record.update_replace_policy
                if record.logical_id in stack.resources
                else record.deletion_policy
            ),
            rolling_back=verb == "UPDATE_ROLLBACK",
        )
        if not self._world.closing():
            stack.move_to(f"{verb}_COMPLETE")

    def _delete(
        self,
        records: Records,
        policy: Callable[[StackResource], str],
        *,
        rolling_back: bool = False,
    ) -> bool:
        """Delete resources, dependants first; go on with the others when one fails."""
        records = dict(records)
        dependencies = {name: record.depends_on for name, record in records.items()}
        return graph.run(
            graph.reverse(dependencies),
            lambda name: self._steps.delete(
                records[name], policy(records[name]), rolling_back=rolling_back
            ),
            keep_going=True,
        )

    def _design(self, revision: Revision) -> Design:
        return design(self._world.scope(revision, self._look_up))

    def _look_up(self, name: str, attribute: str | None) -> object:
        record = self._stack.resources.get(name)
        if record is None:
            raise TemplateError(f"refers to {name}, which is not in the stack")
        return record.physical_id if attribute is None else record.attributes[attribute]

    def _outputs(self, designed: Design) -> dict[str, Output]:
        declared = designed.scope.template.section("Outputs")
        return {
            name: Output(
                value if isinstance(value, str) else json.dumps(value),
                declared[name].get("Description"),
                export,
            )
            for name, (value, export) in resolve_outputs(designed.scope).items()
        }


def _deletion_policy(record: StackResource) -> str:
    return record.deletion_policy


def _failures(resources: Records) -> str:
    """Name the resources that failed, by what they failed to do."""
    failed: dict[str, list[str]] = {}
    for name, record in sorted(resources.items()):
        if record.failed:
            failed.setdefault(record.status.removesuffix("_FAILED").lower(), []).append(name)
    return " ".join(
        f"The following resource(s) failed to {verb}: [{', '.join(names)}]."
        for verb, names in failed.items()
    )
