"""The chapters of docs/settings.md: which table each is about, and an example of it."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.settings_examples import ASYNC, IN_S3, SERVERLESS, SHADOW, WEIGHTS, scaled
from settings.asynchronous import AsyncEndpoint, Notifications
from settings.components import InferenceComponent
from settings.metrics import CloudWatchMetric, MathMetric
from settings.model import DockerfileModel, FrameworkModel, ImageModel, RepositoryModel
from settings.realtime import RealtimeEndpoint
from settings.scaling import Scaling
from settings.scaling import TargetTracking as Target
from settings.schedule import ScheduledAction
from settings.serverless import ServerlessEndpoint
from settings.stage import Stage
from settings.steps import StepAdjustment, StepScaling
from settings.table import Settings
from settings.update import AsyncRollback, AsyncUpdate, Rollback, Update
from settings.variants import (
    CapacityReservation,
    InstancePool,
    ManagedInstanceScaling,
    ServerlessVariant,
    Variant,
)

MODELS = (FrameworkModel, ImageModel, RepositoryModel, DockerfileModel)
ENDPOINTS = (RealtimeEndpoint, ServerlessEndpoint, AsyncEndpoint)


@dataclass(frozen=True)
class Chapter:
    """One table of a stage."""

    tables: tuple[type[Settings], ...]
    """The table; if several, what follows are its settings that the others do not have."""
    key: str
    """How the file calls it."""
    example: str
    shared: bool = False
    """Whether what all of the tables have is meant instead."""
    title: str = ""
    """The heading, if that is not the name of the settings."""
    about: str = ""
    """What is said of it, if that is not the docstring of the settings."""
    level: int = 3


_STEPS = """\
[[endpoint.variants.scaling.steps]]
metric = "CPUUtilization"
threshold = 80
step_adjustments = [
  { metric_interval_lower_bound = 0, metric_interval_upper_bound = 10, scaling_adjustment = 1 },
  { metric_interval_lower_bound = 10, scaling_adjustment = 3 },
]
"""
_VARIANT = """\
[[endpoint.variants]]
instance_type = "ml.m5.large"
initial_instance_count = 2
"""
_BOUNDS = f"""\
{_VARIANT}
[endpoint.variants.scaling]
min_capacity = 2
max_capacity = 8

"""


CHAPTERS = (
    Chapter((Stage,), "The file itself", WEIGHTS, level=2),
    Chapter(
        MODELS,
        "`[model]`, `[models.NAME]`",
        """\
[model]
framework = "sklearn"
version = "1.9-0"
artifact = "model_artifact/model"
code = "inference/code"
vendor_requirements = true
environment = { OMP_NUM_THREADS = "1" }
""",
        shared=True,
        title="Model",
        about="What every model has. One of the four tables below has the settings of the image.",
        level=2,
    ),
    Chapter(MODELS, "`[model]` with `framework`", IN_S3),
    Chapter(
        MODELS[1:] + MODELS[:1],
        "`[model]` with `image`",
        '[model]\nimage = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/iris:1.4"\n',
    ),
    Chapter(
        MODELS[2:] + MODELS[:2],
        "`[model]` with `repository`",
        '[model]\nrepository = "team/iris"\ntag = "1.4"\n',
    ),
    Chapter(
        MODELS[3:] + MODELS[:3],
        "`[model]` with `dockerfile`",
        '[model]\ndockerfile = "container"\n',
    ),
    Chapter(
        ENDPOINTS,
        "`[endpoint]`",
        """\
[endpoint]
name = "iris"
mode = "realtime"

[[endpoint.variants]]
instance_type = "ml.m5.large"
initial_instance_count = 2
""",
        shared=True,
        title="Endpoint",
        about="What an endpoint has in every mode.",
        level=2,
    ),
    Chapter(ENDPOINTS, '`[endpoint]` with `mode = "realtime"`', SHADOW),
    Chapter(ENDPOINTS[1:] + ENDPOINTS[:1], '`[endpoint]` with `mode = "serverless"`', SERVERLESS),
    Chapter(ENDPOINTS[2:] + ENDPOINTS[:2], '`[endpoint]` with `mode = "async"`', ASYNC),
    Chapter(
        (Notifications,),
        "`[endpoint.notifications]`",
        """\
[endpoint]
mode = "async"

[endpoint.notifications]
error_topic = "arn:aws:sns:eu-central-1:111122223333:iris-failures"
""",
    ),
    Chapter(
        (Variant,),
        "`[[endpoint.variants]]`, `[endpoint.shadow]`",
        """\
[[endpoint.variants]]
instance_type = "ml.m5.large"
initial_instance_count = 2
container_startup_health_check_timeout_in_seconds = 300
routing_strategy = "LEAST_OUTSTANDING_REQUESTS"
""",
        level=2,
    ),
    Chapter(
        (InstancePool,),
        "`[[endpoint.variants.instance_pools]]`",
        """\
[[endpoint.variants]]
initial_instance_count = 2
instance_pools = [
  { instance_type = "ml.m5.large", priority = 1 },
  { instance_type = "ml.m5d.large", priority = 2 },
]
""",
    ),
    Chapter(
        (ManagedInstanceScaling,),
        "`[endpoint.variants.managed_instance_scaling]`",
        """\
[[endpoint.variants]]
instance_type = "ml.m5.4xlarge"
initial_instance_count = 1
managed_instance_scaling = { min_instance_count = 1, max_instance_count = 4 }

[[endpoint.components]]
name = "ranker"
min_memory_required_in_mb = 4096
""",
    ),
    Chapter(
        (CapacityReservation,),
        "`[endpoint.variants.capacity_reservation]`",
        f"""\
{_VARIANT}
[endpoint.variants.capacity_reservation]
ml_reservation_arn = "arn:aws:sagemaker:eu-central-1:111122223333:training-plan/iris"
""",
    ),
    Chapter(
        (ServerlessVariant,),
        "`[[endpoint.variants]]` of a serverless endpoint",
        SERVERLESS,
    ),
    Chapter(
        (Scaling,),
        "`[endpoint.variants.scaling]`, `[endpoint.components.scaling]`",
        scaled("real-time variants", "InvocationsPerInstance").replace("0.7", "600"),
        level=2,
    ),
    Chapter(
        (Target,),
        "`[[….scaling.targets]]`",
        f"""\
{_BOUNDS}\
[[endpoint.variants.scaling.targets]]
metric = "ConcurrentRequestsPerModel"
value = 4
""",
    ),
    Chapter((StepScaling,), "`[[….scaling.steps]]`", f"{_BOUNDS}{_STEPS}"),
    Chapter(
        (StepAdjustment,),
        "`[[….scaling.steps.step_adjustments]]`",
        f"""\
{_BOUNDS}\
[[endpoint.variants.scaling.steps]]
metric = "CPUUtilization"
threshold = 20
comparison_operator = "LessThanOrEqualToThreshold"
step_adjustments = [{{ metric_interval_upper_bound = 0, scaling_adjustment = -1 }}]
""",
    ),
    Chapter(
        (ScheduledAction,),
        "`[[….scaling.schedule]]`",
        f"""\
{_BOUNDS}\
[[endpoint.variants.scaling.schedule]]
name = "Morning"
schedule = "cron(30 7 ? * MON-FRI *)"
timezone = "Europe/Berlin"
min_capacity = 6
""",
    ),
    Chapter(
        (CloudWatchMetric,),
        "`metric` of a target or steps",
        f"""\
{_BOUNDS}\
[[endpoint.variants.scaling.targets]]
metric = {{ namespace = "Shop", metric_name = "QueuedPerInstance", dimensions = {{ }} }}
value = 10
""",
    ),
    Chapter(
        (MathMetric,),
        "`metric` of a target or steps",
        f"""\
{_BOUNDS}\
[[endpoint.variants.scaling.targets]]
value = 70

[endpoint.variants.scaling.targets.metric]
expression = "MAX([cpu, memory])"
metrics.cpu = {{ namespace = "/aws/sagemaker/Endpoints", metric_name = "CPUUtilization" }}
metrics.memory = {{ namespace = "/aws/sagemaker/Endpoints", metric_name = "MemoryUtilization" }}
""",
    ),
    Chapter(
        (Update, AsyncUpdate),
        "`[endpoint.update]`",
        """\
[endpoint.update]
policy = "LINEAR"
capacity_percent = 25
wait_interval_in_seconds = 600

[[endpoint.variants]]
instance_type = "ml.m5.large"
initial_instance_count = 4
""",
        shared=True,
        level=2,
    ),
    Chapter(
        (Rollback,),
        "`[endpoint.update.rollback]`",
        '[endpoint.update.rollback]\nmax_model_latency_seconds = 0.5\nalarms = ["clicks-fell"]\n',
    ),
    Chapter(
        (AsyncUpdate, Update),
        '`[endpoint.update]` with `mode = "async"`',
        "",
        about="The settings of any update, with an [async rollback](#async-rollback).",
    ),
    Chapter(
        (AsyncRollback,),
        '`[endpoint.update.rollback]` with `mode = "async"`',
        '[endpoint]\nmode = "async"\n\n[endpoint.update.rollback]\nmax_failures_per_minute = 20\n',
    ),
    Chapter(
        (InferenceComponent,),
        "`[[endpoint.components]]`",
        """\
[[endpoint.variants]]
instance_type = "ml.m5.4xlarge"
initial_instance_count = 1
managed_instance_scaling = { min_instance_count = 1, max_instance_count = 4 }

[[endpoint.components]]
name = "ranker"
copy_count = 2
min_memory_required_in_mb = 4096

[endpoint.components.scaling]
min_capacity = 1
max_capacity = 8
targets = [{ metric = "InvocationsPerCopy", value = 600 }]
""",
        level=2,
    ),
)
