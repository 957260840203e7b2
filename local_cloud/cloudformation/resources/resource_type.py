"""What every resource type says about itself, and what it may use."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from botocore.exceptions import ClientError

Properties = Mapping[str, Any]


class Interrupted(Exception):  # noqa: N818  (not an error of the resource)
    """The operation that waited for a resource was called off."""


@dataclass(frozen=True)
class Context:
    """One resource's view of the stack it belongs to."""

    client: Callable[[str], Any]
    """Gives the boto3 client of a service, such as "s3"."""
    account_id: str
    partition: str
    region: str
    stack_name: str
    logical_id: str
    interrupted: Callable[[], bool]

    def arn(self, service: str, resource: str) -> str:
        """Make the ARN of a regional resource."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def unique_name(self, limit: int) -> str:
        """Make a name like CloudFormation's, STACK-LOGICALID-RANDOM, of at most `limit` letters."""
        suffix = "".join(random.choices(string.ascii_uppercase + string.digits, k=12))  # noqa: S311
        room = limit - len(suffix) - 2
        logical_id = self.logical_id[: max(room - len(self.stack_name), room // 2)]
        return f"{self.stack_name[: room - len(logical_id)]}-{logical_id}-{suffix}"

    def wait(self, done: Callable[[], bool]) -> None:
        """Ask every 0.1 s until the answer is yes. Raises Interrupted when called off."""
        while not done():
            if self.interrupted():
                raise Interrupted
            time.sleep(0.1)


class ResourceType:
    """How resources of one type are made, changed and removed, through the service's own API."""

    type_name: ClassVar[str]
    honours: ClassVar[tuple[str, ...]]
    """The dotted paths of properties that have an effect; each covers everything below it."""
    attributes: ClassVar[tuple[str, ...]] = ()
    """What Fn::GetAtt may ask for."""
    name_property: ClassVar[str | None] = None
    """The property with the resource's name, if that must be unique."""
    gone: ClassVar[tuple[str, ...]] = ()
    """The error codes with which the service says that the resource does not exist."""

    def refuses(self, properties: Properties) -> Iterator[str]:
        """Yield values that are not supported, of properties that are: "path: why"."""
        del properties
        yield from ()

    def create(self, context: Context, properties: Properties) -> str:
        """Make the resource without waiting for it, and give its physical id."""
        raise NotImplementedError

    def complete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Do what is left after `create`: further settings, waiting until it is ready."""

    def update(self, context: Context, physical_id: str, old: Properties, new: Properties) -> None:
        """Change the resource in place, and wait until that is done."""
        raise NotImplementedError

    def delete(self, context: Context, physical_id: str, properties: Properties) -> None:
        """Remove the resource, and wait until it is gone."""
        raise NotImplementedError

    def read(self, context: Context, physical_id: str, properties: Properties) -> Mapping[str, Any]:
        """Give the values of `attributes`."""
        del context, physical_id, properties
        return {}

    def is_gone(self, error: ClientError) -> bool:
        """Tell whether an error says that the resource does not exist."""
        return error.response["Error"]["Code"] in self.gone


def pick(properties: Properties, *names: str) -> dict[str, Any]:
    """Take the named properties that are set, for an API that names them the same."""
    return {name: properties[name] for name in names if name in properties}


def tag_changes(old: Properties, new: Properties) -> tuple[dict[str, str], list[str]]:
    """Compare the Tags of two property sets: the tags to set, and the keys to remove."""
    before, after = tag_map(old), tag_map(new)
    return (
        {key: value for key, value in after.items() if before.get(key) != value},
        [key for key in before if key not in after],
    )


def tag_map(properties: Properties) -> dict[str, str]:
    """Give the Tags property, a list or a map, as a map."""
    tags = properties.get("Tags") or {}
    return dict(tags) if isinstance(tags, Mapping) else {tag["Key"]: tag["Value"] for tag in tags}


def tag_list(
    tags: Mapping[str, str], key: str = "Key", value: str = "Value"
) -> list[dict[str, str]]:
    """Give tags in the form that most APIs take."""
    return [{key: name, value: text} for name, text in tags.items()]
