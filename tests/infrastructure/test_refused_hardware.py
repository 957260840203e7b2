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
    "more CPU than there are cores": (
        SCALED,
        target("CPUUtilization", 400),
        (
            "targets.0.value is 400: CPUUtilization is 200 at the most with ml.m5.large, and would "
            "never exceed it; lower it, such as to 120 for 60 %"
        ),
    ),
    "more memory than there is": (
        SCALED,
        target("MemoryUtilization", 100),
        "MemoryUtilization is 100 at the most",
    ),
    "the load of GPUs that there are not": (
        SCALED,
        target("GPUUtilization", 60),
        "targets.0.metric is GPUUtilization: ml.m5.large has no GPU",
    ),
    "drivers of GPUs that there are not": (
        document(),
        variant(inference_ami_version="al2-ami-sagemaker-inference-gpu-2"),
        "it is for GPUs, and ml.m5.large has none",
    ),
    "a copy larger than an instance": (
        document("components"),
        component(min_memory_required_in_mb=9000),
        (
            "endpoint.components.0.min_memory_required_in_mb is 9000: no instance has it: "
            "ml.m5.large has 8192"
        ),
    ),
    "more cores than an instance has": (
        document("components"),
        component(number_of_cpu_cores_required=2.5),
        "no instance has it: ml.m5.large has 2",
    ),
    "a GPU of instances without": (
        document("components"),
        component(number_of_accelerator_devices_required=1),
        "no instance has it: ml.m5.large has 0",
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
