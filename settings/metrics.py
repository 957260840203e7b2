"""The metrics by which a stage scales: SageMaker's by their names, or any of CloudWatch's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import Discriminator, Field, Tag

from settings.errors import Problem
from settings.table import Cfn, Settings

Seconds = Annotated[int, Field(ge=0)]
PolicyName = Annotated[
    str, Field(pattern=r"^[\w.-]+$", max_length=256, examples=["requests-per-instance"])
]

VariantMetric: TypeAlias = Literal["InvocationsPerInstance", "ConcurrentRequestsPerModel"]
"""Of a variant of instances, predefined; not published by asynchronous endpoints."""
HighResolutionMetric: TypeAlias = Literal["ConcurrentRequestsPerModel", "ConcurrentRequestsPerCopy"]
"""With a data point each 10 seconds; all others of SageMaker's have one a minute."""
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

INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
COMPONENTS = "/aws/sagemaker/InferenceComponents"
"""The namespaces of metrics; logs are below the last two, in a group of each name."""

_CUSTOMIZED = (
    "AWS::ApplicationAutoScaling::ScalingPolicy/TargetTrackingScalingPolicyConfiguration"
    "/CustomizedMetricSpecification"
)

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

    cloudformation: ClassVar[str] = _CUSTOMIZED

    namespace: str = Field(min_length=1, max_length=255)
    """The namespace, such as "AWS/SageMaker"."""
    metric_name: str = Field(min_length=1, max_length=255)
    """The metric's name."""
    dimensions: dict[str, str] | None = Field(default=None, max_length=30)
    """The dimensions: those of what is scaled if absent, such as EndpointName and VariantName.

    CloudWatch has a metric under its exact dimensions only: with one more or less it has no data.
    """
    statistic: Statistic = "Average"
    """How the data points of a period become one.

    Sum for what is counted, Average for what is measured, Maximum for what may never be exceeded.
    """
    unit: str | None = None
    """The unit, if the metric is published in several."""

    def problems(self) -> Iterator[Problem]:
        """Yield a metric of SageMaker's under a namespace that it is not in."""
        for _, name in own_metrics(self):
            published = namespace_of(name)
            if self.namespace != published:
                yield Problem(
                    "namespace",
                    self.namespace,
                    f"SageMaker publishes {name} in {published}, and here it would have no data",
                    f'write "{published}", or metric = "{name}"',
                )


class MathMetric(Settings):
    """A number computed of metrics, by an expression of CloudWatch's metric math."""

    cloudformation: ClassVar[str] = f"{_CUSTOMIZED}/Metrics"

    expression: str = Field(min_length=1, max_length=2048)
    """The expression, such as "backlog / instances", in the names of the metrics."""
    metrics: Annotated[dict[str, CloudWatchMetric], Cfn("MetricStat")] = Field(
        min_length=1, max_length=10
    )
    """The metrics by the names that the expression has for them."""

    def id_of_result(self, name: str) -> str:
        """Return a name for what the expression yields that none of its metrics has."""
        while name in self.metrics:
            name += "_"
        return name

    def problems(self) -> Iterator[Problem]:
        """Yield names that CloudWatch does not take, and those of metrics that are not there."""
        text = re.sub(r"'[^']*'|\"[^\"]*\"", "", self.expression)
        for name in sorted({*re.findall(r"\b[a-z]\w*\b(?!\s*\()", text)} - self.metrics.keys()):
            yield Problem(
                "expression",
                self.expression,
                f"there is no metric {name}",
                f"add it to metrics, beside {', '.join(self.metrics)}",
            )
        for name in self.metrics:
            if not re.fullmatch(r"[a-z][a-zA-Z0-9_]*", name):
                yield Problem(
                    f"metrics.{name}",
                    name,
                    "a name in an expression begins with a lower-case letter and has letters, "
                    "digits and _ alone",
                    "rename it",
                )
            elif not re.search(rf"\b{name}\b", text):
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


def namespace_of(name: str) -> str:
    """Return where SageMaker publishes a metric that it has a name for."""
    if name in get_args(Utilization):
        return INSTANCES
    return COMPONENTS if name in get_args(ComponentUtilization) else INVOCATIONS


def own_metrics(metric: Metric) -> Iterator[tuple[str, str]]:
    """Yield the metrics that SageMaker publishes of what is scaled, by the keys that name them.

    What has dimensions of its own may be a metric of something else.
    """
    match metric:
        case MathMetric(metrics=metrics):
            for key, each in metrics.items():
                yield from ((f".metrics.{key}{where}", name) for where, name in own_metrics(each))
        case CloudWatchMetric(metric_name=name, dimensions=None) if (
            "sagemaker" in metric.namespace.lower() and name in get_args(NamedMetric)
        ):
            yield ".metric_name", name
        case str():
            yield "", metric
