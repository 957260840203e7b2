"""The [endpoint] table of a stage: how the model is served, and by how many instances."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from stacks.settings import Settings
from stacks.stage_errors import Problem

# A name of an endpoint or a variant (SageMaker API reference, EndpointName and VariantName).
Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", max_length=63)]
InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]
_BURSTABLE = re.compile(r"ml\.t\d")
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[int, Field(ge=0)]
StartupSeconds = Annotated[int, Field(ge=60, le=3600)]


class TargetTracking(Settings):
    """Keep a metric near a value by adding and removing instances."""

    metric: Literal["InvocationsPerInstance"]
    """InvocationsPerInstance: the average number of invocations per instance per minute."""
    value: float = Field(gt=0, strict=False)
    """What one instance sustains per second, times a safety factor (0.5 is common), times 60."""


class Scaling(Settings):
    """Between which bounds and by which measure a variant's instance count follows its load."""

    min_capacity: Count
    """The fewest instances."""
    max_capacity: Count
    """The most instances: the bound of the bill."""
    target: TargetTracking
    """The measure."""
    scale_in_cooldown_seconds: Seconds = 300
    """How long after removing instances no more are removed."""
    scale_out_cooldown_seconds: Seconds = 60
    """How long after adding instances no more are added, unless the load calls for still more."""

    def problems(self) -> Iterator[Problem]:
        """Yield bounds that exclude each other."""
        if self.min_capacity > self.max_capacity:
            yield Problem(
                "min_capacity",
                self.min_capacity,
                f"it is above max_capacity, {self.max_capacity}",
                f"lower it to {self.max_capacity} or raise max_capacity",
            )


class Variant(Settings):
    """A production variant: instances of one type that serve a share of the endpoint's requests."""

    name: Name = "AllTraffic"
    """The variant's name; it must stay the same from one deployment to the next."""
    instance_type: InstanceType
    """Such as "ml.m5.large"."""
    initial_instance_count: Count
    """How many instances a first deployment starts with."""
    initial_variant_weight: float = Field(default=1.0, ge=0, strict=False)
    """This variant's share of the requests, relative to the sum of all weights."""
    model_data_download_timeout_in_seconds: StartupSeconds | None = None
    """How long an instance may take to download and extract the archive."""
    container_startup_health_check_timeout_in_seconds: StartupSeconds | None = None
    """How long a container may take until its first answered health check."""
    scaling: Scaling | None = None
    """How the count follows the load; if absent it stays at initial_instance_count."""

    def problems(self) -> Iterator[Problem]:
        """Yield a count outside its bounds, and types that AWS does not scale."""
        if self.scaling is None:
            return
        low, high = self.scaling.min_capacity, self.scaling.max_capacity
        if self.initial_instance_count < low:
            yield Problem(
                "scaling.min_capacity",
                low,
                f"the variant {self.name} starts with {self.initial_instance_count} instances",
                f"raise initial_instance_count to {low} or lower min_capacity",
            )
        if self.initial_instance_count > high:
            yield Problem(
                "scaling.max_capacity",
                high,
                f"the variant {self.name} starts with {self.initial_instance_count} instances",
                f"lower initial_instance_count to {high} or raise max_capacity",
            )
        if _BURSTABLE.match(self.instance_type):
            yield Problem(
                "instance_type",
                self.instance_type,
                "SageMaker does not scale burstable instance types",
                'choose another, such as "ml.m5.large", or remove scaling',
            )


class RealtimeEndpoint(Settings):
    """An endpoint whose instances are always on and answer while the caller waits."""

    mode: Literal["realtime"] = "realtime"
    """How requests are served."""
    name: Name
    """The endpoint's name, which callers use, and the stack's; another name is another endpoint."""
    variants: tuple[Variant, ...] = Field(strict=False)
    """The production variants."""

    def problems(self) -> Iterator[Problem]:
        """Yield a number of variants that AWS refuses, names given twice, weights of nothing."""
        if not 1 <= len(self.variants) <= 10:
            yield Problem(
                "variants",
                f"{len(self.variants)} tables",
                "an endpoint has 1 to 10 production variants",
                "write that many [[endpoint.variants]] tables",
            )
        names = [variant.name for variant in self.variants]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Problem(
                    f"variants.{index}.name",
                    name,
                    "another variant of the endpoint has this name",
                    "give each variant a name of its own",
                )
        if self.variants and not any(v.initial_variant_weight for v in self.variants):
            yield Problem(
                "variants",
                "every initial_variant_weight is 0",
                "no variant would get a request",
                "give at least one variant a weight above 0",
            )
