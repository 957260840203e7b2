"""A scalable dimension of SageMaker that moto's Application Auto Scaling does not know."""

from __future__ import annotations

from enum import Enum
from functools import cache

_NAME = "SAGEMAKER_VARIANT_DESIRED_PROVISIONED_CONCURRENCY"
_VALUE = "sagemaker:variant:DesiredProvisionedConcurrency"


@cache
def add() -> None:
    """Make moto accept the provisioned concurrency of a serverless variant, as AWS does.

    Call this before the first request to the service, whose import takes most of a second.
    """
    from moto.applicationautoscaling import models, responses

    known = {each.name: each.value for each in models.ScalableDimensionValueSet}
    extended = Enum("ScalableDimensionValueSet", {**known, _NAME: _VALUE})  # type: ignore[misc]
    # moto uses this enum only to check whether a dimension is valid.
    models.ScalableDimensionValueSet = responses.ScalableDimensionValueSet = extended
