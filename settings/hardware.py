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
        for problem in _variant_problems(variant):
            yield problem.below(at)
    for index, component in enumerate(endpoint.inference_components):
        types = {
            name
            for variant in endpoint.instance_variants.values()
            if component.variant in (None, variant.name)
            for name in variant.instance_types.values()
        }
        for problem in _component_problems(component, types):
            yield problem.below(f"components.{index}")


def _variant_problems(variant: Variant) -> Iterator[Problem]:
    types = variant.instance_types.values()
    for name in types:
        if "gpu" in (variant.inference_ami_version or "") and accelerators(name) == 0:
            why = f"this image is for GPUs, and {name} has none"
            fix = "remove it, or choose an instance type with GPUs"
            yield variant.wrong("inference_ami_version", why, fix)
    if variant.scaling:
        for problem in _target_problems(variant.scaling, types):
            yield problem.below("scaling")


def _target_problems(scaling: Scaling, types: Iterable[str]) -> Iterator[Problem]:
    """Yield targets that a metric never exceeds: a utilization is a sum over cores or GPUs."""
    for index, target in enumerate(scaling.targets):
        count = _UNITS.get(target.metric) if isinstance(target.metric, str) else None
        units = _most(count, types) if count else None
        if units is None:
            continue
        key = f"targets.{index}"
        if not units:
            why = f"{' and '.join(types)} has no GPU, so the count would never change"
            fix = "choose another metric, or an instance type with GPUs"
            yield scaling.wrong(f"{key}.metric", why, fix)
        elif target.value >= 100 * units:
            why = (
                f"with {' and '.join(types)}, {target.metric} is at most {100 * units:g} and never "
                "exceeds this value"
            )
            fix = f"lower it, for example to {60 * units:g} for 60 %"
            yield Problem(f"{key}.value", f"{target.value:g}", why, fix)


def _component_problems(component: InferenceComponent, types: Iterable[str]) -> Iterator[Problem]:
    """Yield resources of a copy that are more than any of the instances has."""
    for key, has in _NEEDS.items():
        needed, most = getattr(component, key), _most(has, types)
        if needed is not None and most is not None and needed > most:
            why = f"no instance has more than {most} ({', '.join(sorted(types))})"
            yield component.wrong(key, why, "lower it, or choose a larger instance type")


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
