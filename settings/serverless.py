"""Serverless endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, get_args

from settings.endpoint import CONFIG, Endpoint, metric_problems, zero_problems
from settings.errors import Problem
from settings.metrics import ConcurrencyMetric
from settings.table import Cfn, Several
from settings.update import Fleet
from settings.variants import ServerlessVariant


class ServerlessEndpoint(Endpoint):
    """An endpoint without instances of its own: AWS starts containers as requests come."""

    no_multi_model: ClassVar[str] = "AWS has no serverless multi-model endpoints"

    mode: Annotated[Literal["serverless"], Cfn("")]
    """Containers start when requests come, and none is paid for without one."""
    variants: Annotated[Several[ServerlessVariant], Cfn(f"{CONFIG}/ProductionVariants")]
    """The production variant: exactly one."""

    def fleet(self) -> Fleet:
        """Return that all is moved at once: there are no instances to move some of."""
        return Fleet(
            fewest=None,
            no_batches="AWS does not roll serverless endpoints",
            default="ALL_AT_ONCE",
            why="a serverless endpoint has no instances to move some of",
        )

    def problems(self) -> Iterator[Problem]:
        """Yield another number of variants than one, and metrics that are of instances."""
        yield from super().problems()
        if len(self.variants) != 1:
            yield Problem(
                "variants",
                f"{len(self.variants)} tables",
                "a serverless endpoint has exactly 1 production variant",
                "write one [[endpoint.variants]] table",
            )
        if self.update.instance_count is not None:
            yield Problem(
                "update.instance_count",
                self.update.instance_count,
                "a serverless endpoint has no instances",
                "write capacity_percent",
            )
        for index, variant in enumerate(self.variants):
            if variant.scaling:
                at = f"variants.{index}.scaling"
                yield from zero_problems(
                    at,
                    variant.scaling,
                    "provisioned concurrency does not scale to zero",
                    "raise it to 1, or leave provisioned_concurrency out to keep none warm",
                )
                named = get_args(ConcurrencyMetric)
                yield from metric_problems(at, variant.scaling, named, "serverless variants")
