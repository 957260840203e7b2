"""The operations of the CloudFormation API that the CDK CLI and people use."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from local_cloud.cloudformation import describe
from local_cloud.cloudformation.deployment import Deployment
from local_cloud.cloudformation.stack import ChangeSet, Revision, Stack
from local_cloud.cloudformation.stacks import Stacks, invalid
from local_cloud.cloudformation.submission import (
    capabilities_of,
    differs,
    read_template,
    refuse_unsupported,
    submit,
)
from local_cloud.cloudformation.surroundings import Surroundings, partition_of
from local_cloud.cloudformation.template import Template
from local_cloud.wire import ACCOUNT_ID, AwsError

logger = logging.getLogger(__name__)

Request = Mapping[str, Any]
Result = Mapping[str, Any]

_SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
_PAUSED = ("CREATE_FAILED", "UPDATE_FAILED")
_NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create "
    "a change set."
)


class CloudFormation:
    """CloudFormation for all regions; stacks of different regions do not know of each other.

    `clients(service, region)` gives a boto3 client to the cloud in which the resources live.
    Each operation takes and gives dictionaries in botocore's shapes and raises AwsError. Long
    work continues in a thread of its own after the answer, as with AWS.
    """

    def __init__(self, clients: Callable[[str, str], Any]) -> None:
        self._clients = clients
        self._stacks = Stacks()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        # Held while a request decides what happens to a stack: two must never decide at once.
        self._deciding = threading.RLock()

    def close(self) -> None:
        """Stop the deployments under way where they are; return within some seconds."""
        self._closing.set()
        for thread in self._threads:
            thread.join(timeout=2)

    # Change sets

    def create_change_set(self, region: str, request: Request) -> Result:
        """Work out what a template would change, and keep that for execution."""
        refuse_unsupported(request)
        stack_name, name = request["StackName"], request["ChangeSetName"]
        with self._deciding:
            stack = self._stacks.live(region, stack_name)
            if request.get("ChangeSetType") == "CREATE":
                if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
                    raise invalid(
                        f"Stack [{stack_name}] already exists and cannot be created again with "
                        f"the changeSet [{name}]."
                    )
                stack = stack or Stack(stack_name, _arn(region, f"stack/{stack_name}"), region)
            else:
                stack = self._stacks.find(region, stack_name)
                _require(stack, *_SETTLED, *_PAUSED)
            if any(item.name == name for item in stack.change_sets.values()):
                raise AwsError("AlreadyExistsException", f"ChangeSet {name} already exists")
            revision, changes = submit(request, self._surroundings(stack))
            useful = differs(stack.revision, revision, changes)
            change_set = ChangeSet(
                change_set_id=_arn(region, f"changeSet/{name}"),
                name=name,
                revision=revision,
                changes=changes,
                description=request.get("Description"),
                on_stack_failure=request.get("OnStackFailure"),
                include_nested_stacks=request.get("IncludeNestedStacks", False),
                status="CREATE_COMPLETE" if useful else "FAILED",
                reason=None if useful else _NO_CHANGES,
                execution_status="AVAILABLE" if useful else "UNAVAILABLE",
            )
            if not stack.events:
                stack.move_to("REVIEW_IN_PROGRESS", "User Initiated")
            stack.change_sets[change_set.change_set_id] = change_set
            self._stacks.add(stack)
        return {"Id": change_set.change_set_id, "StackId": stack.stack_id}

    def describe_change_set(self, region: str, request: Request) -> Result:
        """Describe a change set with its changes."""
        return describe.change_set(
            *self._stacks.change_set(region, request),
            property_values=request.get("IncludePropertyValues", False),
        )

    def execute_change_set(self, region: str, request: Request) -> Result:
        """Begin to carry out a change set."""
        with self._deciding:
            stack, change_set = self._stacks.change_set(region, request)
            if change_set.execution_status != "AVAILABLE":
                raise AwsError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current "
                    f"execution status of [{change_set.execution_status}]",
                )
            _require(stack, "REVIEW_IN_PROGRESS", *_SETTLED, *_PAUSED)
            change_set.execution_status = "EXECUTE_COMPLETE"
            stack.change_sets = {change_set.change_set_id: change_set}
            on_failure = change_set.on_stack_failure or "ROLLBACK"
            self._deploy(stack, change_set.revision, request, on_failure)
        return {}

    def delete_change_set(self, region: str, request: Request) -> Result:
        """Delete a change set, if it exists."""
        with self._deciding:
            try:
                stack, change_set = self._stacks.change_set(region, request)
            except AwsError as error:
                if error.code != "ChangeSetNotFound":
                    raise
            else:
                del stack.change_sets[change_set.change_set_id]
        return {}

    def list_change_sets(self, region: str, request: Request) -> Result:
        """List a stack's change sets."""
        stack = self._stacks.find(region, request["StackName"])
        change_sets = list(stack.change_sets.values())
        return {"Summaries": [describe.change_set_summary(stack, item) for item in change_sets]}

    def describe_events(self, region: str, request: Request) -> Result:
        """Give no events: a template that is refused never becomes a change set."""
        del region, request
        return {"OperationEvents": []}

    # Stacks: changing them

    def create_stack(self, region: str, request: Request) -> Result:
        """Begin to create a stack."""
        refuse_unsupported(request)
        name = request["StackName"]
        with self._deciding:
            if self._stacks.live(region, name) is not None:
                raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")
            stack = Stack(name, _arn(region, f"stack/{name}"), region)
            revision, _ = submit(request, self._surroundings(stack))
            self._stacks.add(stack)
            stack.termination_protection = request.get("EnableTerminationProtection", False)
            self._deploy(stack, revision, request, request.get("OnFailure", "ROLLBACK"))
        return {"StackId": stack.stack_id}

    def update_stack(self, region: str, request: Request) -> Result:
        """Begin to update a stack."""
        refuse_unsupported(request)
        with self._deciding:
            stack = self._stacks.find(region, request["StackName"])
            _require(stack, *_SETTLED, *_PAUSED)
            revision, changes = submit(request, self._surroundings(stack))
            if not differs(stack.revision, revision, changes):
                raise invalid("No updates are to be performed.")
            self._deploy(stack, revision, request, "ROLLBACK")
        return {"StackId": stack.stack_id}

    def delete_stack(self, region: str, request: Request) -> Result:
        """Begin to delete a stack, if it exists."""
        with self._deciding:
            stack = self._stacks.live(region, request["StackName"])
            if stack is None:
                return {}
            if stack.termination_protection:
                raise invalid(
                    f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
                )
            if stack.in_progress:
                raise invalid(
                    f"Stack:{stack.stack_id} is in {stack.status} state and can not be deleted."
                )
            retain = frozenset(request.get("RetainResources", ()))
            self._start(stack, "DELETE_IN_PROGRESS", lambda job: job.delete(retain))
        return {}

    def rollback_stack(self, region: str, request: Request) -> Result:
        """Begin to roll back a stack whose failed change was not rolled back."""
        with self._deciding:
            stack = self._stacks.find(region, request["StackName"])
            _require(stack, *_PAUSED)
            created = stack.before is None or stack.before.revision is None
            status = "ROLLBACK_IN_PROGRESS" if created else "UPDATE_ROLLBACK_IN_PROGRESS"
            self._start(stack, status, lambda job: job.roll_back("User Initiated"))
        return {"StackId": stack.stack_id}

    def continue_update_rollback(self, region: str, request: Request) -> Result:
        """Begin a failed rollback again, without the resources of ResourcesToSkip."""
        with self._deciding:
            stack = self._stacks.find(region, request["StackName"])
            _require(stack, "UPDATE_ROLLBACK_FAILED")
            skip = frozenset(request.get("ResourcesToSkip", ()))
            self._start(
                stack,
                "UPDATE_ROLLBACK_IN_PROGRESS",
                lambda job: job.roll_back("User Initiated", skip),
            )
        return {}

    def update_termination_protection(self, region: str, request: Request) -> Result:
        """Turn a stack's protection from deletion on or off."""
        stack = self._stacks.find(region, request["StackName"])
        stack.termination_protection = request["EnableTerminationProtection"]
        return {"StackId": stack.stack_id}

    # Stacks: looking at them

    def describe_stacks(self, region: str, request: Request) -> Result:
        """Describe all stacks that are not deleted, or one: if deleted, by its id only."""
        name = request.get("StackName")
        stacks = [self._stacks.find(region, name)] if name else self._stacks.all(region)
        return {"Stacks": [describe.stack(stack) for stack in stacks]}

    def list_stacks(self, region: str, request: Request) -> Result:
        """List all stacks, or those that have one of the given statuses."""
        wanted = request.get("StackStatusFilter") or ()
        return {
            "StackSummaries": [
                describe.summary(stack)
                for stack in self._stacks.all(region, deleted=True)
                if not wanted or stack.status in wanted
            ]
        }

    def describe_stack_events(self, region: str, request: Request) -> Result:
        """Give a stack's events, the newest first."""
        name = request["StackName"]
        stack = self._stacks.find(region, name, f"Stack [{name}] does not exist")
        return {"StackEvents": [describe.event(stack, item) for item in reversed(stack.events)]}

    def describe_stack_resource(self, region: str, request: Request) -> Result:
        """Describe one resource."""
        stack, name = self._stacks.find(region, request["StackName"]), request["LogicalResourceId"]
        record = stack.resources.get(name)
        if record is None:
            raise invalid(f"Resource {name} does not exist for stack {stack.name}")
        return {"StackResourceDetail": describe.resource_detail(stack, record)}

    def describe_stack_resources(self, region: str, request: Request) -> Result:
        """Describe the resources of a stack, given its name or a physical id in it."""
        if "StackName" in request:
            stack = self._stacks.find(region, request["StackName"])
        else:
            stack = self._stacks.owner(region, request.get("PhysicalResourceId", ""))
        name = request.get("LogicalResourceId")
        return {
            "StackResources": [
                describe.resource(stack, record)
                for record in list(stack.resources.values())
                if name in (None, record.logical_id)
            ]
        }

    def list_stack_resources(self, region: str, request: Request) -> Result:
        """List a stack's resources."""
        records = list(self._stacks.find(region, request["StackName"]).resources.values())
        return {"StackResourceSummaries": [describe.resource_summary(item) for item in records]}

    def list_exports(self, region: str, request: Request) -> Result:
        """List the region's exports."""
        del request
        return {"Exports": describe.exports(self._stacks.all(region))}

    # Templates

    def get_template(self, region: str, request: Request) -> Result:
        """Give a stack's or a change set's template as it was submitted."""
        if "ChangeSetName" in request:
            template = self._stacks.change_set(region, request)[1].revision.template
        else:
            template = self._template_of(region, request["StackName"])
        return {"TemplateBody": template.text, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, region: str, request: Request) -> Result:
        """Describe a template's parameters, resource types and capabilities."""
        if "StackName" in request:
            template = self._template_of(region, request["StackName"])
        else:
            template = self._read_template(region, request)
        return describe.template(template, capabilities_of(template)) | {
            "ResourceTypes": sorted({item.type_name for item in template.resources.values()}),
            "Version": str(template.body.get("AWSTemplateFormatVersion", "2010-09-09")),
        }

    def validate_template(self, region: str, request: Request) -> Result:
        """Check a template's form."""
        template = self._read_template(region, request)
        return describe.template(template, capabilities_of(template))

    # What the operations share

    def _deploy(self, stack: Stack, revision: Revision, request: Request, on_failure: str) -> None:
        """Begin to bring a stack to a revision."""
        if request.get("DisableRollback"):
            on_failure = "DO_NOTHING"
        stack.disable_rollback = on_failure == "DO_NOTHING"
        if stack.revision is None:
            self._start(stack, "CREATE_IN_PROGRESS", lambda job: job.create(revision), on_failure)
        else:
            stack.updated = datetime.now(UTC)
            self._start(stack, "UPDATE_IN_PROGRESS", lambda job: job.update(revision), on_failure)

    def _start(
        self,
        stack: Stack,
        status: str,
        operation: Callable[[Deployment], None],
        on_failure: str = "ROLLBACK",
    ) -> None:
        """Run an operation in a thread; from this moment on no other can begin."""
        deployment = Deployment(self._surroundings(stack), on_failure)
        stack.status = status

        def run() -> None:
            try:
                operation(deployment)
            except Exception as error:  # A defect of ours must not leave the caller waiting.
                logger.exception("%s: %s", stack.name, stack.status)
                begun = stack.status.removesuffix("_IN_PROGRESS").removesuffix("_COMPLETE_CLEANUP")
                stack.move_to(f"{begun}_FAILED", f"The local cloud failed: {error!r}")
            if stack.status == "DELETE_COMPLETE":
                stack.deleted = datetime.now(UTC)

        thread = threading.Thread(target=run, name=f"deployment of {stack.name}", daemon=True)
        self._threads = [*(item for item in self._threads if item.is_alive()), thread]
        thread.start()

    def _surroundings(self, stack: Stack) -> Surroundings:
        return Surroundings(
            stack=stack,
            client=lambda service: self._clients(service, stack.region),
            neighbours=lambda: [
                other for other in self._stacks.all(stack.region) if other is not stack
            ],
            closing=self._closing.is_set,
        )

    def _template_of(self, region: str, stack_name: str) -> Template:
        revision = self._stacks.find(region, stack_name).revision
        return revision.template if revision else Template("{}", {})

    def _read_template(self, region: str, request: Request) -> Template:
        return read_template(request, lambda service: self._clients(service, region))


def _require(stack: Stack, *statuses: str) -> None:
    if stack.status not in statuses:
        raise invalid(f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


def _arn(region: str, resource: str) -> str:
    return (
        f"arn:{partition_of(region)}:cloudformation:{region}:{ACCOUNT_ID}:{resource}/{uuid.uuid4()}"
    )
