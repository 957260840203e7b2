"""The [[endpoint.components]] tables of a stage: models that share the endpoint's instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from settings.errors import Problem
from settings.rules import above
from settings.scaling import Scaling, from_zero_copies
from settings.steps import StepScaling
from settings.table import Cfn, Settings
from settings.variants import Name, Place, StartupSeconds, bounds_problems

_COMPONENT = "AWS::SageMaker::InferenceComponent"


class InferenceComponent(Settings):
    """A model in some number of copies, each with its share of an instance."""

    cloudformation: ClassVar[str] = f"{_COMPONENT}/Specification/ComputeResourceRequirements"
    scalable_dimension: ClassVar[str] = "sagemaker:inference-component:DesiredCopyCount"

    name: Annotated[Name, Cfn(f"{_COMPONENT}/InferenceComponentName")]
    """The component's name, by which callers ask for it; no other of the account may have it."""
    model: Annotated[str | None, Cfn(f"{_COMPONENT}/Specification/ModelName")] = None
    """Which of the [models.NAME] it serves; absent if there is one [model] only."""
    variant: Annotated[str | None, Cfn(f"{_COMPONENT}/VariantName")] = None
    """Whose instances it shares; absent if there is one variant only."""
    copy_count: Annotated[int, Cfn(f"{_COMPONENT}/RuntimeConfig/CopyCount")] = Field(
        default=1, ge=0
    )
    """How many copies there are; where it is scaled, how many at first.

    2 or more survive the loss of an instance, and can be updated one after the other.
    """
    min_memory_required_in_mb: int = Field(ge=128)
    """How much memory of an instance a copy has for itself.

    What a copy takes under load, measured. How many fit onto an instance depends on it.
    """
    max_memory_required_in_mb: int | None = Field(default=None, ge=128)
    """How much it may take where there is more.

    For peaks: beyond it the container is ended, rather than the instance's others.
    """
    number_of_cpu_cores_required: float | None = Field(default=None, ge=0.25, strict=False)
    """How many cores a copy has for itself.

    Where copies of several models share instances, so that none slows the others down.
    """
    number_of_accelerator_devices_required: int | None = Field(default=None, ge=1)
    """How many GPUs or Inferentia devices a copy has for itself.

    Required of models on GPUs: without, a copy has none.
    """
    model_data_download_timeout_in_seconds: Annotated[
        StartupSeconds | None,
        Cfn(f"{_COMPONENT}/Specification/StartupParameters/ModelDataDownloadTimeoutInSeconds"),
    ] = None
    """How long a copy may take to download and extract the archive; AWS's default if absent.

    Lower it, so that a deployment that cannot work fails soon.
    """
    container_startup_health_check_timeout_in_seconds: Annotated[
        StartupSeconds | None,
        Cfn(
            f"{_COMPONENT}/Specification/StartupParameters/"
            "ContainerStartupHealthCheckTimeoutInSeconds"
        ),
    ] = None
    """How long a copy may take until its first answered health check; AWS's default if absent.

    Raise it for a model that takes long to load.
    """
    placement_strategy: Annotated[
        Literal["SPREAD", "BINPACK"] | None,
        Cfn(f"{_COMPONENT}/Specification/SchedulingConfig/PlacementStrategy"),
    ] = None
    """Whether copies are spread over the instances, or fill one after the other.

    SPREAD survives the loss of an instance better, BINPACK needs fewer.
    """
    enable_caching: Annotated[
        bool | None, Cfn(f"{_COMPONENT}/Specification/DataCacheConfig/EnableCaching")
    ] = None
    """Keep the model's files and the image on the instances, so that copies start sooner.

    For large models that scale often; the files take space on the instances' volume.
    """
    scaling: Annotated[Scaling | None, Cfn("")] = None
    """How the number of copies follows the load; if absent it stays.

    The only way to zero copies and back: a first request then fails until one has started.
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
        """The smallest number of copies that there may be."""
        return min(self.copy_count, self.scaling.lowest if self.scaling else self.copy_count)

    @property
    def most(self) -> int:
        """The largest number of copies that there may be."""
        return max(self.copy_count, self.scaling.highest if self.scaling else self.copy_count)

    @property
    def steps_from_zero(self) -> Sequence[StepScaling]:
        """What brings the copies back once they have gone, if they ever go."""
        goes = self.scaling is not None and not self.scaling.lowest
        return (from_zero_copies(self.name),) if goes else ()

    def problems(self) -> Iterator[Problem]:
        """Yield memory that is less at the most than at least, and copies outside their bounds."""
        yield from above(
            "min_memory_required_in_mb",
            self.min_memory_required_in_mb,
            "max_memory_required_in_mb",
            self.max_memory_required_in_mb,
        )
        if self.scaling:
            yield from bounds_problems(
                self.scaling,
                "copy_count",
                self.copy_count,
                f"the component {self.name} starts with {self.copy_count} copies",
            )
