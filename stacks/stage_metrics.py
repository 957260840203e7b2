"""The metrics by which a stage scales: SageMaker's by their names, or any of CloudWatch's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from stacks.settings import Settings
from stacks.stage_errors import Problem

VariantMetric: TypeAlias = Literal["InvocationsPerInstance", "ConcurrentRequestsPerModel"]
"""Of a variant of instances, predefined; not published by asynchronous endpoints."""
ConcurrencyMetric: TypeAlias = Literal["ProvisionedConcurrencyUtilization"]
"""Of a serverless variant, predefined."""
ComponentMetric: TypeAlias = Literal["InvocationsPerCopy", "ConcurrentRequestsPerCopy"]
"""Of an inference component, predefined."""
Utilization: TypeAlias = Literal[
    "CPUUtilization",
    "MemoryUtilization",
    "GPUUtilization",
    "GPUMemoryUtilization",
    "DiskUtilization",
]
"""Of the instances of a variant."""
ComponentUtilization: TypeAlias = Literal[
    "CPUUtilizationNormalized",
    "MemoryUtilizationNormalized",
    "GPUUtilizationNormalized",
    "GPUMemoryUtilizationNormalized",
]
"""Of what the copies of an inference component have for themselves."""
BacklogMetric: TypeAlias = Literal[
    "ApproximateBacklogSizePerInstance", "ApproximateBacklogSize", "ApproximateAgeOfOldestRequest"
]
"""Of the queue of an asynchronous endpoint."""

Statistic: TypeAlias = Literal["Average", "Minimum", "Maximum", "SampleCount", "Sum"]

NamedMetric: TypeAlias = Literal[
    VariantMetric,
    ConcurrencyMetric,
    ComponentMetric,
    Utilization,
    ComponentUtilization,
    BacklogMetric,
]


class CloudWatchMetric(Settings):
    """A metric of CloudWatch's."""

    namespace: str = Field(min_length=1, max_length=255)
    """The namespace, such as "AWS/SageMaker"."""
    metric_name: str = Field(min_length=1, max_length=255)
    """The metric's name."""
    dimensions: dict[str, str] | None = Field(default=None, max_length=30)
    """The dimensions: those of what is scaled if absent, such as EndpointName and VariantName.

    CloudWatch has a metric under its exact dimensions only: with one more or less it has no data.
    """
    statistic: Statistic = "Average"
    """How the data points of a period become one."""
    unit: str | None = None
    """The unit, if the metric is published in several."""


class MathMetric(Settings):
    """A number computed of metrics, by an expression of CloudWatch's metric math."""

    expression: str = Field(min_length=1, max_length=2048)
    """The expression, such as "backlog / instances", in the names of the metrics."""
    metrics: dict[str, CloudWatchMetric] = Field(min_length=1, max_length=10)
    """The metrics by the names that the expression has for them."""

    def problems(self) -> Iterator[Problem]:
        """Yield names that CloudWatch does not take, and metrics that the expression leaves out."""
        for name in self.metrics:
            if not re.fullmatch(r"[a-z][a-zA-Z0-9_]*", name):
                yield Problem(
                    f"metrics.{name}",
                    name,
                    "a name in an expression begins with a lower-case letter and has letters, "
                    "digits and _ alone",
                    "rename it",
                )
            elif not re.search(rf"\b{name}\b", self.expression):
                yield Problem(
                    f"metrics.{name}",
                    name,
                    f"the expression {self.expression!r} does not use it",
                    "remove it, or write it into the expression",
                )


def _kind_of_metric(value: Any) -> str:
    """Name what a metric is to be read as: a name, or the table that its keys tell."""
    if isinstance(value, CloudWatchMetric | MathMetric):
        return type(value).__name__
    if not isinstance(value, dict):
        return "NamedMetric"
    return "MathMetric" if "expression" in value else "CloudWatchMetric"


Metric: TypeAlias = Annotated[
    Annotated[NamedMetric, Tag("NamedMetric")]
    | Annotated[CloudWatchMetric, Tag("CloudWatchMetric")]
    | Annotated[MathMetric, Tag("MathMetric")],
    Discriminator(_kind_of_metric),
]


def name_of(metric: Metric) -> str:
    """Return what a metric is called, for the name of a policy."""
    match metric:
        case CloudWatchMetric(metric_name=name):
            return name
        case MathMetric(metrics=metrics):
            return "And".join(name[:1].upper() + name[1:] for name in sorted(metrics))
    return metric
