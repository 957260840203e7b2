"""The [[endpoint.components]] tables of a stage: models that share the endpoint's instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from settings.scaling import Scaling, from_zero_copies
from settings.steps import StepScaling
from settings.table import Cfn, Problem, Settings
from settings.variants import Name, Place, StartupSeconds, bounds_problems

_COMPONENT = "AWS::SageMaker::InferenceComponent"


class InferenceComponent(Settings):
    """A model in a number of copies. Each copy has its share of an instance."""

    cloudformation: ClassVar[str] = f"{_COMPONENT}/Specification/ComputeResourceRequirements"
    scalable_dimension: ClassVar[str] = "sagemaker:inference-component:DesiredCopyCount"

    name: Annotated[Name, Cfn(f"{_COMPONENT}/InferenceComponentName")]
    """The component's name. Callers ask for it by this name, which is unique in the account."""
    model: Annotated[str | None, Cfn(f"{_COMPONENT}/Specification/ModelName")] = None
    """The [models.NAME] that it serves; absent if there is only one [model]."""
    variant: Annotated[str | None, Cfn(f"{_COMPONENT}/VariantName")] = None
    """The variant whose instances it shares; absent if there is only one variant."""
    copy_count: Annotated[int, Cfn(f"{_COMPONENT}/RuntimeConfig/CopyCount")] = Field(
        default=1, ge=0
    )
    """The number of copies; with scaling, the number at first.

    2 or more copies survive the loss of an instance and can be updated one after the other.
    """
    min_memory_required_in_mb: int = Field(ge=128)
    """The memory of an instance that a copy reserves.

    Measure what a copy takes under load. This number decides how many copies fit on an instance.
    """
    max_memory_required_in_mb: int | None = Field(default=None, ge=128)
    """The most memory that a copy may take, where the instance has more.

    For peaks: above it this container is ended, and no other container of the instance.
    """
    number_of_cpu_cores_required: float | None = Field(default=None, ge=0.25, strict=False)
    """The CPU cores that a copy reserves.

    Where copies of several models share instances, so that no model slows the others down.
    """
    number_of_accelerator_devices_required: int | None = Field(default=None, ge=1)
    """The GPUs or Inferentia devices that a copy reserves.

    Required for models on GPUs: without it, a copy has no GPU.
    """
    model_data_download_timeout_in_seconds: Annotated[
        StartupSeconds | None,
        Cfn(f"{_COMPONENT}/Specification/StartupParameters/ModelDataDownloadTimeoutInSeconds"),
    ] = None
    """The time to download and extract the archive; AWS's default if absent.

    Lower it, so that a deployment that cannot work fails early.
    """
    container_startup_health_check_timeout_in_seconds: Annotated[
        StartupSeconds | None,
        Cfn(
            f"{_COMPONENT}/Specification/StartupParameters/"
            "ContainerStartupHealthCheckTimeoutInSeconds"
        ),
    ] = None
    """The time until a copy answers its first health check; AWS's default if absent.

    Raise it for a model that takes long to load.
    """
    placement_strategy: Annotated[
        Literal["SPREAD", "BINPACK"] | None,
        Cfn(f"{_COMPONENT}/Specification/SchedulingConfig/PlacementStrategy"),
    ] = None
    """SPREAD distributes copies over the instances; BINPACK fills one instance after the other.

    SPREAD survives the loss of an instance better; BINPACK needs fewer instances.
    """
    enable_caching: Annotated[
        bool | None, Cfn(f"{_COMPONENT}/Specification/DataCacheConfig/EnableCaching")
    ] = None
    """Keep the model's files and the image on the instances, so that copies start sooner.

    For large models that scale often. The files take space on the volume of the instances.
    """
    scaling: Annotated[Scaling | None, Cfn("")] = None
    """How the number of copies follows the load. Without scaling it stays the same.

    The only way to zero copies and back. Requests fail then until the first copy has started.
    """

    def place(self, at: str, instance_types: Mapping[str, str]) -> Place:
        """Return where its model runs; at is the component's own key."""
        return Place(
            f"{at}.model",
            self.model,
            instance_types,
            self.max_memory_required_in_mb or self.min_memory_required_in_mb,
            self.container_startup_health_check_timeout_in_seconds,
        )

    @property
    def fewest(self) -> int:
        """The smallest possible number of copies."""
        return min(self.copy_count, self.scaling.lowest if self.scaling else self.copy_count)

    @property
    def most(self) -> int:
        """The largest possible number of copies."""
        return max(self.copy_count, self.scaling.highest if self.scaling else self.copy_count)

    @property
    def steps_from_zero(self) -> Sequence[StepScaling]:
        """The steps that bring the copies back from zero, if they can go to zero."""
        goes = self.scaling is not None and not self.scaling.lowest
        return (from_zero_copies(self.name),) if goes else ()

    def problems(self) -> Iterator[Problem]:
        """Yield memory bounds that contradict each other, and copies outside their bounds."""
        yield from self.above_bound("min_memory_required_in_mb", "max_memory_required_in_mb")
        if self.scaling:
            why = f"the component {self.name} starts with {self.copy_count} copies"
            yield from bounds_problems(self, "copy_count", why)
