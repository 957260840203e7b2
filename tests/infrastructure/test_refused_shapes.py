"""Variants, shadows, pipelines, components and models that AWS refuses, and its limits of numbers.

SageMaker Developer Guide, "Shadow tests", exclusions; API reference, ProductionVariant.
"""

from __future__ import annotations

import pytest

from tests.infrastructure.wrong import (
    Change,
    Document,
    document,
    endpoint,
    model,
    pool,
    refused,
    variant,
)

MANAGED = {"min_instance_count": 1, "max_instance_count": 4}

REFUSED: dict[str, tuple[Document, Change, str]] = {
    "a shadow of two variants": (
        document("shadow"),
        lambda stage: stage["endpoint"]["variants"].append(
            stage["endpoint"]["variants"][0] | {"name": "C"}
        ),
        "endpoint.shadow is B: a shadow needs exactly 1 production variant, and there are 2",
    ),
    "a shadow of a pipeline": (
        document("shadow"),
        lambda stage: (
            endpoint(pipeline=["A", "B"])(stage),
            stage["endpoint"]["variants"][0].pop("model"),
        ),
        "endpoint.pipeline is given: it does not work together with a shadow",
    ),
    "a shadow of Inf1": (
        {
            **document("shadow"),
            "models": {
                name: {"image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/a:1"}
                for name in ("A", "B")
            },
        },
        variant(instance_type="ml.inf1.xlarge"),
        "endpoint.shadow is B: AWS does not support shadow variants with Inf1 instances",
    ),
    "a scaled shadow": (
        document("shadow"),
        lambda stage: stage["endpoint"]["shadow"].update(
            scaling=document(scaling="InvocationsPerInstance")["endpoint"]["variants"][0]["scaling"]
        ),
        "endpoint.shadow.scaling is given: only the production variant scales",
    ),
    "a pipeline of one": (
        document("pipeline"),
        lambda stage: (stage["models"].pop("B"), endpoint(pipeline=["A"])(stage)),
        "endpoint.pipeline is A: a pipeline has 2 to 15 models",
    ),
    "components of a pipeline": (
        document("components"),
        endpoint(pipeline=["A", "B"]),
        "endpoint.pipeline is given: an inference component has only one container",
    ),
    "managed scaling without components": (
        document(),
        variant(managed_instance_scaling=MANAGED),
        (
            "endpoint.variants.0.managed_instance_scaling is given: AWS: ManagedInstanceScaling is "
            "only supported for inference component endpoints; remove it"
        ),
    ),
    "managed scaling, asynchronously": (
        document(mode="async"),
        variant(managed_instance_scaling=MANAGED),
        "endpoint.variants.0.managed_instance_scaling is given: AWS: ManagedInstanceScaling is",
    ),
    "a start outside of managed scaling": (
        document("components"),
        variant(managed_instance_scaling=MANAGED, initial_instance_count=5),
        (
            "endpoint.variants.0.initial_instance_count is 5: it is outside of "
            "managed_instance_scaling, 1 to 4"
        ),
    ),
    "instances of components scaled by a variant": (
        document("components"),
        variant(
            scaling={
                "min_capacity": 2,
                "max_capacity": 8,
                "targets": [{"metric": "InvocationsPerInstance", "value": 600}],
            }
        ),
        "endpoint.variants.0.scaling is given: only the copies of inference components scale",
    ),
    "many models in a component": (
        document("multi-model"),
        endpoint(components=[{"name": "A", "min_memory_required_in_mb": 1024}]),
        "model.multi_model is true: an inference component is one model",
    ),
    "two pools of one priority": (
        document(),
        lambda stage: (
            stage["endpoint"]["variants"][0].pop("instance_type"),
            variant(instance_pools=[pool("ml.m5.large", 1), pool("ml.m5.xlarge", 1)])(stage),
        ),
        "endpoint.variants.0.instance_pools.1.priority is 1: another pool has the same value; give",
    ),
    "six pools": (
        document(),
        variant(instance_pools=[pool("ml.m5.large", 1)] * 6),
        "write 5 at the most",
    ),
    "eleven variants": (
        document(),
        lambda stage: endpoint(
            variants=[stage["endpoint"]["variants"][0] | {"name": f"V{n}"} for n in range(11)]
        )(stage),
        "endpoint.variants is 11 tables: an endpoint has 1 to 10 production variants",
    ),
    "no weight at all": (
        document(),
        variant(initial_variant_weight=0),
        "variants.0.initial_variant_weight is 0: all variants have weight 0, so none would receive",
    ),
    "a volume that is too large": (
        document(),
        variant(volume_size_in_gb=513),
        "endpoint.variants.0.volume_size_in_gb is 513: it cannot be used",
    ),
    "a start-up of more than an hour": (
        document(),
        variant(model_data_download_timeout_in_seconds=3601),
        "endpoint.variants.0.model_data_download_timeout_in_seconds is 3601: it cannot be used",
    ),
    "a model that nothing serves": (
        document("several variants"),
        lambda stage: stage["models"].update(C=stage["models"]["A"]),
        (
            "models.C is given: no variant, pipeline or component serves this model; name it in "
            "one of them, or remove it"
        ),
    ),
    "a missing model": (
        document("several variants"),
        lambda stage: (
            variant(0, model="A")(stage),
            stage["endpoint"]["variants"].append(
                stage["endpoint"]["variants"][0] | {"name": "C", "model": "C"}
            ),
        ),
        "endpoint.variants.2.model is C: this model does not exist; write one of A, B",
    ),
    "models whose outputs have one name": (
        document("several variants"),
        lambda stage: (
            stage.update(models={"a-b": stage["models"]["A"], "AB": stage["models"]["B"]}),
            variant(0, model="a-b")(stage),
            variant(1, model="AB")(stage),
        ),
        "models.AB is given: its CloudFormation output would be named like that of a-b; give",
    ),
    "a folder of many models": (
        document("multi-model"),
        model(artifact="model_artifact/model"),
        "model.artifact is model_artifact/model: a multi-model container loads its archives from",
    ),
}


@pytest.mark.parametrize(("stage", "change", "said"), REFUSED.values(), ids=REFUSED)
def test_a_shape_that_does_not_work_is_refused_by_name(
    stage: Document, change: Change, said: str
) -> None:
    refused(stage, change, said)
