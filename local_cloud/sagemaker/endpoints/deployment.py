"""What one endpoint config runs: its production fleets, and the shadow if it has one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import Any, TypeAlias

from local_cloud.sagemaker.control.records import Record
from local_cloud.sagemaker.endpoints.fleet import Fleet
from local_cloud.sagemaker.endpoints.shadow import Shadow
from local_cloud.sagemaker.instances.host import Host

Fleets: TypeAlias = Mapping[str, Fleet]
"""Fleets by variant name."""


def all_variants(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """List an endpoint config's variants, the shadow last."""
    return [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]


class Deployment:
    """The fleets of one endpoint config, in service all or none."""

    def __init__(self, host: Host, config: Record, fleets: Fleets) -> None:
        self.config = config
        self.fleets = fleets
        names = [variant["VariantName"] for variant in config.parameters["ProductionVariants"]]
        self.production: Fleets = {name: fleets[name] for name in names}
        self.shadow: Shadow | None = None
        for name in fleets.keys() - names:
            [production] = self.production.values()
            self.shadow = Shadow(host, fleets[name], production)

    @property
    def instance_counts(self) -> dict[str, int]:
        """How many instances each production variant should have."""
        return {name: fleet.desired_instance_count for name, fleet in self.production.items()}

    def activate(self, share: Fraction) -> None:
        """Let only a share of each production fleet's instances get traffic."""
        for fleet in self.production.values():
            fleet.active_share = share

    def choose(self, target_variant: str | None) -> Fleet | None:
        """Choose a variant by its weight, or the named one; None while no instance is healthy."""
        if target_variant is None:
            ready = [fleet for fleet in self.production.values() if fleet.weight and fleet.answers]
            weights = [fleet.weight for fleet in ready]
        else:
            named = self.production.get(target_variant)
            ready, weights = [named] if named and named.answers else [], [1.0]
        if not ready:
            return None
        return ready[0] if len(ready) == 1 else random.choices(ready, weights)[0]  # noqa: S311

    def describe(self, statuses: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Make the parts of DescribeEndpoint's answer that describe variants."""
        described = {
            "ProductionVariants": [
                _summary(fleet) | ({"VariantStatus": [statuses[name]]} if statuses else {})
                for name, fleet in self.production.items()
            ]
        }
        if self.shadow:
            described["ShadowProductionVariants"] = [_summary(self.shadow.fleet)]
        return described

    async def start(self, share: Fraction = Fraction(1)) -> None:
        """Put the fleets, or a share of the production fleets, into service: all or none."""
        counts = self.instance_counts if share < 1 else {}
        try:
            async with asyncio.TaskGroup() as group:
                for name, fleet in self.fleets.items():
                    partial = (
                        {"instance_count": ceil(share * counts[name])} if name in counts else {}
                    )
                    group.create_task(fleet.start(**partial))
        except BaseException as error:
            await self.retire()
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise

    async def resize(self, share: Fraction) -> None:
        """Bring the production fleets to a share of the instances that they should have."""
        for fleet in self.production.values():
            await fleet.resize(ceil(share * fleet.desired_instance_count))

    async def retire(self) -> None:
        """Take all fleets out of service, for good, without waiting for a shadow's answers."""
        shadow = [self.shadow.fleet.retire(drain=False)] if self.shadow else []
        await asyncio.gather(*(fleet.retire() for fleet in self.production.values()), *shadow)


def _summary(fleet: Fleet) -> dict[str, Any]:
    settings = fleet.variant.settings
    return {
        "VariantName": fleet.variant.name,
        "DeployedImages": [{"SpecifiedImage": each.image} for each in fleet.variant.containers],
        "CurrentWeight": fleet.weight,
        "DesiredWeight": fleet.weight,
        **fleet.capacity(),
        **({"RoutingConfig": settings["RoutingConfig"]} if "RoutingConfig" in settings else {}),
    }
