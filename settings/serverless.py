"""Serverless endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from settings.artifact import S3Artifact
from settings.endpoint import CONFIG, Endpoint, metric_problems, zero_problems
from settings.metrics import ConcurrencyMetric
from settings.model import Model
from settings.table import Cfn, Problem, Several
from settings.update import Movable
from settings.variants import ServerlessVariant


class ServerlessEndpoint(Endpoint):
    """An endpoint without instances of its own: AWS starts containers as requests come."""

    mode: Annotated[Literal["serverless"], Cfn("")]
    """Containers start when requests come. Without requests nothing is paid for."""
    variants: Annotated[Several[ServerlessVariant], Cfn(f"{CONFIG}/ProductionVariants")]
    """The production variant: exactly one."""

    @property
    def no_multi_model(self) -> str:
        """Why a multi-model container does not work here."""
        return "AWS does not support serverless multi-model endpoints"

    def model_problems(self, model: Model) -> Iterator[Problem]:
        """Yield settings that do not work in serverless containers.

        SageMaker Developer Guide, "Deploy models with Amazon SageMaker Serverless Inference",
        feature exclusions; API reference, ContainerDefinition, ModelDataSource.
        """
        yield from super().model_problems(model)
        artifact = model.artifact
        if isinstance(artifact, S3Artifact) and artifact.is_prefix and not model.multi_model:
            why = "a serverless endpoint takes an archive, not files below a prefix"
            fix = 'write "s3://BUCKET/KEY.tar.gz", or use mode realtime'
            yield model.wrong("artifact", why, fix)
        if model.network_isolation:
            why = "AWS does not support network isolation for serverless endpoints"
            yield model.wrong("network_isolation", why, "remove it, or use mode realtime")

    def movable(self) -> Movable:
        """Return that everything is moved at once: there are no instances to move step by step."""
        return Movable(
            fewest=None,
            most=1,
            no_batches="ROLLING does not work for serverless endpoints",
            default="ALL_AT_ONCE",
            why="a serverless endpoint has no instances to move step by step",
        )

    def problems(self) -> Iterator[Problem]:
        """Yield a number of variants other than one, and settings that need instances."""
        yield from super().problems()
        if len(self.variants) != 1:
            why = "a serverless endpoint has exactly 1 production variant"
            fix = "write one [[endpoint.variants]] table"
            yield Problem("variants", f"{len(self.variants)} tables", why, fix)
        if self.update.instance_count is not None:
            why = "a serverless endpoint has no instances"
            yield self.wrong("update.instance_count", why, "write capacity_percent")
        for index, variant in enumerate(self.variants):
            if variant.scaling:
                at = f"variants.{index}.scaling"
                yield from zero_problems(
                    at,
                    variant.scaling,
                    "provisioned concurrency does not scale to zero",
                    "raise it to 1, or remove scaling and provisioned_concurrency",
                )
                named = get_args(ConcurrencyMetric)
                yield from metric_problems(at, variant.scaling, named, "serverless variants")
