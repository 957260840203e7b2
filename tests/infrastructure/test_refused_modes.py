"""Settings that AWS does not have in a mode.

SageMaker Developer Guide, "Deploy models with Amazon SageMaker Serverless Inference", feature
exclusions, and "Asynchronous inference".
"""

from __future__ import annotations

import pytest

from tests.infrastructure.wrong import (
    Change,
    Document,
    document,
    endpoint,
    model,
    refused,
    scaling,
    variant,
)

REFUSED: dict[str, tuple[Document, Change, str]] = {
    "an unknown mode": (
        document(),
        endpoint(mode="batch"),
        (
            "endpoint.mode is 'batch': SageMaker does not have this mode; write one of realtime,"
            " serverless, async"
        ),
    ),
    "serverless with two variants": (
        document("several variants", mode="serverless"),
        variant(),
        "endpoint.variants is 2 tables: a serverless endpoint has exactly 1 production variant",
    ),
    "serverless with a shadow": (
        document("shadow", mode="serverless"),
        variant(),
        "endpoint.shadow is given: it is a setting of mode realtime alone; remove it",
    ),
    "serverless pipeline": (
        document("pipeline", mode="serverless"),
        variant(),
        "endpoint.pipeline is given: it is a setting of mode realtime alone; remove it",
    ),
    "serverless components": (
        document("components", mode="serverless"),
        variant(),
        "endpoint.components is given: it is a setting of mode realtime alone; remove it",
    ),
    "a shadow of an asynchronous endpoint": (
        document("shadow", mode="async"),
        variant(),
        "endpoint.shadow is given: it is a setting of mode realtime alone; remove it",
    ),
    "answers in S3, in real time": (
        document(),
        endpoint(s3_output_path="s3://bucket/answers/"),
        "endpoint.s3_output_path is given: it is a setting of mode async alone; remove it",
    ),
    "serverless with many models": (
        document("multi-model", mode="serverless"),
        variant(),
        (
            "model.multi_model is true: AWS does not support serverless multi-model endpoints; "
            "remove it"
        ),
    ),
    "serverless without a network": (
        document(mode="serverless"),
        model(network_isolation=True),
        (
            "model.network_isolation is true: AWS does not support network isolation for "
            "serverless endpoints"
        ),
    ),
    "serverless with files below a prefix": (
        document(mode="serverless"),
        model(artifact="s3://bucket/prefix/"),
        "model.artifact is s3://bucket/prefix/: a serverless endpoint takes an archive",
    ),
    "more provisioned concurrency than max_concurrency": (
        document(mode="serverless"),
        variant(provisioned_concurrency=21),
        (
            "endpoint.variants.0.provisioned_concurrency is 21: it is above max_concurrency, "
            "which is 20; lower"
        ),
    ),
    "scaling above max_concurrency": (
        document(mode="serverless", scaling="ProvisionedConcurrencyUtilization"),
        scaling(max_capacity=21),
        "endpoint.variants.0.scaling.max_capacity is 21: it is above max_concurrency, which is 20",
    ),
    "scaling without provisioned concurrency": (
        document(mode="serverless", scaling="ProvisionedConcurrencyUtilization"),
        lambda stage: stage["endpoint"]["variants"][0].pop("provisioned_concurrency"),
        (
            "endpoint.variants.0.scaling is given: scaling changes provisioned_concurrency, "
            "which is not set; add provisioned_concurrency, or remove scaling"
        ),
    ),
    "more at a time than serverless has": (
        document(mode="serverless"),
        variant(max_concurrency=201),
        "endpoint.variants.0.max_concurrency is 201: it cannot be used; write 200 or less",
    ),
    "memory that serverless has not": (
        document(mode="serverless"),
        variant(memory_size_in_mb=1536),
        "endpoint.variants.0.memory_size_in_mb is 1536: it cannot be used",
    ),
    "an answer for a missing topic": (
        document(mode="async"),
        endpoint(notifications={"include_inference_response_in": ["SUCCESS_NOTIFICATION_TOPIC"]}),
        (
            "endpoint.notifications.include_inference_response_in is SUCCESS_NOTIFICATION_TOPIC:"
            " success_topic is not set; add success_topic"
        ),
    ),
}


@pytest.mark.parametrize(("stage", "change", "said"), REFUSED.values(), ids=REFUSED)
def test_what_a_mode_does_not_have_is_refused_by_name(
    stage: Document, change: Change, said: str
) -> None:
    refused(stage, change, said)
