"""What docs/settings.md shows of TOML: each example loads as a stage, and each refusal does not.

An example says what differs from BASE: its tables are merged with those, its arrays replace them.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from settings.stage import Stage

BASE = """\
region = "eu-central-1"

[model]
framework = "sklearn"
version = "1.9-0"

[endpoint]
name = "iris"

[[endpoint.variants]]
instance_type = "ml.m5.large"
initial_instance_count = 2
"""

TWO_MODELS = """\
[models.new]
framework = "sklearn"
version = "1.9-0"
artifact = "new/model"

[models.old]
framework = "sklearn"
version = "1.4-2"
artifact = "old/model"
"""

IN_S3 = """\
[model]
artifact = "s3://my-models/churn/"
multi_model = true
"""

SERVERLESS = """\
[endpoint]
mode = "serverless"

[[endpoint.variants]]
memory_size_in_mb = 2048
max_concurrency = 20
"""

COMPONENTS = """\
[[endpoint.variants]]
instance_type = "ml.m5.4xlarge"
initial_instance_count = 1
managed_instance_scaling = { min_instance_count = 1, max_instance_count = 4 }

[[endpoint.components]]
name = "ranker"
min_memory_required_in_mb = 4096
"""

WEIGHTS = f"""\
{TWO_MODELS}
[[endpoint.variants]]
name = "Old"
model = "old"
instance_type = "ml.m5.large"
initial_instance_count = 2
initial_variant_weight = 9

[[endpoint.variants]]
name = "New"
model = "new"
instance_type = "ml.m5.large"
initial_instance_count = 2
initial_variant_weight = 1
"""

PIPELINE = f"""\
{TWO_MODELS}
[endpoint]
pipeline = ["old", "new"]
"""

SHADOW = f"""\
{TWO_MODELS}
[[endpoint.variants]]
model = "old"
instance_type = "ml.m5.large"
initial_instance_count = 2

[endpoint.shadow]
name = "Shadow"
model = "new"
instance_type = "ml.m5.large"
initial_instance_count = 1
initial_variant_weight = 0.5
"""

ASYNC = """\
[endpoint]
mode = "async"
max_concurrent_invocations_per_instance = 1

[[endpoint.variants]]
instance_type = "ml.m5.large"
initial_instance_count = 2
"""

WARM = f"{SERVERLESS}provisioned_concurrency = 5\n"

PLACES = {
    "real-time variants": BASE[BASE.index("[[") :],
    "serverless variants": WARM,
    "async variants": ASYNC,
    "components": COMPONENTS,
}
"""What scales, each example ending in the table that [….scaling] belongs to."""


def scaled(place: str, metric: str, low: int = 1) -> str:
    """Return one of PLACES with a target for a metric."""
    table = "components" if place == "components" else "variants"
    return (
        f"{PLACES[place]}\n[endpoint.{table}.scaling]\nmin_capacity = {low}\nmax_capacity = 8\n"
        f'targets = [{{ metric = "{metric}", value = 0.7 }}]\n'
    )


BACKLOG = "ApproximateBacklogSizePerInstance"

SHAPES = {
    "one variant": ("realtime", "`[[endpoint.variants]]`", "instances", BASE),
    "several variants": (
        "realtime",
        "several `[[endpoint.variants]]`, each with an `initial_variant_weight`",
        "instances, each variant by itself",
        WEIGHTS,
    ),
    "shadow variant": (
        "realtime",
        "`[endpoint.shadow]` beside one variant",
        "instances of the production variant",
        SHADOW,
    ),
    "pipeline": ("realtime", '`pipeline = ["first", "second"]`', "instances", PIPELINE),
    "multi-model": ("realtime", "`multi_model = true` in the model", "instances", IN_S3),
    "inference components": (
        "realtime",
        "`[[endpoint.components]]`, and `managed_instance_scaling` of the variant",
        "copies of each component; SageMaker adds the instances",
        COMPONENTS,
    ),
    "on demand": ("serverless", '`mode = "serverless"`', "AWS does it", SERVERLESS),
    "kept warm": (
        "serverless",
        "the same, with `provisioned_concurrency`",
        "provisioned concurrency",
        WARM,
    ),
    "queue": ("async", '`mode = "async"`', "instances", ASYNC),
    "queue, to zero": (
        "async",
        f"the same, with `min_capacity = 0` and a target for `{BACKLOG}`",
        "instances, to 0 and back",
        scaled("async variants", BACKLOG, 0),
    ),
}
"""Every mode and shape: its mode, how it is written, what of it scales, and an example."""

_SCALED_SHADOW = """\
[endpoint.shadow.scaling]
min_capacity = 1
max_capacity = 4
targets = [{ metric = "InvocationsPerInstance", value = 600 }]
"""
_TWO_SERVERLESS = """\
[[endpoint.variants]]
memory_size_in_mb = 1024
max_concurrency = 5

[[endpoint.variants]]
name = "Second"
memory_size_in_mb = 1024
max_concurrency = 5
"""
_CONCURRENCY = "ProvisionedConcurrencyUtilization"

REFUSED: dict[str, tuple[str, ...]] = {
    "`[model]` and `[models.NAME]`": (f"{TWO_MODELS}[model]\n",),
    "a shadow, with several variants": (SHADOW, WEIGHTS),
    "a shadow, with a pipeline": (SHADOW, PIPELINE),
    "a shadow, with inference components": (SHADOW, COMPONENTS),
    "a shadow that scales": (SHADOW, _SCALED_SHADOW),
    "a shadow, with a multi-model model": (SHADOW, IN_S3.replace("model]", "models.old]")),
    "a pipeline, with inference components": (COMPONENTS, PIPELINE),
    "`managed_instance_scaling`, without inference components": (
        COMPONENTS.partition("[[endpoint.components]]")[0],
    ),
    "`scaling` of a variant, with inference components": (
        COMPONENTS,
        scaled("real-time variants", "CPUUtilization"),
    ),
    "multi-model, serverless": (SERVERLESS, IN_S3),
    "multi-model, async": (ASYNC, IN_S3),
    "multi-model, as an inference component": (COMPONENTS, IN_S3),
    "several variants, serverless": (SERVERLESS, _TWO_SERVERLESS),
    "serverless `scaling`, without `provisioned_concurrency`": (
        scaled("serverless variants", _CONCURRENCY).replace("provisioned_concurrency = 5\n", ""),
    ),
    "real-time instances to zero": (scaled("real-time variants", "InvocationsPerInstance", 0),),
    "provisioned concurrency to zero": (scaled("serverless variants", _CONCURRENCY, 0),),
    "async instances to zero, without a target for the backlog": (
        scaled("async variants", "CPUUtilization", 0),
    ),
    "burstable instances that scale": (
        scaled("real-time variants", "InvocationsPerInstance").replace("ml.m5", "ml.t2"),
    ),
    "CANARY of one instance": (
        'endpoint.update.policy = "CANARY"',
        BASE.replace("count = 2", "count = 1"),
    ),
    "CANARY of Inf1 instances": (
        'endpoint.update.policy = "CANARY"',
        BASE.replace("ml.m5.large", "ml.inf1.xlarge")
        .replace("sklearn", "inferentia-pytorch")
        .replace("1.9-0", "1.9"),
    ),
    "CANARY of inference components": (COMPONENTS, 'endpoint.update.policy = "CANARY"'),
    "ROLLING of several variants": (WEIGHTS, 'endpoint.update.policy = "ROLLING"'),
    "ROLLING with a shadow": (SHADOW, 'endpoint.update.policy = "ROLLING"'),
    "ROLLING, serverless": (SERVERLESS, 'endpoint.update.policy = "ROLLING"'),
}
"""Settings that are right by themselves and cannot work together: their examples, merged."""


def read(*examples: str) -> Stage:
    """Load BASE with examples merged into it, one after the other. Raises StageError."""
    document = tomllib.loads(BASE)
    for example in examples:
        document = _merged(document, tomllib.loads(example))
    return Stage.read(document, Path("stage.toml"))


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = base | {
        key: _merged(base[key], value)
        if isinstance(value, dict) and isinstance(base.get(key), dict)
        else value
        for key, value in over.items()
    }
    if "models" in over and "model" not in over:
        merged.pop("model", None)
    if {"image", "repository", "dockerfile"} & over.keys():
        return over
    return merged
