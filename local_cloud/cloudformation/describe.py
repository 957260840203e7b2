"""Stacks, resources, events and change sets in the shapes of CloudFormation's API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from local_cloud.cloudformation.changes import Change
from local_cloud.cloudformation.parameters import Parameter
from local_cloud.cloudformation.stack import ChangeSet, Event, Stack, StackResource
from local_cloud.cloudformation.template import Template

Shape = dict[str, Any]


def stack(found: Stack) -> Shape:
    """A stack as DescribeStacks gives it."""
    revision = found.revision
    shape: Shape = {
        "StackId": found.stack_id,
        "StackName": found.name,
        "CreationTime": found.created,
        "StackStatus": found.status,
        "DisableRollback": found.disable_rollback,
        "EnableTerminationProtection": found.termination_protection,
        "NotificationARNs": [],
        "RollbackConfiguration": {},
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        "Capabilities": [],
        "Parameters": [],
        "Outputs": [
            _set(
                OutputKey=name,
                OutputValue=output.value,
                Description=output.description,
                ExportName=output.export_name,
            )
            for name, output in found.outputs.items()
        ],
        "Tags": [],
    }
    if revision is not None:
        shape |= {
            "Capabilities": list(revision.capabilities),
            "Parameters": parameters(revision.parameters),
            "Tags": tags(revision.tags),
        }
        shape |= _set(Description=revision.template.description, RoleARN=revision.role_arn)
    return shape | _set(
        StackStatusReason=found.reason, LastUpdatedTime=found.updated, DeletionTime=found.deleted
    )


def summary(found: Stack) -> Shape:
    """A stack as ListStacks gives it."""
    revision = found.revision
    return _set(
        StackId=found.stack_id,
        StackName=found.name,
        CreationTime=found.created,
        LastUpdatedTime=found.updated,
        DeletionTime=found.deleted,
        StackStatus=found.status,
        StackStatusReason=found.reason,
        TemplateDescription=revision.template.description if revision else None,
        DriftInformation={"StackDriftStatus": "NOT_CHECKED"},
    )


def resource(found: Stack, record: StackResource) -> Shape:
    """A resource as DescribeStackResources gives it."""
    return {
        "StackName": found.name,
        "StackId": found.stack_id,
        "Timestamp": record.changed,
        **_resource(record),
    }


def resource_detail(found: Stack, record: StackResource) -> Shape:
    """A resource as DescribeStackResource gives it."""
    return {
        "StackName": found.name,
        "StackId": found.stack_id,
        "LastUpdatedTimestamp": record.changed,
        **_resource(record),
    }


def resource_summary(record: StackResource) -> Shape:
    """A resource as ListStackResources gives it."""
    return {"LastUpdatedTimestamp": record.changed, **_resource(record)}


def event(found: Stack, entry: Event) -> Shape:
    """An event as DescribeStackEvents gives it."""
    return _set(
        StackId=found.stack_id,
        EventId=entry.event_id,
        StackName=found.name,
        LogicalResourceId=entry.logical_id,
        PhysicalResourceId=entry.physical_id,
        ResourceType=entry.type_name,
        Timestamp=entry.timestamp,
        ResourceStatus=entry.status,
        ResourceStatusReason=entry.reason,
    )


def change_set(found: Stack, entry: ChangeSet, *, property_values: bool) -> Shape:
    """A change set as DescribeChangeSet gives it."""
    revision = entry.revision
    return change_set_summary(found, entry) | {
        "Parameters": parameters(revision.parameters),
        "NotificationARNs": [],
        "RollbackConfiguration": {},
        "Capabilities": list(revision.capabilities),
        "Tags": tags(revision.tags),
        "Changes": [_change(change, property_values=property_values) for change in entry.changes],
    }


def change_set_summary(found: Stack, entry: ChangeSet) -> Shape:
    """A change set as ListChangeSets gives it."""
    return _set(
        StackId=found.stack_id,
        StackName=found.name,
        ChangeSetId=entry.change_set_id,
        ChangeSetName=entry.name,
        ExecutionStatus=entry.execution_status,
        Status=entry.status,
        StatusReason=entry.reason,
        CreationTime=entry.created,
        Description=entry.description,
        IncludeNestedStacks=entry.include_nested_stacks,
        OnStackFailure=entry.on_stack_failure,
    )


def parameters(values: Mapping[str, Parameter]) -> list[Shape]:
    """Parameters, those with NoEcho hidden."""
    return [parameter.describe(name) for name, parameter in values.items()]


def tags(values: Mapping[str, str]) -> list[Shape]:
    """Tags as a list."""
    return [{"Key": key, "Value": value} for key, value in values.items()]


def template(found: Template, capabilities: list[str]) -> Shape:
    """A template as ValidateTemplate gives it."""
    return {
        "Description": found.description,
        "Capabilities": capabilities,
        "Parameters": [
            _set(
                ParameterKey=name,
                DefaultValue=str(entry["Default"]) if "Default" in entry else None,
                NoEcho=str(entry.get("NoEcho", False)).lower() == "true",
                Description=entry.get("Description"),
            )
            for name, entry in found.section("Parameters").items()
        ],
    }


def exports(stacks: Iterable[Stack]) -> list[Shape]:
    """The exports of stacks as ListExports gives them."""
    return [
        {"ExportingStackId": found.stack_id, "Name": output.export_name, "Value": output.value}
        for found in stacks
        for output in found.outputs.values()
        if output.export_name is not None
    ]


def _resource(record: StackResource) -> Shape:
    return _set(
        LogicalResourceId=record.logical_id,
        PhysicalResourceId=record.physical_id,
        ResourceType=record.type_name,
        ResourceStatus=record.status,
        ResourceStatusReason=record.reason,
        DriftInformation={"StackResourceDriftStatus": "NOT_CHECKED"},
    )


def _change(change: Change, *, property_values: bool) -> Shape:
    shape = _set(
        Action=change.action,
        LogicalResourceId=change.logical_id,
        PhysicalResourceId=change.physical_id,
        ResourceType=change.type_name,
    )
    if change.action == "Modify":
        scope = {"Tags" if item.name == "Tags" else "Properties" for item in change.properties}
        shape |= {
            "Replacement": change.replacement,
            "Scope": sorted(scope | ({"Metadata"} if change.metadata else set())),
            "Details": [
                {
                    "Target": {
                        "Attribute": "Tags" if item.name == "Tags" else "Properties",
                        "Name": item.name,
                        "RequiresRecreation": "Always" if item.recreates else "Never",
                    },
                    "Evaluation": "Static" if item.certain else "Dynamic",
                    "ChangeSource": "DirectModification" if item.certain else "ResourceReference",
                }
                for item in change.properties
            ],
        }
        if change.replacement == "True":
            shape["PolicyAction"] = f"ReplaceAnd{_policy(change)}"
    elif change.action == "Remove":
        shape["PolicyAction"] = _policy(change)
    if property_values:
        contexts = {"BeforeContext": change.before, "AfterContext": change.after}
        shape |= {name: _context(value) for name, value in contexts.items() if value is not None}
    return {"Type": "Resource", "ResourceChange": shape}


def _context(properties: Mapping[str, Any]) -> str:
    """Write properties as the context of a change, as AWS does."""
    return json.dumps(
        {"Properties": properties}, default=lambda _: "{{changeSet:KNOWN_AFTER_APPLY}}"
    )


def _policy(change: Change) -> str:
    return "Retain" if change.policy.startswith("Retain") else "Delete"


def _set(**members: Any) -> Shape:
    """Keep the members that have a value."""
    return {name: value for name, value in members.items() if value not in (None, "")}
