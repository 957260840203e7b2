"""Real-time endpoints: variants, a shadow, a pipeline, inference components."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal, get_args

from pydantic import Field

from settings.components import InferenceComponent
from settings.endpoint import (
    CONFIG,
    InstanceEndpoint,
    has_inf1,
    metric_problems,
    zero_problems,
)
from settings.errors import Problem
from settings.metrics import (
    ComponentMetric,
    ComponentUtilization,
    Utilization,
    VariantMetric,
)
from settings.rules import twice
from settings.table import Cfn, Several
from settings.update import Movable
from settings.variants import Place, Variant


class RealtimeEndpoint(InstanceEndpoint):
    """An endpoint whose instances are always on and answer while the caller waits."""

    mode: Annotated[Literal["realtime"], Cfn("")] = "realtime"
    """realtime: instances answer at once; serverless: AWS starts containers when requests come;
    async: requests and answers lie in S3, and wait for instances.

    serverless for little or rare load that can bear a start of seconds, without GPUs; async for
    answers that take minutes, large requests, or work that may wait and need not be paid for at
    night; else realtime.
    """
    shadow: Annotated[Variant | None, Cfn(f"{CONFIG}/ShadowProductionVariants")] = None
    """A variant that gets a copy of the one production variant's requests, and whose answers
    nobody sees. Its weight, relative to the production variant's, is the share of the requests.

    To try a model, an image or an instance type on real load before it answers anyone.
    """
    pipeline: Annotated[Several[str], Cfn("AWS::SageMaker::Model/Containers")] = Field(
        default=(), max_length=15
    )
    """Names of [models.NAME] that each request passes through, one after the other.

    For preparation and prediction in images of their own: a container gets what the last answered.
    """
    components: Annotated[
        Several[InferenceComponent], Cfn("AWS::SageMaker::InferenceComponent")
    ] = ()
    """Inference components: models that share the instances of the endpoint.

    For several models on dear instances, each scaled by its own load, to zero if need be.
    """

    @property
    def instance_variants(self) -> dict[str, Variant]:
        """The variants that have instances, a shadow too, by the keys of their tables."""
        return super().instance_variants | ({"shadow": self.shadow} if self.shadow else {})

    @property
    def shadow_variants(self) -> Sequence[Variant]:
        """The variant that gets copies of requests, if there is one."""
        return (self.shadow,) if self.shadow else ()

    @property
    def inference_components(self) -> Sequence[InferenceComponent]:
        """The components that share the endpoint's instances."""
        return self.components

    def chains(self, served: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """Return the SageMaker Models by their names: a pipeline is one, and has none."""
        return {"": self.pipeline} if self.pipeline else super().chains(served)

    @property
    def no_multi_model(self) -> str:
        """Why no model can be one of many; "" if it can."""
        if self.components:
            return "an inference component is one model: AWS has many models for variants alone"
        return "AWS has no shadow variants of multi-model endpoints" if self.shadow else ""

    def places(self) -> Iterator[Place]:
        """Yield where the models run: those of a pipeline together, components on any variant."""
        if self.components:
            types = {
                key: name
                for place in super().places()
                for key, name in place.instance_types.items()
            }
            for index, component in enumerate(self.components):
                yield component.place(f"components.{index}", types)
            return
        for place in super().places():
            if not self.pipeline:
                yield place
            for index, name in enumerate(self.pipeline):
                yield replace(place, key=f"pipeline.{index}", model=name)
        if self.shadow:
            yield self.shadow.place("shadow")

    def movable(self) -> Movable:
        """Return what updates allow, of the components if there are any."""
        if self.components:
            return Movable(
                fewest=min(component.fewest for component in self.components),
                most=max(component.most for component in self.components),
                no_steps="inference components are updated by rolling alone",
                default="ROLLING",
                why="inference components are updated by rolling alone",
                unit="copies",
            )
        instances = super().movable()
        if not self.shadow:
            return instances
        return Movable(
            fewest=instances.fewest,
            most=instances.most,
            no_steps=instances.no_steps,
            no_batches="AWS does not roll an endpoint with several variants, and a shadow is one",
            default="ALL_AT_ONCE",
            why="nobody has documented that a shadow is moved in steps",
        )

    def problems(self) -> Iterator[Problem]:
        """Yield shapes that exclude each other, and what of a variant does not work in one."""
        yield from super().problems()
        yield from self._shadow_problems()
        yield from self._component_problems()
        yield from self._pipeline_problems()
        named = {*get_args(VariantMetric), *get_args(Utilization)}
        for index, variant in enumerate(self.variants):
            if variant.scaling and not self.components:
                at = f"variants.{index}.scaling"
                yield from zero_problems(
                    at,
                    variant.scaling,
                    "the instances of a real-time variant do not scale to zero",
                    "raise it to 1, or serve in mode async or by inference components",
                )
                yield from metric_problems(at, variant.scaling, named, "real-time variants")

    def _shadow_problems(self) -> Iterator[Problem]:
        if not self.shadow:
            return
        if len(self.variants) > 1:
            yield Problem(
                "shadow",
                self.shadow.name,
                f"there are {len(self.variants)} production variants, and a shadow needs exactly 1",
                "remove the shadow, or all variants but one",
            )
        for key, given in (("pipeline", self.pipeline), ("components", self.components)):
            if given:
                yield Problem(key, "given", "a shadow variant excludes it", "remove one of the two")
        if self.shadow.name in [variant.name for variant in self.variants]:
            yield Problem(
                "shadow.name",
                self.shadow.name,
                "the production variant has this name",
                "give the shadow a name of its own",
            )
        if self.shadow.scaling:
            yield Problem(
                "shadow.scaling",
                "given",
                "what scales is the production variant",
                "remove it, and give the shadow the instances that its share of the requests needs",
            )
        if not self.shadow.initial_variant_weight:
            yield Problem("shadow.initial_variant_weight", 0, "it would get no request", "raise it")
        if has_inf1(self.instance_variants.values()):
            yield Problem(
                "shadow",
                self.shadow.name,
                "AWS has no shadow variants with Inf1 instances",
                "choose other instance types",
            )

    def _pipeline_problems(self) -> Iterator[Problem]:
        if len(self.pipeline) == 1:
            why = "a pipeline has 2 to 15 models"
            yield Problem("pipeline", self.pipeline[0], why, "remove it, or add another")
        yield from twice(
            ((f"pipeline.{index}", name) for index, name in enumerate(self.pipeline)),
            "the pipeline has it already, and its containers go by their models' names",
            "give the model a second name, with a table of its own",
        )
        for index, variant in enumerate(self.variants):
            if self.pipeline and variant.model is not None:
                yield Problem(
                    f"variants.{index}.model",
                    variant.model,
                    "the variant serves the pipeline",
                    "remove it, or the pipeline",
                )

    def _component_problems(self) -> Iterator[Problem]:
        if not self.components:
            return
        if self.pipeline:
            yield Problem(
                "pipeline",
                "given",
                "an inference component has one container",
                "remove the pipeline or the components",
            )
        yield from _component_variant_problems(self.variants)
        names = [variant.name for variant in self.variants]
        yield from twice(
            ((f"components.{index}.name", each.name) for index, each in enumerate(self.components)),
            "another component has this name",
            "give each component a name of its own",
        )
        for index, component in enumerate(self.components):
            at = f"components.{index}"
            why = "" if component.variant in names else "there is no such variant"
            if component.variant is None:
                why = "there are several variants" if len(names) > 1 else ""
            if why:
                fix = f"write one of {', '.join(names)}"
                yield Problem(f"{at}.variant", component.variant or "missing", why, fix)
            if component.scaling:
                yield from metric_problems(
                    f"{at}.scaling",
                    component.scaling,
                    {*get_args(ComponentMetric), *get_args(ComponentUtilization)},
                    "inference components",
                )


def _component_variant_problems(variants: Sequence[Variant]) -> Iterator[Problem]:
    """Yield what a variant cannot have whose instances carry inference components."""
    for index, variant in enumerate(variants):
        at = f"variants.{index}"
        if variant.scaling:
            yield Problem(
                f"{at}.scaling",
                "given",
                "the copies of inference components are scaled, and SageMaker gives them instances",
                "move it to the components, and write managed_instance_scaling here",
            )
        if variant.model is not None:
            yield Problem(
                f"{at}.model",
                variant.model,
                "the variant carries components, and each has its own model",
                "remove it",
            )
        managed = variant.managed_instance_scaling
        initial = variant.initial_instance_count
        if managed and not managed.min_instance_count <= initial <= managed.max_instance_count:
            yield Problem(
                f"{at}.initial_instance_count",
                initial,
                "it is not within managed_instance_scaling, "
                f"{managed.min_instance_count} to {managed.max_instance_count}",
                "write a number between them",
            )
