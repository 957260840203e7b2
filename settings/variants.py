"""The [[endpoint.variants]] tables of a stage: instances, or serverless concurrency."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from settings.scaling import Scaling
from settings.table import Cfn, Problem, Settings, Several

# A name of an endpoint or a variant (SageMaker API reference, EndpointName and VariantName).
Name = Annotated[
    str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", max_length=63, examples=["my-iris-2"])
]
InstanceType = Annotated[
    str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$", examples=["ml.m5.large"])
]
Count = Annotated[int, Field(ge=1)]
StartupSeconds = Annotated[int, Field(ge=60, le=3600)]
S3Uri = Annotated[
    str,
    Field(
        pattern=r"^s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/[^*?$]*)?$",
        max_length=512,
        examples=["s3://my-bucket/folder/"],
    ),
]

# What the image of a container without an instance type is chosen for.
_ANY_CPU = "ml.m5.large"
_BURSTABLE = re.compile(r"ml\.t\d")
_VARIANT = "AWS::SageMaker::EndpointConfig/ProductionVariants"


@dataclass(frozen=True)
class Place:
    """A place where a model's container runs."""

    key: str
    """The setting that names the model, such as "variants.0.model"."""
    model: str | None
    """Which of the [models.NAME], or None for the one [model]."""
    instance_types: Mapping[str, str]
    """The instance types of the container, by the settings that name them."""
    memory_in_mb: int | None = None
    """The memory of the container, if it is not all of the instance's."""
    startup_seconds: int | None = None
    """The time until the first answered health check, if the stage says so."""


class InstancePool(Settings):
    """One of the instance types that a variant may have, tried in order of priority."""

    cloudformation: ClassVar[str] = f"{_VARIANT}/InstancePools"

    instance_type: InstanceType
    """Such as "ml.g5.xlarge"."""
    priority: int = Field(ge=1, le=5)
    """The order in which types are tried: 1 before 2.

    1 for the type that you measured. The others should sustain no less: all share one scaling.
    """


class ManagedInstanceScaling(Settings):
    """The bounds for the instances that SageMaker starts for inference components."""

    cloudformation: ClassVar[str] = f"{_VARIANT}/ManagedInstanceScaling"

    min_instance_count: int = Field(ge=0)
    """The smallest number of instances. With 0 the endpoint goes to zero when no component has a
    copy.

    1 or more where a first request cannot wait minutes for an instance.
    """
    max_instance_count: Count
    """The largest number of instances: it bounds the bill."""
    scale_in_strategy: Annotated[
        Literal["IDLE_RELEASE", "CONSOLIDATION"] | None, Cfn("ScaleInPolicy/Strategy")
    ] = None
    """IDLE_RELEASE releases empty instances only; CONSOLIDATION moves copies together first.

    CONSOLIDATION where instances are expensive, such as those with GPUs.
    """

    def problems(self) -> Iterator[Problem]:
        """Yield bounds that contradict each other."""
        yield from self.above_bound("min_instance_count", "max_instance_count")


class CapacityReservation(Settings):
    """Instances that were reserved in advance."""

    cloudformation: ClassVar[str] = f"{_VARIANT}/CapacityReservationConfig"

    ml_reservation_arn: str = Field(
        pattern=r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:[a-z0-9-]{1,14}/.*$",
        max_length=258,
        examples=["arn:aws:sagemaker:eu-central-1:111122223333:training-plan/my-plan"],
    )
    """The ARN of the reservation."""
    capacity_reservation_preference: Literal["capacity-reservations-only"] = (
        "capacity-reservations-only"
    )
    """The only choice that AWS offers: instances of the reservation, or none."""


class Variant(Settings):
    """A production variant: instances of one type that serve a share of the endpoint's requests."""

    cloudformation: ClassVar[str] = _VARIANT
    scalable_dimension: ClassVar[str] = "sagemaker:variant:DesiredInstanceCount"

    name: Annotated[Name, Cfn("VariantName")] = "AllTraffic"
    """The variant's name. It must stay the same from one deployment to the next."""
    model: Annotated[str | None, Cfn("ModelName")] = None
    """The [models.NAME] that it serves; absent if there is only one [model]."""
    instance_type: InstanceType | None = None
    """Such as "ml.m5.large".

    Measure the model on one before you choose: too little memory ends containers, too little CPU is
    only slow. Burstable types (ml.t2) do not scale.
    """
    instance_pools: Several[InstancePool] = Field(default=(), max_length=5)
    """Several instance types instead of one, for when AWS has no capacity for the first.

    For GPUs, and for updates and scaling that must not fail because no instance is available.
    """
    variant_instance_provision_timeout_in_seconds: int | None = Field(default=None, ge=300, le=3600)
    """How long to wait for instances when AWS has none available; AWS's default if absent.

    Lower it to try the next of instance_pools sooner.
    """
    initial_instance_count: Count
    """The number of instances of the first deployment. A scaled variant keeps its current number.

    2 or more instances survive the loss of an availability zone and can be updated step by step.
    """
    initial_variant_weight: float = Field(default=1.0, ge=0, strict=False)
    """This variant's share of the requests, relative to the sum of all weights.

    0 for a variant that only gets requests that name it.
    """
    volume_size_in_gb: int | None = Field(default=None, ge=1, le=512)
    """The size of an instance's volume; AWS's default if absent. Not for types with disks.

    Raise it if the image and the unpacked model do not fit on the volume.
    """
    model_data_download_timeout_in_seconds: StartupSeconds | None = None
    """The time to download and extract the archive; one hour if absent.

    Lower it, so that a deployment that cannot work fails early.
    """
    container_startup_health_check_timeout_in_seconds: StartupSeconds | None = None
    """The time until a container answers its first health check; AWS's default if absent.

    Raise it for a model that takes long to load.
    """
    routing_strategy: Annotated[
        Literal["RANDOM", "LEAST_OUTSTANDING_REQUESTS", "PREFIX_AWARE"] | None,
        Cfn("RoutingConfig/RoutingStrategy"),
    ] = None
    """Which instance gets a request: any (AWS's default), or the one with the fewest open requests.

    LEAST_OUTSTANDING_REQUESTS if some answers take much longer than others; PREFIX_AWARE for
    language models that cache prompts.
    """
    inference_ami_version: (
        Literal[
            "al2-ami-sagemaker-inference-gpu-2",
            "al2-ami-sagemaker-inference-gpu-2-1",
            "al2-ami-sagemaker-inference-gpu-3-1",
            "al2-ami-sagemaker-inference-neuron-2",
            "al2023-ami-sagemaker-inference-gpu-4-1",
        ]
        | None
    ) = None
    """The machine image of the instances, with its drivers, for a container that needs newer CUDA.

    Leave it out for containers without a GPU, and for images from AWS.
    """
    core_dump_s3_uri: Annotated[S3Uri | None, Cfn("CoreDumpConfig/DestinationS3Uri")] = None
    """Where the core dump of a crashed container goes, such as "s3://BUCKET/dumps/".

    While you look for the cause of a crash: a dump is as large as the memory and contains requests.
    """
    enable_ssm_access: bool = False
    """Let an operator open a shell in the containers, by AWS Systems Manager.

    For test stages: a shell in production can read what customers send.
    """
    managed_instance_scaling: ManagedInstanceScaling | None = None
    """The number of instances of an endpoint with inference components.

    Wherever a component scales: added copies need instances to run on.
    """
    capacity_reservation: Annotated[
        CapacityReservation | None, Cfn("CapacityReservationConfig")
    ] = None
    """A reservation that provides the instances.

    For capacity that must be available at a known time, such as GPUs of a training plan.
    """
    scaling: Annotated[Scaling | None, Cfn("")] = None
    """How the count follows the load. Without scaling the count is initial_instance_count, and an
    edited number is deployed.

    For load that changes over the day.
    """

    @property
    def instance_types(self) -> dict[str, str]:
        """The instance types in order of priority, by the key that names each."""
        if self.instance_type is not None:
            return {"instance_type": self.instance_type}
        pools = sorted(enumerate(self.instance_pools), key=lambda each: each[1].priority)
        return {f"instance_pools.{at}.instance_type": pool.instance_type for at, pool in pools}

    def place(self, at: str) -> Place:
        """Return where its model runs; at is the variant's own key."""
        return Place(
            f"{at}.model",
            self.model,
            {f"{at}.{key}": name for key, name in self.instance_types.items()},
            startup_seconds=self.container_startup_health_check_timeout_in_seconds,
        )

    @property
    def fewest(self) -> int:
        """The smallest possible number of instances."""
        lowest = self.scaling.lowest if self.scaling else self.initial_instance_count
        return min(self.initial_instance_count, lowest)

    @property
    def most(self) -> int:
        """The largest possible number of instances."""
        highest = self.scaling.highest if self.scaling else self.initial_instance_count
        return max(self.initial_instance_count, highest)

    def problems(self) -> Iterator[Problem]:
        """Yield a missing or repeated type, a count out of bounds, and types that do not scale."""
        yield from self._type_problems()
        if self.scaling is None:
            return
        why = f"the variant {self.name} starts with {self.initial_instance_count} instances"
        yield from bounds_problems(self, "initial_instance_count", why)
        for key, name in self.instance_types.items():
            if _BURSTABLE.match(name):
                why = "SageMaker does not scale burstable instance types"
                fix = 'choose another type, such as "ml.m5.large", or remove scaling'
                yield self.wrong(key, why, fix)

    def _type_problems(self) -> Iterator[Problem]:
        if self.instance_type is None and not self.instance_pools:
            fix = 'write one, such as "ml.m5.large"'
            yield self.wrong("instance_type", "it is required", fix)
        if self.instance_type is not None and self.instance_pools:
            why = "instance_pools already gives the types"
            yield self.wrong("instance_type", why, "keep one of the two")
        for field in ("instance_type", "priority"):
            why = "another pool has the same value"
            fix = "give each pool its own type and its own priority"
            yield from self.repeated("instance_pools", field, why, fix)


class ServerlessVariant(Settings):
    """The one production variant of a serverless endpoint: memory and concurrency."""

    cloudformation: ClassVar[str] = f"{_VARIANT}/ServerlessConfig"
    scalable_dimension: ClassVar[str] = "sagemaker:variant:DesiredProvisionedConcurrency"
    initial_variant_weight: ClassVar[float] = 1
    """The one variant gets all requests."""

    name: Annotated[Name, Cfn("../VariantName")] = "AllTraffic"
    """The variant's name. It must stay the same from one deployment to the next."""
    model: Annotated[str | None, Cfn("../ModelName")] = None
    """The [models.NAME] that it serves; absent if there is only one [model]."""
    memory_size_in_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144]
    """The memory of a container. More memory also means more CPU.

    The model, its framework and a request must fit together.
    """
    max_concurrency: int = Field(ge=1, le=200)
    """The largest number of requests at a time; more are refused.

    The sum over all endpoints of the account is limited too.
    """
    provisioned_concurrency: int | None = Field(default=None, ge=1, le=200)
    """The number of containers that are kept warm, and paid for. Requests to them need not wait.

    Enough for the usual load, where callers cannot wait the seconds of a start.
    """
    scaling: Annotated[Scaling | None, Cfn("")] = None
    """How the provisioned concurrency follows the load. Without scaling it stays the same.

    For a load that differs between day and night.
    """

    def place(self, at: str) -> Place:
        """Return where its model runs; at is the variant's own key."""
        types = {f"{at}.memory_size_in_mb": _ANY_CPU}
        return Place(f"{at}.model", self.model, types, self.memory_size_in_mb)

    def problems(self) -> Iterator[Problem]:
        """Yield a provisioned concurrency that is missing or outside its bounds."""
        provisioned = self.provisioned_concurrency
        yield from self.above_bound("provisioned_concurrency", "max_concurrency")
        if self.scaling is None:
            return
        if provisioned is None:
            why = "scaling changes provisioned_concurrency, which is not set"
            fix = (
                "add provisioned_concurrency, or remove scaling (serverless endpoints scale on "
                "demand without it)"
            )
            yield self.wrong("scaling", why, fix)
            return
        why = f"the variant {self.name} starts with {provisioned}"
        yield from bounds_problems(self, "provisioned_concurrency", why)
        yield from self.above_bound("scaling.max_capacity", "max_concurrency")
        for index in range(len(self.scaling.schedule)):
            yield from self.above_bound(f"scaling.schedule.{index}.max_capacity", "max_concurrency")


def bounds_problems(scaled: Settings, key: str, why: str) -> Iterator[Problem]:
    """Yield bounds of a table's scaling that exclude its initial count, the setting at key."""
    initial, scaling = scaled.at(key), scaled.at("scaling")
    if initial < scaling.min_capacity:
        fix = f"raise {key} to {scaling.min_capacity} or lower min_capacity"
        yield scaled.wrong("scaling.min_capacity", why, fix)
    if initial > scaling.max_capacity:
        fix = f"lower {key} to {scaling.max_capacity} or raise max_capacity"
        yield scaled.wrong("scaling.max_capacity", why, fix)
