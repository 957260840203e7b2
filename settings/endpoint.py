"""The [endpoint] table of a stage: what an endpoint has in every mode.

Each mode is a class in its own module. The class knows which variants, scaling and updates work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias, get_args

from pydantic import field_validator

from settings.components import InferenceComponent
from settings.metrics import own_metrics
from settings.model import Model
from settings.scaling import Scaling
from settings.steps import StepScaling
from settings.table import Cfn, Problem, Settings, Several, refuse
from settings.update import Movable, Rollout, Update, choose
from settings.variants import Name, Place, ServerlessVariant, Variant

CONFIG = "AWS::SageMaker::EndpointConfig"
"""The resource type that has the properties of variants and modes."""

Mode: TypeAlias = Literal["realtime", "serverless", "async"]


class Endpoint(Settings):
    """What an endpoint has in every mode."""

    cloudformation: ClassVar[str] = "AWS::SageMaker::Endpoint"

    name: Annotated[Name, Cfn("EndpointName")]
    """The endpoint's name. Callers know the endpoint by it.

    Do not change it for an update: another name is another endpoint. The old one is deleted, and
    its callers get errors.
    """
    update: Annotated[Update, Cfn("DeploymentConfig")] = Update()
    """How an update replaces the instances.

    Leave it out at first: Slipway chooses the safest way that the endpoint allows, and prints it.
    """

    variants: Sequence[Variant | ServerlessVariant]

    @field_validator("mode", mode="before", check_fields=False)
    @classmethod
    def _check_mode(cls, mode: object) -> object:
        if not (isinstance(mode, str) and mode in get_args(Mode)):
            fix = f"write one of {', '.join(get_args(Mode))}"
            refuse([Problem("", repr(mode), "SageMaker does not have this mode", fix)])
        return mode

    @property
    def instance_variants(self) -> dict[str, Variant]:
        """All variants with instances, also a shadow, by the keys of their tables."""
        return {}

    @property
    def shadow_variants(self) -> Sequence[Variant]:
        """The variants that get copies of requests."""
        return ()

    @property
    def inference_components(self) -> Sequence[InferenceComponent]:
        """The components that share the endpoint's instances."""
        return ()

    def chains(self, served: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """Return the SageMaker Models by their names, each with the served models in it.

        Several models in one are a pipeline.
        """
        return {name: (name,) for name in served}

    @property
    def no_multi_model(self) -> str:
        """Why a multi-model container does not work here, or "" if it does."""
        return ""

    def model_problems(self, model: Model) -> Iterator[Problem]:
        """Yield settings of a model that do not work in this mode."""
        if model.multi_model and self.no_multi_model:
            yield model.wrong("multi_model", self.no_multi_model, "remove it")

    def steps_from_zero(self, scaling: Scaling) -> Sequence[StepScaling]:  # noqa: ARG002
        """Return the steps that bring a variant back from zero, if it can go to zero."""
        return ()

    @property
    def rollout(self) -> Rollout:
        """How the endpoint is updated."""
        return choose(self.update, self.movable())

    def places(self) -> Iterator[Place]:
        """Yield where the models run."""
        for index, variant in enumerate(self.variants):
            yield variant.place(f"variants.{index}")

    def movable(self) -> Movable:
        """Return what an update can move."""
        raise NotImplementedError

    def problems(self) -> Iterator[Problem]:
        """Yield repeated names of variants, and updates that do not work with the variants."""
        why = "another variant of the endpoint has this name"
        yield from self.repeated("variants", "name", why, "give each variant its own name")
        for problem in self.update.problems_with(self.movable()):
            yield problem.below("update")


class InstanceEndpoint(Endpoint):
    """What an endpoint has whose variants are instances."""

    variants: Annotated[Several[Variant], Cfn(f"{CONFIG}/ProductionVariants")]
    """The production variants.

    One, unless you compare models or instance types on real requests.
    """

    @property
    def instance_variants(self) -> dict[str, Variant]:
        """All variants with instances, also a shadow, by the keys of their tables."""
        return {f"variants.{index}": variant for index, variant in enumerate(self.variants)}

    def movable(self) -> Movable:
        """Return what an update can move, given the numbers and the types of the instances."""
        several = len(self.variants) > 1
        return Movable(
            fewest=min((variant.fewest for variant in self.variants), default=0),
            most=max((variant.most for variant in self.variants), default=0),
            no_steps=_INF1 if has_inf1(self.variants) else "",
            no_batches=_INF1
            if has_inf1(self.variants)
            else "ROLLING does not work with several variants"
            if several
            else "",
        )

    def problems(self) -> Iterator[Problem]:
        """Yield wrong numbers of variants, and settings that only work with components."""
        yield from super().problems()
        if not 1 <= len(self.variants) <= 10:
            why = "an endpoint has 1 to 10 production variants"
            fix = "write 1 to 10 [[endpoint.variants]] tables"
            yield Problem("variants", f"{len(self.variants)} tables", why, fix)
        if self.variants and not any(v.initial_variant_weight for v in self.variants):
            why = "all variants have weight 0, so none would receive requests"
            fix = "give at least one variant a weight above 0"
            yield Problem("variants.0.initial_variant_weight", 0, why, fix)
        for at, variant in self.instance_variants.items():
            if variant.managed_instance_scaling and not self.inference_components:
                yield self.wrong(
                    f"{at}.managed_instance_scaling",
                    "AWS: ManagedInstanceScaling is only supported for inference component "
                    "endpoints",
                    "remove it; without components, scaling changes the number of instances",
                )


_INF1 = "AWS updates Inf1 instances all at once and without a bake, whatever the policy"


def has_inf1(variants: Iterable[Variant]) -> bool:
    """Tell whether any of the variants may have Inf1 instances."""
    return any(
        name.startswith("ml.inf1.")
        for variant in variants
        for name in variant.instance_types.values()
    )


def zero_problems(at: str, scaling: Scaling, why: str, fix: str) -> Iterator[Problem]:
    """Yield counts of zero where scaling to zero does not work."""
    if not scaling.min_capacity:
        yield Problem(f"{at}.min_capacity", 0, why, fix)
    for index, action in enumerate(scaling.schedule):
        for key in ("min_capacity", "max_capacity"):
            if getattr(action, key) == 0:
                yield Problem(f"{at}.schedule.{index}.{key}", 0, why, fix)


def metric_problems(
    at: str, scaling: Scaling, named: Collection[str], whose: str
) -> Iterator[Problem]:
    """Yield SageMaker metrics that are not published for what is scaled."""
    for key in ("targets", "steps"):
        for index, policy in enumerate(getattr(scaling, key)):
            for where, name in own_metrics(policy.metric):
                if name not in named:
                    why = f"{whose} do not publish this metric, so the count would never change"
                    fix = f"choose one of {', '.join(sorted(named))}, or a metric of your own"
                    yield Problem(f"{at}.{key}.{index}.metric{where}", name, why, fix)
