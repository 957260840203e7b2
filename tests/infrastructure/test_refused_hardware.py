"""What a stage asks of instances that do not have it."""

from __future__ import annotations

import pytest

from tests.infrastructure.written import OWN_IMAGE, endpoint, stage
from tests.infrastructure.wrong import Change, Document, component, document, refused, variant

SCALED = document(scaling="InvocationsPerInstance")


def target(metric: str, value: float) -> Change:
    return lambda stage: stage["endpoint"]["variants"][0]["scaling"].update(
        targets=[{"metric": metric, "value": value}]
    )


REFUSED: dict[str, tuple[Document, Change, str]] = {
    "CPUUtilization above that of all cores": (
        SCALED,
        target("CPUUtilization", 400),
        (
            "targets.0.value is 400: with ml.m5.large, CPUUtilization is at most 200 and never "
            "exceeds this value; lower it, for example to 120 for 60 %"
        ),
    ),
    "MemoryUtilization above 100": (
        SCALED,
        target("MemoryUtilization", 100),
        "MemoryUtilization is at most 100",
    ),
    "GPUUtilization on a type without GPUs": (
        SCALED,
        target("GPUUtilization", 60),
        "targets.0.metric is GPUUtilization: ml.m5.large has no GPU",
    ),
    "drivers for GPUs on a type without GPUs": (
        document(),
        variant(inference_ami_version="al2-ami-sagemaker-inference-gpu-2"),
        "this image is for GPUs, and ml.m5.large has none",
    ),
    "a copy larger than an instance": (
        document("components"),
        component(min_memory_required_in_mb=9000),
        (
            "endpoint.components.0.min_memory_required_in_mb is 9000: no instance has "
            "more than 8192 (ml.m5.large)"
        ),
    ),
    "more cores than an instance has": (
        document("components"),
        component(number_of_cpu_cores_required=2.5),
        "no instance has more than 2 (ml.m5.large)",
    ),
    "a GPU for a copy on a type without GPUs": (
        document("components"),
        component(number_of_accelerator_devices_required=1),
        "no instance has more than 0 (ml.m5.large)",
    ),
}


@pytest.mark.parametrize(("given", "change", "said"), REFUSED.values(), ids=REFUSED)
def test_what_no_instance_has_is_refused_by_name(
    given: Document, change: Change, said: str
) -> None:
    refused(given, change, said)


def test_a_type_that_the_table_does_not_know_is_not_said_to_lack_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("catalogue.instance_types._known", lambda *_: None)
    scaling = (
        "[endpoint.variants.scaling]\nmin_capacity = 1\nmax_capacity = 2\n"
        'targets = [{ metric = "GPUUtilization", value = 60 }]\n'
    )
    assert stage(endpoint() + scaling, OWN_IMAGE).endpoint.name == "iris"
