"""The matrix of mode × shape × scaling × update, as the documents of the stages of its cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

MODES = ("realtime", "serverless", "async")
SHAPES = ("one variant", "several variants", "shadow", "pipeline", "multi-model", "components")
PREDEFINED = (
    "InvocationsPerInstance",
    "ConcurrentRequestsPerModel",
    "ProvisionedConcurrencyUtilization",
    "InvocationsPerCopy",
    "ConcurrentRequestsPerCopy",
)
SCALINGS = ("none", *PREDEFINED, "utilization", "backlog", "step", "schedule", "to zero")
UPDATES = ("unsaid", "ALL_AT_ONCE", "CANARY", "LINEAR", "ROLLING")

_IMAGE = {"framework": "sklearn", "version": "1.9-0"}
# A shape of other names is written down whatever the mode, which is to refuse it.
_TO_ZERO = {
    "realtime": "InvocationsPerInstance",
    "serverless": "ProvisionedConcurrencyUtilization",
    "async": "ApproximateBacklogSizePerInstance",
}
_STEP = {
    "metric": {"namespace": "AWS/SageMaker", "metric_name": "ModelLatency"},
    "threshold": 1000000,
    "step_adjustments": [{"metric_interval_lower_bound": 0, "scaling_adjustment": 1}],
}
_NIGHT = {"name": "night", "schedule": "cron(0 22 * * ? *)", "min_capacity": 3}


@dataclass(frozen=True)
class Cell:
    """One way to host a model, whether there is such a way or not."""

    mode: str
    shape: str
    scaling: str
    update: str

    def __str__(self) -> str:
        return f"{self.mode}, {self.shape}, scaling {self.scaling}, update {self.update}"

    @property
    def metric(self) -> str | None:
        """The metric that a target tracks, if there is one."""
        components = self.shape == "components"
        return {
            **{name: name for name in PREDEFINED},
            "utilization": "CPUUtilizationNormalized" if components else "CPUUtilization",
            "backlog": "ApproximateBacklogSizePerInstance",
            "to zero": "InvocationsPerCopy" if components else _TO_ZERO[self.mode],
        }.get(self.scaling)

    @property
    def document(self) -> dict[str, Any]:
        """What its stage's file says."""
        endpoint: dict[str, Any] = {"name": "matrix", "mode": self.mode}
        if self.update != "unsaid":
            endpoint["update"] = {"policy": self.update}
        document = {"region": "eu-central-1", "endpoint": endpoint}
        endpoint["variants"] = [self._variant("A")]
        scaled = endpoint["variants"]
        match self.shape:
            case "several variants":
                document["models"] = _models("A", "B")
                endpoint["variants"] = [
                    self._variant(name) | {"model": name} for name in document["models"]
                ]
                scaled = endpoint["variants"]
            case "shadow":
                document["models"] = _models("A", "B")
                endpoint["variants"][0]["model"] = "A"
                endpoint["shadow"] = self._variant("B") | {"model": "B"}
            case "pipeline":
                document["models"] = _models("A", "B")
                endpoint["pipeline"] = ["A", "B"]
            case "multi-model":
                document["model"] = {**_IMAGE, "artifact": "s3://models/all/", "multi_model": True}
            case "components":
                document["models"] = _models("A", "B")
                endpoint["components"] = scaled = [
                    {
                        "name": name,
                        "model": name,
                        "copy_count": 4,
                        "min_memory_required_in_mb": 1024,
                    }
                    for name in document["models"]
                ]
            case _:
                document["model"] = dict(_IMAGE)
        if self.scaling != "none":
            for each in scaled:
                each["scaling"] = self._scaling()
        return document

    def _variant(self, name: str) -> dict[str, Any]:
        if self.mode == "serverless":
            return {
                "name": name,
                "memory_size_in_mb": 2048,
                "max_concurrency": 20,
                "provisioned_concurrency": 4,
            }
        return {"name": name, "instance_type": "ml.m5.large", "initial_instance_count": 4}

    def _scaling(self) -> dict[str, Any]:
        bounds = {"min_capacity": 0 if self.scaling == "to zero" else 2, "max_capacity": 8}
        if self.scaling == "step":
            return bounds | {"steps": [_STEP]}
        if self.scaling == "schedule":
            return bounds | {"schedule": [_NIGHT]}
        return bounds | {"targets": [{"metric": self.metric, "value": 0.7}]}


def cells(shape: str) -> Iterator[Cell]:
    """Yield the cells of a shape."""
    for mode, scaling, update in product(MODES, SCALINGS, UPDATES):
        yield Cell(mode, shape, scaling, update)


def _models(*names: str) -> dict[str, Any]:
    return {name: dict(_IMAGE) for name in names}
