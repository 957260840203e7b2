"""The images that the local cloud plays."""

from __future__ import annotations

FRAMEWORKS = {"sagemaker-scikit-learn": "sklearn", "sagemaker-xgboost": "xgboost"}
"""What is in them, by their repository, as the container's `--framework` has it."""


def repository(image: str) -> str:
    """Tell an image's repository, whatever its registry, tag and digest."""
    name = image.rpartition("/")[2]
    return name.partition("@")[0].partition(":")[0]
