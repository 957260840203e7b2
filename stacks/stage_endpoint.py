"""The [endpoint] table of a stage: in which mode and shape the model is served.

Each mode is a class, and what of a variant, its scaling and its updates works in it is told here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Discriminator, Field, Tag, field_validator

from stacks.settings import Cfn, Settings, Several
from stacks.stage_components import InferenceComponent
from stacks.stage_errors import Problem, refuse
from stacks.stage_metrics import (
    BacklogMetric,
    ComponentMetric,
    ComponentUtilization,
    ConcurrencyMetric,
    Utilization,
    VariantMetric,
)
from stacks.stage_scaling import Scaling
from stacks.stage_update import Fleet, Rollout, Update, choose
from stacks.stage_update import problems as update_problems
from stacks.stage_variants import Name, Place, S3Uri, ServerlessVariant, Variant

_CONFIG = "AWS::SageMaker::EndpointConfig"
_ASYNC = f"{_CONFIG}/AsyncInferenceConfig"

TopicArn = Annotated[
    str,
    Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]*:[0-9]{12}:[a-zA-Z0-9_.-]+$", max_length=2048),
]


class Endpoint(Settings):
    """What an endpoint has in every mode."""

    cloudformation: ClassVar[str] = "AWS::SageMaker::Endpoint"

    name: Annotated[Name, Cfn("EndpointName")]
    """The endpoint's name, which callers hold; another name is another endpoint."""
    update: Annotated[Update, Cfn("DeploymentConfig")] = Update()
    """How an update replaces the instances."""

    variants: Sequence[Variant | ServerlessVariant]

    @field_validator("mode", mode="before", check_fields=False)
    @classmethod
    def _check_mode(cls, mode: object) -> object:
        if not (isinstance(mode, str) and mode in _MODES):
            fix = f"write one of {', '.join(_MODES)}"
            refuse([Problem("", repr(mode), "SageMaker has no such mode", fix)])
        return mode

    @property
    def instance_variants(self) -> list[Variant]:
        """All variants that have instances, a shadow too."""
        return [variant for variant in self.variants if isinstance(variant, Variant)]

    @property
    def rollout(self) -> Rollout:
        """How the endpoint is updated."""
        return choose(self.update, self.fleet())

    def places(self) -> Iterator[Place]:
        """Yield where the models run."""
        for index, variant in enumerate(self.variants):
            yield variant.place(f"variants.{index}")

    def fleet(self) -> Fleet:
        """Return what the endpoint's instances allow an update to do."""
        raise NotImplementedError

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with the variants together, and with updating them so."""
        yield from _variant_problems(self.variants)
        for problem in update_problems(self.update, self.fleet()):
            yield Problem(f"update.{problem.key}", problem.got, problem.why, problem.fix)


class InstanceEndpoint(Endpoint):
    """What an endpoint has whose variants are instances."""

    variants: Annotated[Several[Variant], Cfn(f"{_CONFIG}/ProductionVariants")]
    """The production variants."""

    def fleet(self) -> Fleet:
        """Return what updates the fewest instances of any variant, and their types, allow."""
        several = len(self.variants) > 1
        return Fleet(
            fewest=min((variant.fewest for variant in self.variants), default=0),
            no_steps=_INF1 if _has_inf1(self.variants) else "",
            no_batches=_INF1
            if _has_inf1(self.variants)
            else "AWS does not roll an endpoint with several variants"
            if several
            else "",
        )

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with the variants' numbers, and what components alone can have."""
        yield from super().problems()
        if not 1 <= len(self.variants) <= 10:
            yield Problem(
                "variants",
                f"{len(self.variants)} tables",
                "an endpoint has 1 to 10 production variants",
                "write that many [[endpoint.variants]] tables",
            )
        if self.variants and not any(v.initial_variant_weight for v in self.variants):
            yield Problem(
                "variants",
                "every initial_variant_weight is 0",
                "no variant would get a request",
                "give at least one variant a weight above 0",
            )


class RealtimeEndpoint(InstanceEndpoint):
    """An endpoint whose instances are always on and answer while the caller waits."""

    mode: Annotated[Literal["realtime"], Cfn("")] = "realtime"
    """realtime: instances answer at once; serverless: AWS starts containers when requests come;
    async: requests and answers lie in S3, and wait for instances."""
    shadow: Annotated[Variant | None, Cfn(f"{_CONFIG}/ShadowProductionVariants")] = None
    """A variant that gets a copy of the one production variant's requests, and whose answers
    nobody sees: to try a model on real load. Its weight, relative to the production variant's, is
    the share of the requests."""
    pipeline: Annotated[Several[str], Cfn("AWS::SageMaker::Model/Containers")] = Field(
        default=(), max_length=15
    )
    """Names of [models.NAME] that each request passes through, one after the other."""
    components: Annotated[
        Several[InferenceComponent], Cfn("AWS::SageMaker::InferenceComponent")
    ] = ()
    """Inference components: models that share the instances of the endpoint."""

    @property
    def instance_variants(self) -> list[Variant]:
        """All variants that have instances, a shadow too."""
        return [*self.variants, *([self.shadow] if self.shadow else [])]

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

    def fleet(self) -> Fleet:
        """Return what updates allow, of the components if there are any."""
        if self.components:
            return Fleet(
                fewest=None,
                no_steps="inference components are updated by rolling alone",
                default="ROLLING",
                why="inference components are updated by rolling alone",
                unit="copies",
            )
        instances = super().fleet()
        if not self.shadow:
            return instances
        return Fleet(
            fewest=instances.fewest,
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
                yield from _zero_problems(
                    at,
                    variant.scaling,
                    "the instances of a real-time variant do not scale to zero",
                    "raise it to 1, or serve in mode async or by inference components",
                )
                yield from _metric_problems(at, variant.scaling, named, "real-time variants")

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
        if _has_inf1(self.instance_variants):
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
        for index, name in enumerate(self.pipeline):
            if name in self.pipeline[:index]:
                yield Problem(
                    f"pipeline.{index}",
                    name,
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
        for index, variant in enumerate(self.instance_variants):
            at = "shadow" if index == len(self.variants) else f"variants.{index}"
            if variant.managed_instance_scaling and not self.components:
                yield Problem(
                    f"{at}.managed_instance_scaling",
                    "given",
                    "AWS: ManagedInstanceScaling is only supported for inference component "
                    "endpoints",
                    "remove it; scaling changes the number of instances here",
                )
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
        seen: set[str] = set()
        for index, component in enumerate(self.components):
            at = f"components.{index}"
            if component.name in seen:
                yield Problem(
                    f"{at}.name",
                    component.name,
                    "another component has this name",
                    "give each component a name of its own",
                )
            seen.add(component.name)
            if component.variant is None and len(names) > 1:
                yield Problem(
                    f"{at}.variant",
                    "missing",
                    "there are several variants",
                    f"write one of {', '.join(names)}",
                )
            if component.variant is not None and component.variant not in names:
                yield Problem(
                    f"{at}.variant",
                    component.variant,
                    "there is no such variant",
                    f"write one of {', '.join(names)}",
                )
            if component.scaling:
                yield from _metric_problems(
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


class ServerlessEndpoint(Endpoint):
    """An endpoint without instances of its own: AWS starts containers as requests come."""

    mode: Annotated[Literal["serverless"], Cfn("")]
    """Containers start when requests come, and none is paid for without one."""
    variants: Annotated[Several[ServerlessVariant], Cfn(f"{_CONFIG}/ProductionVariants")]
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
                yield from _zero_problems(
                    at,
                    variant.scaling,
                    "provisioned concurrency does not scale to zero",
                    "raise it to 1, or leave provisioned_concurrency out to keep none warm",
                )
                named = get_args(ConcurrencyMetric)
                yield from _metric_problems(at, variant.scaling, named, "serverless variants")


class Notifications(Settings):
    """Amazon SNS topics that hear of each answer of an asynchronous endpoint."""

    cloudformation: ClassVar[str] = f"{_ASYNC}/OutputConfig/NotificationConfig"

    success_topic: TopicArn | None = None
    """The topic that hears of answers: its ARN."""
    error_topic: TopicArn | None = None
    """The topic that hears of failures: its ARN."""
    include_inference_response_in: Several[
        Literal["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"]
    ] = ()
    """Which notifications bring the answer along, if it is of 128 KB at the most."""


class AsyncEndpoint(InstanceEndpoint):
    """An endpoint with a queue: requests and answers lie in Amazon S3."""

    mode: Annotated[Literal["async"], Cfn("")]
    """Requests wait in a queue, may be large and take long, and instances may go to zero."""
    s3_input_path: Annotated[S3Uri | None, Cfn("")] = None
    """Where callers put requests, such as "s3://BUCKET/requests/", which the endpoint may read.

    A bucket that is made for the endpoint if absent.
    """
    s3_output_path: Annotated[S3Uri | None, Cfn(f"{_ASYNC}/OutputConfig/S3OutputPath")] = None
    """Where answers go; "answers/" of the bucket that is made for the endpoint if absent."""
    s3_failure_path: Annotated[S3Uri | None, Cfn(f"{_ASYNC}/OutputConfig/S3FailurePath")] = None
    """Where failures go; "failures/" of the bucket that is made for the endpoint if absent."""
    max_concurrent_invocations_per_instance: Annotated[
        int | None, Cfn(f"{_ASYNC}/ClientConfig/MaxConcurrentInvocationsPerInstance")
    ] = Field(default=None, ge=1, le=1000)
    """How many requests an instance is sent at a time; AWS chooses if absent.

    1 for a model that takes all of an instance.
    """
    notifications: Annotated[Notifications, Cfn(f"{_ASYNC}/OutputConfig/NotificationConfig")] = (
        Notifications()
    )
    """Who hears of each answer."""

    def problems(self) -> Iterator[Problem]:
        """Yield metrics that asynchronous endpoints do not publish, and a way to zero alone."""
        yield from super().problems()
        named = {*get_args(BacklogMetric), *get_args(Utilization)}
        for index, variant in enumerate(self.variants):
            at = f"variants.{index}"
            if variant.managed_instance_scaling:
                yield Problem(
                    f"{at}.managed_instance_scaling",
                    "given",
                    "AWS: ManagedInstanceScaling is only supported for inference component "
                    "endpoints",
                    "remove it; scaling changes the number of instances here",
                )
            if not variant.scaling:
                continue
            yield from _metric_problems(
                f"{at}.scaling", variant.scaling, named, "asynchronous endpoints"
            )
            tracked = [target.metric for target in variant.scaling.targets]
            if not variant.scaling.lowest and "ApproximateBacklogSizePerInstance" not in tracked:
                yield Problem(
                    f"{at}.scaling.min_capacity",
                    variant.scaling.lowest,
                    "only the backlog tells that no instance is needed",
                    "add a target for ApproximateBacklogSizePerInstance, or raise it to 1",
                )


def _variant_problems(variants: Sequence[Variant | ServerlessVariant]) -> Iterator[Problem]:
    names = [variant.name for variant in variants]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(
                f"variants.{index}.name",
                name,
                "another variant of the endpoint has this name",
                "give each variant a name of its own",
            )


_INF1 = "AWS moves Inf1 instances all at once, without baking, whatever policy is given"


def _has_inf1(variants: Sequence[Variant]) -> bool:
    return any(
        name.startswith("ml.inf1.")
        for variant in variants
        for name in variant.instance_types.values()
    )


def _zero_problems(at: str, scaling: Scaling, why: str, fix: str) -> Iterator[Problem]:
    if not scaling.min_capacity:
        yield Problem(f"{at}.min_capacity", 0, why, fix)
    for index, action in enumerate(scaling.schedule):
        for key in ("min_capacity", "max_capacity"):
            if getattr(action, key) == 0:
                yield Problem(f"{at}.schedule.{index}.{key}", 0, why, fix)


def _metric_problems(
    at: str, scaling: Scaling, named: Collection[str], whose: str
) -> Iterator[Problem]:
    """Yield metrics of SageMaker's that are not published where the scaling is."""
    for key in ("targets", "steps"):
        for index, policy in enumerate(getattr(scaling, key)):
            if isinstance(policy.metric, str) and policy.metric not in named:
                yield Problem(
                    f"{at}.{key}.{index}.metric",
                    policy.metric,
                    f"there is no such metric of {whose}, so nothing would ever scale",
                    f"choose one of {', '.join(sorted(named))}, or a metric of your own",
                )


_MODES: dict[str, type[Endpoint]] = {
    "realtime": RealtimeEndpoint,
    "serverless": ServerlessEndpoint,
    "async": AsyncEndpoint,
}


def _kind_of_endpoint(value: Any) -> str:
    """Name what an [endpoint] table is to be read as, by its mode."""
    if isinstance(value, Endpoint):
        return type(value).__name__
    mode = value.get("mode") if isinstance(value, dict) else None
    return _MODES.get(mode if isinstance(mode, str) else "", RealtimeEndpoint).__name__


AnyEndpoint = Annotated[
    Annotated[RealtimeEndpoint, Tag("RealtimeEndpoint")]
    | Annotated[ServerlessEndpoint, Tag("ServerlessEndpoint")]
    | Annotated[AsyncEndpoint, Tag("AsyncEndpoint")],
    Discriminator(_kind_of_endpoint),
]
