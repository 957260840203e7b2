"""The metrics by which a stage scales: SageMaker's by their names, or any metric in CloudWatch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import Discriminator, Field, Tag

from settings.table import Cfn, Problem, Settings

Seconds = Annotated[int, Field(ge=0)]
PolicyName = Annotated[
    str, Field(pattern=r"^[\w.-]+$", max_length=256, examples=["requests-per-instance"])
]

VariantMetric: TypeAlias = Literal["InvocationsPerInstance", "ConcurrentRequestsPerModel"]
"""Of a variant of instances, predefined; not published by asynchronous endpoints."""
HighResolutionMetric: TypeAlias = Literal["ConcurrentRequestsPerModel", "ConcurrentRequestsPerCopy"]
"""With a data point every 10 seconds; SageMaker's other metrics have one a minute."""
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
"""Of the resources that the copies of an inference component have reserved."""
BacklogMetric: TypeAlias = Literal[
    "ApproximateBacklogSizePerInstance", "ApproximateBacklogSize", "ApproximateAgeOfOldestRequest"
]
"""Of the queue of an asynchronous endpoint."""

INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
COMPONENTS = "/aws/sagemaker/InferenceComponents"
"""The namespaces of metrics. Log groups begin with the last two."""

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
    """A metric in CloudWatch."""

    cloudformation: ClassVar[str] = _CUSTOMIZED

    namespace: str = Field(min_length=1, max_length=255)
    """The namespace, such as "AWS/SageMaker"."""
    metric_name: str = Field(min_length=1, max_length=255)
    """The metric's name."""
    dimensions: dict[str, str] | None = Field(default=None, max_length=30)
    """The dimensions. If absent, those of what is scaled, such as EndpointName and VariantName.

    They must be exactly those that the metric is published with. With one more or one less,
    CloudWatch finds no data.
    """
    statistic: Statistic = "Average"
    """How CloudWatch combines the data points of a period.

    Sum for counts, Average for measurements, Maximum for a limit that must hold at all times.
    """
    unit: str | None = None
    """The unit, if the metric is published in several units."""

    def problems(self) -> Iterator[Problem]:
        """Yield a SageMaker metric in a namespace where SageMaker does not publish it."""
        for _, name in own_metrics(self):
            published = namespace_of(name)
            if self.namespace != published:
                why = f"SageMaker publishes {name} in {published} only"
                yield self.wrong("namespace", why, f'write "{published}", or metric = "{name}"')


class MathMetric(Settings):
    """A number computed from metrics, by an expression of CloudWatch metric math."""

    cloudformation: ClassVar[str] = f"{_CUSTOMIZED}/Metrics"

    expression: str = Field(min_length=1, max_length=2048)
    """The expression, such as "backlog / instances". It uses the names of the metrics below."""
    metrics: Annotated[dict[str, CloudWatchMetric], Cfn("MetricStat")] = Field(
        min_length=1, max_length=10
    )
    """The metrics, by the names that the expression uses."""

    def id_of_result(self, name: str) -> str:
        """Return a name for the result of the expression that none of its metrics has."""
        while name in self.metrics:
            name += "_"
        return name

    def problems(self) -> Iterator[Problem]:
        """Yield names that CloudWatch does not take, unknown names, and unused metrics."""
        text = re.sub(r"'[^']*'|\"[^\"]*\"", "", self.expression)
        for name in sorted({*re.findall(r"\b[a-z]\w*\b(?!\s*\()", text)} - self.metrics.keys()):
            names = ", ".join(self.metrics)
            fix = f"add {name} to metrics, or write one of these names: {names}"
            yield self.wrong("expression", f"the metric {name} does not exist", fix)
        for name in self.metrics:
            if not re.fullmatch(r"[a-z][a-zA-Z0-9_]*", name):
                why = (
                    "a name in an expression begins with a lower-case letter and has only "
                    "letters, digits and _"
                )
                yield Problem(f"metrics.{name}", name, why, "rename it")
            elif not re.search(rf"\b{name}\b", text):
                why = f"the expression {self.expression!r} does not use it"
                fix = "remove the metric, or use it in the expression"
                yield Problem(f"metrics.{name}", name, why, fix)


def _kind_of_metric(value: Any) -> str:
    """Return how to read a metric: as a name, or as the table that has its keys."""
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
    """Return what a metric is called in the name of a policy."""
    match metric:
        case CloudWatchMetric(metric_name=name):
            return name
        case MathMetric(metrics=metrics):
            return "And".join(name[:1].upper() + name[1:] for name in sorted(metrics))
    return metric


def namespace_of(name: str) -> str:
    """Return the namespace in which SageMaker publishes a metric."""
    if name in get_args(Utilization):
        return INSTANCES
    return COMPONENTS if name in get_args(ComponentUtilization) else INVOCATIONS


def own_metrics(metric: Metric) -> Iterator[tuple[str, str]]:
    """Yield the metrics that SageMaker publishes for what is scaled, by the keys that name them.

    A metric with its own dimensions may belong to something else.
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
