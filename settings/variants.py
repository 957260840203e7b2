"""The [[endpoint.variants]] tables of a stage: instances, or serverless concurrency."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from settings.errors import Problem
from settings.scaling import Scaling
from settings.table import Cfn, Settings, Several

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
    """Somewhere that a model's container runs."""

    key: str
    """The setting that names the model, such as "variants.0.model"."""
    model: str | None
    """Which of the [models.NAME], or None for the one [model]."""
    instance_types: Mapping[str, str]
    """The types that it may run on, by the settings that name them."""
    memory_in_mb: int | None = None
    """How much memory it has, if that is not all of the instance."""
    startup_seconds: int | None = None
    """How long it may take until its first answered health check, if that is said."""


class InstancePool(Settings):
    """One of the instance types that a variant may have, tried in the order of priorities."""

    cloudformation: ClassVar[str] = f"{_VARIANT}/InstancePools"

    instance_type: InstanceType
    """Such as "ml.g5.xlarge"."""
    priority: int = Field(ge=1, le=5)
    """Which is tried first: 1 before 2.

    1 for the type that you measured; the others should sustain no less, as all share one scaling.
    """


class ManagedInstanceScaling(Settings):
    """Between which bounds SageMaker keeps the instances that inference components need."""

    cloudformation: ClassVar[str] = f"{_VARIANT}/ManagedInstanceScaling"

    min_instance_count: int = Field(ge=0)
    """The fewest instances; 0 lets the endpoint go to zero when no component has a copy.

    1 or more where a first request cannot wait minutes for an instance.
    """
    max_instance_count: Count
    """The most instances: the bound of the bill."""
    scale_in_strategy: Annotated[
        Literal["IDLE_RELEASE", "CONSOLIDATION"] | None, Cfn("ScaleInPolicy/Strategy")
    ] = None
    """Whether only empty instances are released, or copies are moved together to empty some.

    CONSOLIDATION where instances are dear, such as those with GPUs.
    """

    def problems(self) -> Iterator[Problem]:
        """Yield bounds that exclude each other."""
        if self.min_instance_count > self.max_instance_count:
            yield Problem(
                "min_instance_count",
                self.min_instance_count,
                f"it is above max_instance_count, {self.max_instance_count}",
                f"lower it to {self.max_instance_count} or raise max_instance_count",
            )


class CapacityReservation(Settings):
    """Instances that were reserved beforehand."""

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
    """What AWS offers: instances of the reservation, or none."""


class Variant(Settings):
    """A production variant: instances of one type that serve a share of the endpoint's requests."""

    cloudformation: ClassVar[str] = _VARIANT

    name: Annotated[Name, Cfn("VariantName")] = "AllTraffic"
    """The variant's name; it must stay the same from one deployment to the next."""
    model: Annotated[str | None, Cfn("ModelName")] = None
    """Which of the [models.NAME] it serves; absent if there is one [model] only."""
    instance_type: InstanceType | None = None
    """Such as "ml.m5.large".

    Measure the model on one before you choose: memory that is short ends containers, CPU that is
    short is only slow. Burstable types (ml.t2) do not scale.
    """
    instance_pools: Several[InstancePool] = Field(default=(), max_length=5)
    """Instance types to choose from instead, for when one is out of capacity.

    For GPUs, which often are, or for updates and scaling that must not fail for want of instances.
    """
    variant_instance_provision_timeout_in_seconds: int | None = Field(default=None, ge=300, le=3600)
    """How long instances may be waited for when AWS has none to spare; AWS's default if absent.

    Lower it, so that the next of instance_pools is tried sooner.
    """
    initial_instance_count: Count
    """How many instances a first deployment starts with; a scaled variant keeps what it has then.

    2 or more survive the loss of an availability zone, and can be updated step by step.
    """
    initial_variant_weight: float = Field(default=1.0, ge=0, strict=False)
    """This variant's share of the requests, relative to the sum of all weights.

    0 for a variant that gets only the requests that name it.
    """
    volume_size_in_gb: int | None = Field(default=None, ge=1, le=512)
    """The size of an instance's volume; AWS's default if absent. Types with disks have none.

    Raise it if the image and the unpacked model do not fit.
    """
    model_data_download_timeout_in_seconds: StartupSeconds | None = None
    """How long an instance may take to download and extract the archive; AWS's hour if absent.

    Lower it, so that a deployment that cannot work fails soon.
    """
    container_startup_health_check_timeout_in_seconds: StartupSeconds | None = None
    """How long a container may take until its first answered health check; AWS's default if absent.

    Raise it for a model that takes long to load.
    """
    routing_strategy: Annotated[
        Literal["RANDOM", "LEAST_OUTSTANDING_REQUESTS", "PREFIX_AWARE"] | None,
        Cfn("RoutingConfig/RoutingStrategy"),
    ] = None
    """Which instance gets a request: any (AWS's default), or the one with the fewest to answer.

    LEAST_OUTSTANDING_REQUESTS if answers take unequally long; PREFIX_AWARE for language models that
    cache prompts.
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
    """The instances' own image, with its drivers, for a container that needs a newer CUDA.

    Absent for containers without a GPU, and for AWS's own images.
    """
    core_dump_s3_uri: Annotated[S3Uri | None, Cfn("CoreDumpConfig/DestinationS3Uri")] = None
    """Where a core dump of a crashed container goes, such as "s3://BUCKET/dumps/".

    While you look for the cause of a crash: a dump is as large as the memory, and holds requests.
    """
    enable_ssm_access: bool = False
    """Let AWS Systems Manager open a shell in the containers, for an operator to look around.

    In a stage for tests; a shell on production reads what customers send.
    """
    managed_instance_scaling: ManagedInstanceScaling | None = None
    """How many instances there are, of an endpoint with inference components.

    Wherever a component scales: the copies that are added need instances to run on.
    """
    capacity_reservation: Annotated[
        CapacityReservation | None, Cfn("CapacityReservationConfig")
    ] = None
    """A reservation that the instances come from.

    For capacity that must be there at a known time, such as GPUs of a training plan.
    """
    scaling: Annotated[Scaling | None, Cfn("")] = None
    """How the count follows the load; if absent it stays at initial_instance_count.

    For load that changes over the day. Without, an edited initial_instance_count is deployed.
    """

    @classmethod
    def elsewhere(cls, key: str) -> str:
        """Return the mode whose variants have a setting that these have not, or ""."""
        return "mode serverless" if key in ServerlessVariant.model_fields else ""

    @property
    def instance_types(self) -> dict[str, str]:
        """The instance types by the key that names each, in the order of their priorities."""
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
        """The smallest number of instances that there may be."""
        lowest = self.scaling.lowest if self.scaling else self.initial_instance_count
        return min(self.initial_instance_count, lowest)

    @property
    def most(self) -> int:
        """The largest number of instances that there may be."""
        highest = self.scaling.highest if self.scaling else self.initial_instance_count
        return max(self.initial_instance_count, highest)

    def problems(self) -> Iterator[Problem]:
        """Yield no type or two, a count outside its bounds, and types that AWS does not scale."""
        yield from self._type_problems()
        if self.scaling is None:
            return
        yield from bounds_problems(
            self.scaling,
            "initial_instance_count",
            self.initial_instance_count,
            f"the variant {self.name} starts with {self.initial_instance_count} instances",
        )
        for key, name in self.instance_types.items():
            if _BURSTABLE.match(name):
                yield Problem(
                    key,
                    name,
                    "SageMaker does not scale burstable instance types",
                    'choose another, such as "ml.m5.large", or remove scaling',
                )

    def _type_problems(self) -> Iterator[Problem]:
        if self.instance_type is None and not self.instance_pools:
            yield Problem(
                "instance_type", "missing", "it is required", 'write such as "ml.m5.large"'
            )
        if self.instance_type is not None and self.instance_pools:
            yield Problem(
                "instance_type",
                self.instance_type,
                "the types are already given by instance_pools",
                "keep one of the two",
            )
        for field in ("instance_type", "priority"):
            values = [getattr(pool, field) for pool in self.instance_pools]
            for index, value in enumerate(values):
                if value in values[:index]:
                    yield Problem(
                        f"instance_pools.{index}.{field}",
                        value,
                        "another pool has it",
                        "give each pool a type and a priority of its own",
                    )


class ServerlessVariant(Settings):
    """The one production variant of a serverless endpoint: memory and concurrency."""

    cloudformation: ClassVar[str] = f"{_VARIANT}/ServerlessConfig"

    name: Annotated[Name, Cfn("../VariantName")] = "AllTraffic"
    """The variant's name; it must stay the same from one deployment to the next."""
    model: Annotated[str | None, Cfn("../ModelName")] = None
    """Which of the [models.NAME] it serves; absent if there is one [model] only."""
    memory_size_in_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144]
    """How much memory a container has, and with it how much of a CPU.

    The model, its framework and a request together have to fit.
    """
    max_concurrency: int = Field(ge=1, le=200)
    """How many requests are answered at a time, at the most; others are refused.

    The account's sum is limited as well.
    """
    provisioned_concurrency: int | None = Field(default=None, ge=1, le=200)
    """How many containers are kept warm, and paid for; no request waits for a start then.

    As many as answer the usual load, where callers cannot bear the seconds that a start takes.
    """
    scaling: Annotated[Scaling | None, Cfn("")] = None
    """How the provisioned concurrency follows the load; if absent it stays.

    For a usual load that is another by day than by night.
    """

    @classmethod
    def elsewhere(cls, key: str) -> str:
        """Return the modes whose variants have a setting that this has not, or ""."""
        return "mode realtime or async" if key in Variant.model_fields else ""

    def place(self, at: str) -> Place:
        """Return where its model runs; at is the variant's own key."""
        types = {f"{at}.memory_size_in_mb": _ANY_CPU}
        return Place(f"{at}.model", self.model, types, self.memory_size_in_mb)

    def problems(self) -> Iterator[Problem]:
        """Yield a provisioned concurrency that is none, or outside its bounds."""
        provisioned = self.provisioned_concurrency
        if provisioned is not None and provisioned > self.max_concurrency:
            yield Problem(
                "provisioned_concurrency",
                provisioned,
                f"it is above max_concurrency, {self.max_concurrency}",
                f"lower it to {self.max_concurrency} or raise max_concurrency",
            )
        if self.scaling is None:
            return
        if provisioned is None:
            yield Problem(
                "scaling",
                "given",
                "what is scaled of a serverless endpoint is its provisioned concurrency, and it "
                "has none",
                "add provisioned_concurrency, or remove scaling: without, it scales by itself",
            )
            return
        yield from bounds_problems(
            self.scaling,
            "provisioned_concurrency",
            provisioned,
            f"the variant {self.name} starts with {provisioned}",
        )
        bounds = {"scaling.max_capacity": self.scaling.max_capacity} | {
            f"scaling.schedule.{index}.max_capacity": action.max_capacity or 0
            for index, action in enumerate(self.scaling.schedule)
        }
        for key, bound in bounds.items():
            if bound > self.max_concurrency:
                yield Problem(
                    key,
                    bound,
                    f"it is above max_concurrency, {self.max_concurrency}",
                    f"lower it to {self.max_concurrency} or raise max_concurrency",
                )


def bounds_problems(scaling: Scaling, key: str, initial: int, why: str) -> Iterator[Problem]:
    """Yield bounds of a scaling that the initial count, which has the key, is not within."""
    low, high = scaling.min_capacity, scaling.max_capacity
    if initial < low:
        yield Problem(
            "scaling.min_capacity",
            low,
            why,
            f"raise {key} to {low} or lower min_capacity",
        )
    if initial > high:
        yield Problem(
            "scaling.max_capacity",
            high,
            why,
            f"lower {key} to {high} or raise max_capacity",
        )
