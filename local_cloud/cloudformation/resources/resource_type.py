"""What every resource type says about itself, and what it may use of the world."""

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
    """The property paths that have an effect, dotted, through lists; each covers its inside."""
    attributes: ClassVar[tuple[str, ...]] = ()
    """What Fn::GetAtt may ask for."""
    name_property: ClassVar[str | None] = None
    """The property with a name of which there can be only one."""
    gone: ClassVar[tuple[str, ...]] = ()
    """The error codes by which the service says that there is no such resource."""

    def refuses(self, properties: Properties) -> Iterator[str]:
        """Yield the values of honoured properties that cannot be honoured: "path: why"."""
        del properties
        yield from ()

    def create(self, context: Context, properties: Properties) -> str:
        """Make the resource, at once, and give its physical id."""
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
        """Tell whether an error says that there is no such resource."""
        return error.response["Error"]["Code"] in self.gone


def pick(properties: Properties, *names: str) -> dict[str, Any]:
    """Take those of the named properties that are set: for APIs with the same names."""
    return {name: properties[name] for name in names if name in properties}


def tag_changes(old: Properties, new: Properties) -> tuple[dict[str, str], list[str]]:
    """Compare the Tags of two property sets: those to set, and the keys to remove."""
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
