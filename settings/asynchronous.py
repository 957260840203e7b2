"""Asynchronous endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from settings.endpoint import CONFIG, InstanceEndpoint, metric_problems
from settings.metrics import BacklogMetric, Utilization
from settings.scaling import Scaling, from_zero_instances
from settings.steps import StepScaling
from settings.table import Cfn, Problem, Settings, Several
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
    """Amazon SNS topics that are told about each answer of an asynchronous endpoint."""

    cloudformation: ClassVar[str] = f"{_ASYNC}/OutputConfig/NotificationConfig"

    success_topic: TopicArn | None = None
    """The ARN of the topic for answers."""
    error_topic: TopicArn | None = None
    """The ARN of the topic for failures.

    Set at least this one. Without it a failure is only an object below s3_failure_path.
    """
    include_inference_response_in: Several[
        Literal["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"]
    ] = ()
    """The notifications that contain the answer, if the answer has at most 128 KB.

    For small answers: receivers need not read S3 then.
    """

    def problems(self) -> Iterator[Problem]:
        """Yield an answer for a topic that is not set."""
        for kind in self.include_inference_response_in:
            key = kind.removesuffix("_NOTIFICATION_TOPIC").lower() + "_topic"
            if getattr(self, key) is None:
                fix = f"add {key}, or remove {kind} here"
                yield Problem("include_inference_response_in", kind, f"{key} is not set", fix)


class AsyncEndpoint(InstanceEndpoint):
    """An endpoint with a queue: requests and answers lie in Amazon S3."""

    mode: Annotated[Literal["async"], Cfn("")]
    """Requests wait in a queue. They may be large and take long, and instances may go to zero."""
    s3_input_path: Annotated[S3Uri | None, Cfn("")] = None
    """Where callers put requests, such as "s3://BUCKET/requests/"; the endpoint may read there. If
    absent, the stack makes a bucket.

    For requests that are already in a bucket.
    """
    s3_output_path: Annotated[S3Uri | None, Cfn(f"{_ASYNC}/OutputConfig/S3OutputPath")] = None
    """Where answers go. If absent: "answers/" in the bucket that the stack makes.

    For readers who only have access to their own bucket.
    """
    s3_failure_path: Annotated[S3Uri | None, Cfn(f"{_ASYNC}/OutputConfig/S3FailurePath")] = None
    """Where failures go. If absent: "failures/" in the bucket that the stack makes.

    Keep failures apart from answers, so that readers of answers do not find error texts.
    """
    max_concurrent_invocations_per_instance: Annotated[
        int | None, Cfn(f"{_ASYNC}/ClientConfig/MaxConcurrentInvocationsPerInstance")
    ] = Field(default=None, ge=1, le=1000)
    """The largest number of requests that an instance gets at a time; AWS chooses if absent.

    1 for a model that needs a whole instance.
    """
    notifications: Annotated[Notifications, Cfn(f"{_ASYNC}/OutputConfig/NotificationConfig")] = (
        Notifications()
    )
    """Who is told about each answer.

    Callers then need not look into S3 again and again.
    """

    update: Annotated[AsyncUpdate, Cfn("DeploymentConfig")] = AsyncUpdate()
    """How an update replaces the instances.

    Leave it out at first: Slipway chooses the safest way that the endpoint allows, and prints it.
    """

    @property
    def no_multi_model(self) -> str:
        """Why a multi-model container does not work here."""
        return "a request to an asynchronous endpoint cannot name a model"

    def steps_from_zero(self, scaling: Scaling) -> Sequence[StepScaling]:
        """Return the steps that bring a variant back from zero, if it can go to zero."""
        return () if scaling.lowest else (from_zero_instances(self.name),)

    def problems(self) -> Iterator[Problem]:
        """Yield metrics that are not published, and scaling to zero without a backlog."""
        yield from super().problems()
        named = {*get_args(BacklogMetric), *get_args(Utilization)}
        for index, variant in enumerate(self.variants):
            at = f"variants.{index}"
            if not variant.scaling:
                continue
            whose = "asynchronous endpoints"
            yield from metric_problems(f"{at}.scaling", variant.scaling, named, whose)
            tracked = [target.metric for target in variant.scaling.targets]
            if not variant.scaling.lowest and "ApproximateBacklogSizePerInstance" not in tracked:
                why = "only the backlog per instance shows that no instance is needed"
                fix = "add a target for ApproximateBacklogSizePerInstance, or raise it to 1"
                yield Problem(f"{at}.scaling.min_capacity", variant.scaling.lowest, why, fix)
