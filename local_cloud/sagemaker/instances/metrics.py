"""The answers of instances as CloudWatch metrics: one value a request, sent in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from local_cloud.sagemaker.instances.variant import Variant

NAMESPACE = "AWS/SageMaker"

PUBLISH_SECONDS = 1
"""How long a value waits for others: CloudWatch gets one statistic set of a metric for all."""

METRICS = {
    "Invocations": "None",
    "Invocation4XXErrors": "None",
    "Invocation5XXErrors": "None",
    "InvocationModelErrors": "None",
    "ModelLatency": "Microseconds",
}
"""The metrics of the local cloud, and their units."""

_Source: TypeAlias = tuple[str, str, str]
"""The region, the endpoint and the variant that values belong to."""


@dataclass(frozen=True)
class Observation:
    """One answer of an instance: a value of each metric, and the instance's variant."""

    config_name: str
    variant_name: str
    values: Mapping[str, float]


class Metrics:
    """The answers of all instances: kept while an endpoint is watched, and sent to CloudWatch."""

    def __init__(self, clients: Callable[[str, str], Any]) -> None:
        self._clients = clients
        self._unsent: dict[_Source, list[Observation]] = {}
        self._watched: dict[tuple[str, str], list[Observation]] = {}
        self._sender: asyncio.Task[None] | None = None

    def observe(self, variant: Variant, status: int, seconds: float) -> None:
        """Take one answer: its HTTP status, 0 for none at all, and how long it took."""
        values = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(400 <= status < 500),
            "Invocation5XXErrors": float(status >= 500 or status == 0),
            "InvocationModelErrors": float(not 200 <= status < 300),
            "ModelLatency": seconds * 1e6,
        }
        observation = Observation(variant.config_name, variant.name, values)
        if (watched := self._watched.get((variant.region, variant.endpoint_name))) is not None:
            watched.append(observation)
        source = (variant.region, variant.endpoint_name, variant.name)
        self._unsent.setdefault(source, []).append(observation)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    @contextmanager
    def watching(self, region: str, endpoint_name: str) -> Iterator[list[Observation]]:
        """Give a list that gets every observation of an endpoint, until the end of the context."""
        key = (region, endpoint_name)
        self._watched[key] = []
        try:
            yield self._watched[key]
        finally:
            del self._watched[key]

    def disconnect(self) -> None:
        """Send nothing more to CloudWatch, which is about to end itself."""
        if self._sender:
            self._sender.cancel()

    async def _send(self) -> None:
        while self._unsent:
            await asyncio.sleep(PUBLISH_SECONDS)
            unsent, self._unsent = self._unsent, {}
            for source, observations in unsent.items():
                try:
                    await asyncio.to_thread(self._put, source, observations)
                except Exception as error:
                    logging.getLogger(__name__).warning(
                        "%d invocations of %s are in no metric; CloudWatch refused: %s",
                        len(observations), source[1], error,
                    )  # fmt: skip

    def _put(self, source: _Source, observations: list[Observation]) -> None:
        region, endpoint_name, variant_name = source
        # Without AWS's third dimension, EndpointConfigName: moto would count each value twice.
        dimensions = [
            {"Name": "EndpointName", "Value": endpoint_name},
            {"Name": "VariantName", "Value": variant_name},
        ]
        data = []
        for metric, unit in METRICS.items():
            values = [observation.values[metric] for observation in observations]
            statistics = {
                "SampleCount": len(values),
                "Sum": sum(values),
                "Minimum": min(values),
                "Maximum": max(values),
            }
            data.append(
                {
                    "MetricName": metric,
                    "Dimensions": dimensions,
                    "StatisticValues": statistics,
                    "Unit": unit,
                }
            )
        self._clients("cloudwatch", region).put_metric_data(Namespace=NAMESPACE, MetricData=data)
