"""What a stage asks of its instance types and they do not have: memory, cores, accelerators.

Nothing is said about a type that the table does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from catalogue.instance_types import accelerators, cpu_cores, memory_bytes
from settings.components import InferenceComponent
from settings.endpoint import Endpoint
from settings.scaling import Scaling
from settings.table import Problem
from settings.variants import Variant


def hardware_problems(endpoint: Endpoint) -> Iterator[Problem]:
    """Yield settings that no instance of an endpoint can satisfy."""
    for at, variant in endpoint.instance_variants.items():
        yield from _variant_problems(f"endpoint.{at}", variant)
    for index, component in enumerate(endpoint.inference_components):
        types = {
            name
            for variant in endpoint.instance_variants.values()
            if component.variant in (None, variant.name)
            for name in variant.instance_types.values()
        }
        yield from _component_problems(f"endpoint.components.{index}", component, types)


def _variant_problems(at: str, variant: Variant) -> Iterator[Problem]:
    types = variant.instance_types.values()
    for name in types:
        if "gpu" in (variant.inference_ami_version or "") and accelerators(name) == 0:
            yield Problem(
                f"{at}.inference_ami_version",
                variant.inference_ami_version,
                f"this image is for GPUs, and {name} has none",
                "remove it, or choose an instance type with GPUs",
            )
    if variant.scaling:
        yield from _target_problems(f"{at}.scaling", variant.scaling, types)


def _target_problems(at: str, scaling: Scaling, types: Iterable[str]) -> Iterator[Problem]:
    """Yield targets that a metric never exceeds: a utilization is a sum over cores or GPUs."""
    for index, target in enumerate(scaling.targets):
        count = _UNITS.get(target.metric) if isinstance(target.metric, str) else None
        units = _most(count, types) if count else None
        if units is None:
            continue
        key = f"{at}.targets.{index}"
        if not units:
            yield Problem(
                f"{key}.metric",
                target.metric,
                f"{' and '.join(types)} has no GPU, so the count would never change",
                "choose another metric, or an instance type with GPUs",
            )
        elif target.value >= 100 * units:
            yield Problem(
                f"{key}.value",
                f"{target.value:g}",
                f"with {' and '.join(types)}, {target.metric} is at most {100 * units:g} and never "
                "exceeds this value",
                f"lower it, for example to {60 * units:g} for 60 %",
            )


def _component_problems(
    at: str, component: InferenceComponent, types: Iterable[str]
) -> Iterator[Problem]:
    """Yield resources of a copy that are more than any of the instances has."""
    for key, has in _NEEDS.items():
        needed, most = getattr(component, key), _most(has, types)
        if needed is not None and most is not None and needed > most:
            yield Problem(
                f"{at}.{key}",
                needed,
                f"no instance has more than {most} ({', '.join(sorted(types))})",
                "lower it, or choose a larger instance type",
            )


def _most(has: Callable[[str], int | None], types: Iterable[str]) -> int | None:
    """Return the most that any of the types has, or None if one type is not known."""
    counts = [has(name) for name in types]
    known = [count for count in counts if count is not None]
    return max(known) if known and len(known) == len(counts) else None


def _mebibytes(instance_type: str) -> int | None:
    size = memory_bytes(instance_type)
    return None if size is None else size // 1024**2


def _one(_: str) -> int:
    return 1


# SageMaker Developer Guide, "Amazon SageMaker AI metrics in Amazon CloudWatch": 100 % of each.
_UNITS: dict[str, Callable[[str], int | None]] = {
    "CPUUtilization": cpu_cores,
    "GPUUtilization": accelerators,
    "GPUMemoryUtilization": accelerators,
    "MemoryUtilization": _one,
    "DiskUtilization": _one,
}
_NEEDS: dict[str, Callable[[str], int | None]] = {
    "min_memory_required_in_mb": _mebibytes,
    "number_of_cpu_cores_required": cpu_cores,
    "number_of_accelerator_devices_required": accelerators,
}
