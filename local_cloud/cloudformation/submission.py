"""From a request to a revision of a stack: template, parameters, tags, capabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from local_cloud.cloudformation import parameters as template_parameters
from local_cloud.cloudformation.changes import Change
from local_cloud.cloudformation.plan import plan
from local_cloud.cloudformation.references import references
from local_cloud.cloudformation.stack import Revision
from local_cloud.cloudformation.stacks import invalid
from local_cloud.cloudformation.surroundings import Surroundings
from local_cloud.cloudformation.template import Template, TemplateError
from local_cloud.wire import AwsError

Request = Mapping[str, Any]

_NAMES = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}


def refuse_unsupported(request: Request) -> None:
    """Refuse (AwsError) what a request asks for and the local cloud does not do.

    ImportExistingResources passes, because `cdk bootstrap` always asks for it: if the resource
    exists already, creating it fails and says that its name is taken.
    """
    asked = {
        "ChangeSetType IMPORT": request.get("ChangeSetType") == "IMPORT",
        "DeploymentConfig EXPRESS": request.get("DeploymentConfig", {}).get("Mode") == "EXPRESS",
        "DeploymentMode": request.get("DeploymentMode"),
        "NotificationARNs": request.get("NotificationARNs"),
        "ResourcesToImport": request.get("ResourcesToImport"),
        "RollbackTriggers": request.get("RollbackConfiguration", {}).get("RollbackTriggers"),
        "StackPolicyBody": request.get("StackPolicyBody"),
        "StackPolicyURL": request.get("StackPolicyURL"),
    }
    unsupported = ", ".join(name for name, value in asked.items() if value)
    if unsupported:
        raise invalid(f"Not supported by the local cloud: {unsupported}")


def submit(request: Request, world: Surroundings) -> tuple[Revision, tuple[Change, ...]]:
    """Make the revision that a request asks for, and say what it changes.

    Raises AwsError with everything that is wrong or not supported.
    """
    previous = world.stack.revision
    if request.get("UsePreviousTemplate") and previous is not None:
        template = previous.template
    else:
        template = read_template(request, world.client)
    capabilities = tuple(request.get("Capabilities", ()))
    _require_capabilities(template, capabilities)
    try:
        revision = Revision(
            template=template,
            parameters=template_parameters.settle(
                template,
                request.get("Parameters", ()),
                previous.parameters if previous else {},
                lambda name: _read_ssm(world, name),
            ),
            tags=_tags(request, previous),
            capabilities=capabilities,
            role_arn=request.get("RoleARN") or (previous.role_arn if previous else None),
        )
        broken = list(template_parameters.broken_rules(world.scope(revision, _no_resources)))
        if broken:
            raise TemplateError(*broken)
        changes = plan(
            lambda lookup: world.scope(revision, lookup), revision.tags, world.stack.resources
        )
    except TemplateError as error:
        raise invalid(f"Template error: {error}") from None
    return revision, changes


def differs(previous: Revision | None, revision: Revision, changes: tuple[Change, ...]) -> bool:
    """Tell whether a revision changes anything: a resource, the tags or an output."""
    if previous is None or changes or previous.tags != revision.tags:
        return True
    outputs = revision.template.section("Outputs")
    used = {reference.name for reference in references(outputs)}
    return previous.template.section("Outputs") != outputs or any(
        name in used and previous.parameters.get(name) != parameter
        for name, parameter in revision.parameters.items()
    )


def read_template(request: Request, client: Any) -> Template:
    """Read a request's template, from its body or from S3. Raises AwsError."""
    text = request.get("TemplateBody") or ""
    if not text:
        if not request.get("TemplateURL"):
            raise invalid("Either Template URL or Template Body must be specified.")
        bucket, key = object_of(request["TemplateURL"])
        try:
            text = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        except ClientError as error:
            said = error.response["Error"].get("Message", "")
            raise invalid(f"S3 error: {said} (bucket {bucket!r}, key {key!r})") from None
    try:
        return Template.parse(text)
    except TemplateError as error:
        raise invalid(f"Template format error: {error}") from None


def object_of(url: str) -> tuple[str, str]:
    """Split a template's URL into bucket and key; the bucket is in the host or the path."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    bucket, mark, _ = host.rpartition(".s3.")
    if mark:
        return bucket, path
    bucket, _, key = path.partition("/")
    return bucket, key


def capabilities_of(template: Template) -> list[str]:
    """List the capabilities that must be granted: those for IAM, by name or not."""
    iam = [item for item in template.resources.values() if item.type_name.startswith("AWS::IAM::")]
    if any(_NAMES.get(item.type_name) in item.properties for item in iam):
        return ["CAPABILITY_NAMED_IAM"]
    return ["CAPABILITY_IAM"] if iam else []


def _require_capabilities(template: Template, given: tuple[str, ...]) -> None:
    implied = ("CAPABILITY_IAM",) if "CAPABILITY_NAMED_IAM" in given else ()
    missing = set(capabilities_of(template)).difference(given, implied)
    if missing:
        raise AwsError(
            "InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(missing)}]"
        )


def _tags(request: Request, previous: Revision | None) -> Mapping[str, str]:
    if "Tags" not in request and previous is not None:
        return previous.tags
    return {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}


def _read_ssm(world: Surroundings, name: str) -> str:
    try:
        return str(world.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        raise KeyError(name) from error


def _no_resources(name: str, attribute: str | None) -> Any:
    raise TemplateError(f"{name}{'.' + attribute if attribute else ''}: not a parameter")
