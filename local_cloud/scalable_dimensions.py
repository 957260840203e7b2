"""A scalable dimension of SageMaker that moto's Application Auto Scaling does not know."""

from __future__ import annotations

from enum import Enum
from functools import cache

_NAME = "SAGEMAKER_VARIANT_DESIRED_PROVISIONED_CONCURRENCY"
_VALUE = "sagemaker:variant:DesiredProvisionedConcurrency"


@cache
def add() -> None:
    """Have moto take the provisioned concurrency of a serverless variant, as AWS does.

    To be called before the service is first asked: its import takes most of a second, for ECS.
    """
    from moto.applicationautoscaling import models, responses

    known = {each.name: each.value for each in models.ScalableDimensionValueSet}
    extended = Enum("ScalableDimensionValueSet", {**known, _NAME: _VALUE})  # type: ignore[misc]
    # It is a list of what is valid; nothing else of it is used.
    models.ScalableDimensionValueSet = responses.ScalableDimensionValueSet = extended
