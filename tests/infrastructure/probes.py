"""Stages that between them set every setting, each to a value that nothing else has."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from settings.stage import Stage
from tests.infrastructure import scaled_stages, written

_MODEL = """
[model]
framework = "sklearn"
version = "1.9-0"
artifact = "s3://models/iris/7.tar.gz"
environment = { PROBED = "framework" }
network_isolation = true
"""
_TWO_MODELS = """
[models.first]
image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/iris:probed"
artifact = "s3://models/first/7.tar.gz"
environment = { PROBED = "image" }

[models.second]
image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/iris:probed"
artifact = "s3://models/second/7.tar.gz"
"""
_ENDPOINT = '[endpoint]\nname = "probed-{mode}"\nmode = "{mode}"\n'


def _variant(number: int, more: str = "") -> str:
    """Return all settings of a variant that any endpoint with instances may have."""
    return f"""
variant_instance_provision_timeout_in_seconds = {600 + number}
initial_instance_count = {20 + number}
volume_size_in_gb = {200 + number}
model_data_download_timeout_in_seconds = {700 + number}
container_startup_health_check_timeout_in_seconds = {800 + number}
routing_strategy = "LEAST_OUTSTANDING_REQUESTS"
core_dump_s3_uri = "s3://dumps/{number}/"
enable_ssm_access = true
{more}
"""


_VARIANT = (
    _TWO_MODELS
    + _ENDPOINT.format(mode="realtime")
    + """
[[endpoint.variants]]
name = "Probed"
model = "first"
instance_type = "ml.g4dn.xlarge"
variant_instance_provision_timeout_in_seconds = 301
initial_instance_count = 7
initial_variant_weight = 3.5
volume_size_in_gb = 303
model_data_download_timeout_in_seconds = 304
container_startup_health_check_timeout_in_seconds = 305
routing_strategy = "LEAST_OUTSTANDING_REQUESTS"
inference_ami_version = "al2-ami-sagemaker-inference-gpu-3-1"
core_dump_s3_uri = "s3://dumps/probed/"
enable_ssm_access = true

[endpoint.variants.capacity_reservation]
ml_reservation_arn = "arn:aws:sagemaker:eu-central-1:111122223333:training-plan/probed"
capacity_reservation_preference = "capacity-reservations-only"

[endpoint.shadow]
name = "Dark"
model = "second"
instance_type = "ml.g4dn.xlarge"
inference_ami_version = "al2-ami-sagemaker-inference-gpu-3-1"
"""
    + _variant(1)
)
_TWO_VARIANTS = (
    _TWO_MODELS
    + _ENDPOINT.format(mode="realtime")
    + "".join(
        f"""
[[endpoint.variants]]
name = "Variant{number}"
model = "{model}"
instance_pools = [
    {{ instance_type = "ml.m5.large", priority = 1 }},
    {{ instance_type = "ml.m5.xlarge", priority = 2 }},
]
{_variant(number)}
"""
        for number, model in ((2, "first"), (3, "second"))
    )
    + """
[endpoint.variants.scaling]
min_capacity = 3
max_capacity = 31
targets = [{ metric = "InvocationsPerInstance", value = 61 }]
"""
)
_CANARY = (
    _MODEL
    + _ENDPOINT.format(mode="realtime")
    + """
[endpoint.update]
policy = "CANARY"
capacity_percent = 34
wait_interval_in_seconds = 311
termination_wait_in_seconds = 312
maximum_execution_timeout_in_seconds = 1313

[endpoint.update.rollback]
max_5xx_percent = 2.5
max_model_latency_seconds = 3.25
alarms = ["probed-clicks"]

[[endpoint.variants]]
initial_instance_count = 8
instance_pools = [
    { instance_type = "ml.m5.large", priority = 4 },
    { instance_type = "ml.m5.xlarge", priority = 5 },
]
"""
)
_CANARY_BY_COUNT = (
    _MODEL
    + _ENDPOINT.format(mode="realtime")
    + """
[endpoint.update]
policy = "CANARY"
instance_count = 3

[[endpoint.variants]]
instance_type = "ml.m5.large"
initial_instance_count = 8
"""
)
_ROLLING = (
    """
[model]
repository = "team/probed"
tag = "4.2"
artifact = "s3://models/own/7.tar.gz"
environment = { PROBED = "repository" }
network_isolation = true
"""
    + _ENDPOINT.format(mode="realtime")
    + """
[endpoint.update]
policy = "ROLLING"
wait_interval_in_seconds = 321
maximum_execution_timeout_in_seconds = 3323

[[endpoint.variants]]
instance_type = "ml.m5.large"
initial_instance_count = 4
"""
)
_COMPONENTS = (
    _TWO_MODELS
    + _ENDPOINT.format(mode="realtime")
    + """
[endpoint.update]
wait_interval_in_seconds = 331
maximum_execution_timeout_in_seconds = 3333

[endpoint.update.rollback]
max_5xx_percent = 7.5
max_model_latency_seconds = 8.25
alarms = ["probed-copies"]

[[endpoint.variants]]
name = "Shared"
instance_type = "ml.g4dn.12xlarge"
"""
    + _variant(4)
    + """
[endpoint.variants.managed_instance_scaling]
min_instance_count = 2
max_instance_count = 29
scale_in_strategy = "CONSOLIDATION"

[[endpoint.components]]
name = "probed-component"
model = "first"
variant = "Shared"
copy_count = 6
min_memory_required_in_mb = 1341
max_memory_required_in_mb = 1342
number_of_cpu_cores_required = 1.5
number_of_accelerator_devices_required = 2
model_data_download_timeout_in_seconds = 343
container_startup_health_check_timeout_in_seconds = 344
placement_strategy = "BINPACK"
enable_caching = true

[[endpoint.components]]
name = "other"
model = "second"
min_memory_required_in_mb = 1024
copy_count = 6
"""
)
_SERVERLESS = (
    _TWO_MODELS.replace("[models.second]", "[models.unused]").partition("[models.unused]")[0]
    + _ENDPOINT.format(mode="serverless")
    + """
[endpoint.update.rollback]
max_5xx_percent = 4.5
max_model_latency_seconds = 9.25
alarms = ["probed-serverless"]

[[endpoint.variants]]
name = "Probed"
model = "first"
memory_size_in_mb = 3072
max_concurrency = 17
provisioned_concurrency = 13
"""
)
_TOPIC = "arn:aws:sns:eu-central-1:111122223333:"
_ASYNC = (
    _MODEL
    + _ENDPOINT.format(mode="async")
    + f"""
s3_output_path = "s3://probed/answers/"
s3_failure_path = "s3://probed/failures/"
max_concurrent_invocations_per_instance = 51

[endpoint.notifications]
success_topic = "{_TOPIC}probed-success"
error_topic = "{_TOPIC}probed-error"
include_inference_response_in = ["ERROR_NOTIFICATION_TOPIC"]

[endpoint.update]
policy = "CANARY"
capacity_percent = 34
wait_interval_in_seconds = 352
termination_wait_in_seconds = 353
maximum_execution_timeout_in_seconds = 9354

[endpoint.update.rollback]
max_5xx_percent = 5.5
max_model_latency_seconds = 6.25
max_failures_per_minute = 57
alarms = ["probed-async"]

[[endpoint.variants]]
instance_type = "ml.m5.large"
"""
    + _variant(5)
)
_ASYNC_BY_COUNT = _ASYNC.replace("capacity_percent = 34", "instance_count = 3")
_ASYNC_ROLLING = _ASYNC.replace('"CANARY"\ncapacity_percent = 34', '"ROLLING"').replace(
    "termination_wait_in_seconds = 353\n", ""
)
_PIPELINE = (
    _TWO_MODELS.replace("[models.second]", "network_isolation = true\n\n[models.second]")
    + _ENDPOINT.format(mode="realtime").replace("\n", '\npipeline = ["first", "second"]\n', 1)
    + '[[endpoint.variants]]\ninstance_type = "ml.m5.large"\ninitial_instance_count = 2\n'
)
_ONE = '[[endpoint.variants]]\ninstance_type = "{}"\ninitial_instance_count = 2\n'
_HUGGING_FACE = (
    """
[model]
framework = "huggingface"
version = "4.26.0"
base_framework_version = "pytorch1.13.1"
py_version = "py39"
artifact = "s3://models/text/7.tar.gz"
"""
    + _ENDPOINT.format(mode="realtime")
    + _ONE.format("ml.m5.large")
)


def _many(image: str) -> str:
    """Return a stage of many models in an image."""
    model = f'[model]\n{image}\nartifact = "s3://models/many/"\nmulti_model = true\n'
    return model + _ENDPOINT.format(mode="realtime") + _ONE.format("ml.m5.large")


def _images(dockerfile: str) -> list[str]:
    """Return the ways to name an image."""
    return [
        'framework = "sklearn"\nversion = "1.9-0"',
        'image = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/iris:probed"',
        'repository = "team/probed"\ntag = "4.2"',
        f'dockerfile = "{dockerfile}"',
    ]


def probes(folder: Path) -> list[Stage]:
    """Return the stages; the folder gets a Dockerfile, and is the one that they build from."""
    (folder / "Dockerfile").write_text("FROM scratch\n")
    images = _images(str(folder))
    one = _ENDPOINT.format(mode="realtime") + _ONE.format("ml.m5.large")
    whole = [
        f'[model]\n{image}\nartifact = "s3://models/iris/7.tar.gz"\nnetwork_isolation = true\n'
        'environment = { PROBED = "1" }\n' + one
        for image in images
    ]
    texts = [
        _VARIANT,
        _TWO_VARIANTS,
        _CANARY,
        _CANARY_BY_COUNT,
        _ROLLING,
        _COMPONENTS,
        _SERVERLESS,
        _ASYNC,
        _ASYNC_BY_COUNT,
        _ASYNC_ROLLING,
        _PIPELINE,
        _HUGGING_FACE,
        *whole,
        *map(_many, images),
    ]
    return [
        *(_read(f'region = "eu-central-1"\n{text}') for text in texts),
        *scaled(),
    ]


def scaled() -> list[Stage]:
    """Return the stages that are scaled in every way."""
    return [
        written.stage(scaled_stages.REALTIME, written.OWN_IMAGE),
        written.stage(scaled_stages.ASYNC, written.OWN_IMAGE),
        written.stage(scaled_stages.COMPONENTS),
        written.stage(scaled_stages.SERVERLESS),
    ]


def _read(text: str) -> Stage:
    document: dict[str, Any] = tomllib.loads(text)
    return Stage.read(document, Path("stages/probe.toml"))
