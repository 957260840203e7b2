"""A scalable dimension of SageMaker that moto's Application Auto Scaling does not know."""

from __future__ import annotations

from enum import Enum

from moto.applicationautoscaling import models, responses

_NAME = "SAGEMAKER_VARIANT_DESIRED_PROVISIONED_CONCURRENCY"
_VALUE = "sagemaker:variant:DesiredProvisionedConcurrency"


def add() -> None:
    """Have moto take the provisioned concurrency of a serverless variant, as AWS does."""
    known = {each.name: each.value for each in models.ScalableDimensionValueSet}
    extended = Enum("ScalableDimensionValueSet", {**known, _NAME: _VALUE})  # type: ignore[misc]
    # It is a list of what is valid; nothing else of it is used.
    models.ScalableDimensionValueSet = responses.ScalableDimensionValueSet = extended
