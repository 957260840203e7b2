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
from settings.metrics import (
    ComponentMetric,
    ComponentUtilization,
    Utilization,
    VariantMetric,
)
from settings.table import Cfn, Problem, Several, twice
from settings.update import Movable
from settings.variants import Place, Variant


class RealtimeEndpoint(InstanceEndpoint):
    """An endpoint whose instances are always on and answer while the caller waits."""

    mode: Annotated[Literal["realtime"], Cfn("")] = "realtime"
    """realtime: instances answer at once. serverless: AWS starts containers when requests come.
    async: requests and answers lie in S3, and requests wait for instances.

    serverless for rare load without GPUs, where callers can wait some seconds for a start. async
    for answers that take minutes, for large requests, and for work that can wait, so that nothing
    runs at night. realtime for everything else.
    """
    shadow: Annotated[Variant | None, Cfn(f"{CONFIG}/ShadowProductionVariants")] = None
    """A variant that gets copies of the production variant's requests. Nobody sees its answers. Its
    weight, relative to the production variant's weight, is its share of the requests.

    To try a model, an image or an instance type under real load before it answers callers.
    """
    pipeline: Annotated[Several[str], Cfn("AWS::SageMaker::Model/Containers")] = Field(
        default=(), max_length=15
    )
    """Names of [models.NAME] that each request passes through, one after the other.

    For preparation and prediction in separate images. A container gets the answer of the one before
    it.
    """
    components: Annotated[
        Several[InferenceComponent], Cfn("AWS::SageMaker::InferenceComponent")
    ] = ()
    """Inference components: models that share the instances of the endpoint.

    For several models on expensive instances. Each scales with its own load, to zero if needed.
    """

    @property
    def instance_variants(self) -> dict[str, Variant]:
        """All variants with instances, also a shadow, by the keys of their tables."""
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
        """Return the SageMaker Models by their names. A pipeline is one Model, without a name."""
        return {"": self.pipeline} if self.pipeline else super().chains(served)

    @property
    def no_multi_model(self) -> str:
        """Why a multi-model container does not work here, or "" if it does."""
        if self.components:
            return (
                "an inference component is one model: only variants can have multi-model containers"
            )
        return "AWS has no shadow variants of multi-model endpoints" if self.shadow else ""

    def places(self) -> Iterator[Place]:
        """Yield where the models run: a pipeline's together, a component's on any variant."""
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
        """Return what an update can move: the components, if there are any, else the instances."""
        if self.components:
            return Movable(
                fewest=min(component.fewest for component in self.components),
                most=max(component.most for component in self.components),
                no_steps="inference components are only updated by ROLLING",
                default="ROLLING",
                why="inference components are only updated by ROLLING",
                unit="copies",
            )
        instances = super().movable()
        if not self.shadow:
            return instances
        return Movable(
            fewest=instances.fewest,
            most=instances.most,
            no_steps=instances.no_steps,
            no_batches="ROLLING does not work with several variants, and a shadow is a second one",
            default="ALL_AT_ONCE",
            why="AWS does not document stepwise updates for endpoints with a shadow",
        )

    def problems(self) -> Iterator[Problem]:
        """Yield shapes that exclude each other, and settings that do not work in a shape."""
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
                    "a real-time variant does not scale to zero instances",
                    "raise it to 1, or use mode async or inference components",
                )
                yield from metric_problems(at, variant.scaling, named, "real-time variants")

    def _shadow_problems(self) -> Iterator[Problem]:
        if not self.shadow:
            return
        if len(self.variants) > 1:
            why = f"a shadow needs exactly 1 production variant, and there are {len(self.variants)}"
            fix = "remove the shadow, or keep only one variant"
            yield Problem("shadow", self.shadow.name, why, fix)
        for key in ("pipeline", "components"):
            if self.at(key):
                why = "it does not work together with a shadow"
                yield self.wrong(key, why, "remove one of the two")
        if self.shadow.name in [variant.name for variant in self.variants]:
            why = "the production variant has this name"
            yield self.wrong("shadow.name", why, "give the shadow its own name")
        if self.shadow.scaling:
            why = "only the production variant scales"
            fix = "remove it, and give the shadow enough instances for its share of the requests"
            yield self.wrong("shadow.scaling", why, fix)
        if not self.shadow.initial_variant_weight:
            why = "the shadow would get no request"
            yield Problem("shadow.initial_variant_weight", 0, why, "raise it above 0")
        if has_inf1(self.instance_variants.values()):
            why = "AWS does not support shadow variants with Inf1 instances"
            fix = "choose instance types other than ml.inf1"
            yield Problem("shadow", self.shadow.name, why, fix)

    def _pipeline_problems(self) -> Iterator[Problem]:
        if len(self.pipeline) == 1:
            why = "a pipeline has 2 to 15 models"
            fix = "remove the pipeline, or add another model"
            yield Problem("pipeline", self.pipeline[0], why, fix)
        yield from twice(
            ((f"pipeline.{index}", name) for index, name in enumerate(self.pipeline)),
            "a pipeline cannot have a model twice: its containers get the names of their models",
            "write the model a second time, as [models.OTHER_NAME]",
        )
        for index, variant in enumerate(self.variants):
            if self.pipeline and variant.model is not None:
                why = "this variant serves the pipeline"
                fix = "remove model, or remove the pipeline"
                yield self.wrong(f"variants.{index}.model", why, fix)

    def _component_problems(self) -> Iterator[Problem]:
        if not self.components:
            return
        if self.pipeline:
            why = "an inference component has only one container"
            yield self.wrong("pipeline", why, "remove the pipeline, or remove the components")
        yield from self._component_variant_problems()
        names = [variant.name for variant in self.variants]
        why = "another component has this name"
        yield from self.repeated("components", "name", why, "give each component its own name")
        for index, component in enumerate(self.components):
            at = f"components.{index}"
            why = "" if component.variant in names else "this variant does not exist"
            if component.variant is None:
                why = "there are several variants" if len(names) > 1 else ""
            if why:
                yield self.wrong(f"{at}.variant", why, f"write one of {', '.join(names)}")
            if component.scaling:
                yield from metric_problems(
                    f"{at}.scaling",
                    component.scaling,
                    {*get_args(ComponentMetric), *get_args(ComponentUtilization)},
                    "inference components",
                )

    def _component_variant_problems(self) -> Iterator[Problem]:
        """Yield settings that do not work on a variant with inference components."""
        for index, variant in enumerate(self.variants):
            at = f"variants.{index}"
            if variant.scaling:
                yield self.wrong(
                    f"{at}.scaling",
                    "only the copies of inference components scale, and SageMaker adds instances "
                    "for them",
                    "move scaling to the components, and write managed_instance_scaling here",
                )
            if variant.model is not None:
                why = "this variant has inference components, and each of them has its own model"
                yield self.wrong(f"{at}.model", why, "remove it")
            if managed := variant.managed_instance_scaling:
                low, high = managed.min_instance_count, managed.max_instance_count
                if not low <= variant.initial_instance_count <= high:
                    why = f"it is outside of managed_instance_scaling, {low} to {high}"
                    fix = "write a number within these bounds"
                    yield self.wrong(f"{at}.initial_instance_count", why, fix)
