"""Asynchronous endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from settings.endpoint import CONFIG, InstanceEndpoint, metric_problems
from settings.errors import Problem
from settings.metrics import BacklogMetric, Utilization
from settings.scaling import Scaling, from_zero_instances
from settings.steps import StepScaling
from settings.table import Cfn, Settings, Several
from settings.update import AsyncUpdate
from settings.variants import S3Uri

_ASYNC = f"{CONFIG}/AsyncInferenceConfig"

TopicArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]*:[0-9]{12}:[a-zA-Z0-9_.-]+$",
        max_length=2048,
        examples=["arn:aws:sns:eu-central-1:111122223333:my-topic"],
    ),
]


class Notifications(Settings):
    """Amazon SNS topics that hear of each answer of an asynchronous endpoint."""

    cloudformation: ClassVar[str] = f"{_ASYNC}/OutputConfig/NotificationConfig"

    success_topic: TopicArn | None = None
    """The topic that hears of answers: its ARN."""
    error_topic: TopicArn | None = None
    """The topic that hears of failures: its ARN.

    At least this one: else a failure is an object below s3_failure_path, which nobody looks at.
    """
    include_inference_response_in: Several[
        Literal["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"]
    ] = ()
    """Which notifications bring the answer along, if it is of 128 KB at the most.

    For small answers, whose receivers need not read S3 then.
    """

    def problems(self) -> Iterator[Problem]:
        """Yield an answer for a topic that is not there."""
        for kind in self.include_inference_response_in:
            key = kind.removesuffix("_NOTIFICATION_TOPIC").lower() + "_topic"
            if getattr(self, key) is None:
                yield Problem(
                    "include_inference_response_in",
                    kind,
                    f"there is no {key}",
                    f"add {key}, or remove it here",
                )


class AsyncEndpoint(InstanceEndpoint):
    """An endpoint with a queue: requests and answers lie in Amazon S3."""

    mode: Annotated[Literal["async"], Cfn("")]
    """Requests wait in a queue, may be large and take long, and instances may go to zero."""
    s3_input_path: Annotated[S3Uri | None, Cfn("")] = None
    """Where callers put requests, such as "s3://BUCKET/requests/", which the endpoint may read; a
    bucket that is made for the endpoint if absent.

    For requests that lie somewhere already.
    """
    s3_output_path: Annotated[S3Uri | None, Cfn(f"{_ASYNC}/OutputConfig/S3OutputPath")] = None
    """Where answers go; "answers/" of the bucket that is made for the endpoint if absent.

    For readers who have access to a bucket of theirs alone.
    """
    s3_failure_path: Annotated[S3Uri | None, Cfn(f"{_ASYNC}/OutputConfig/S3FailurePath")] = None
    """Where failures go; "failures/" of the bucket that is made for the endpoint if absent.

    Apart from the answers, so that whoever reads those does not meet an error's text.
    """
    max_concurrent_invocations_per_instance: Annotated[
        int | None, Cfn(f"{_ASYNC}/ClientConfig/MaxConcurrentInvocationsPerInstance")
    ] = Field(default=None, ge=1, le=1000)
    """How many requests an instance is sent at a time; AWS chooses if absent.

    1 for a model that takes all of an instance.
    """
    notifications: Annotated[Notifications, Cfn(f"{_ASYNC}/OutputConfig/NotificationConfig")] = (
        Notifications()
    )
    """Who hears of each answer.

    Rather than have callers look into S3 again and again.
    """

    update: Annotated[AsyncUpdate, Cfn("DeploymentConfig")] = AsyncUpdate()
    """How an update replaces the instances.

    Leave it out at first: the safest way that the endpoint allows is chosen, and printed.
    """

    @property
    def no_multi_model(self) -> str:
        """Why no model can be one of many."""
        return "a request to an asynchronous endpoint cannot name a model"

    def steps_from_zero(self, scaling: Scaling) -> Sequence[StepScaling]:
        """Return what brings a variant back whose instances have gone, if they ever go."""
        return () if scaling.lowest else (from_zero_instances(self.name),)

    def problems(self) -> Iterator[Problem]:
        """Yield metrics that asynchronous endpoints do not publish, and a way to zero alone."""
        yield from super().problems()
        named = {*get_args(BacklogMetric), *get_args(Utilization)}
        for index, variant in enumerate(self.variants):
            at = f"variants.{index}"
            if not variant.scaling:
                continue
            yield from metric_problems(
                f"{at}.scaling", variant.scaling, named, "asynchronous endpoints"
            )
            tracked = [target.metric for target in variant.scaling.targets]
            if not variant.scaling.lowest and "ApproximateBacklogSizePerInstance" not in tracked:
                yield Problem(
                    f"{at}.scaling.min_capacity",
                    variant.scaling.lowest,
                    "only the backlog tells that no instance is needed",
                    "add a target for ApproximateBacklogSizePerInstance, or raise it to 1",
                )
