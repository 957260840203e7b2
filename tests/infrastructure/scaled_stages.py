"""Stages that are scaled in every way that there is, written as TOML."""

from __future__ import annotations

from tests.infrastructure.written import endpoint

GPU = "ml.g4dn.xlarge"

REALTIME = (
    endpoint(instance_type=GPU)
    + """
[endpoint.variants.scaling]
min_capacity = 2
max_capacity = 8
scale_in_cooldown_seconds = 400
scale_out_cooldown_seconds = 40

[[endpoint.variants.scaling.targets]]
metric = "InvocationsPerInstance"
value = 600

[[endpoint.variants.scaling.targets]]
metric = "ConcurrentRequestsPerModel"
value = 5

[[endpoint.variants.scaling.targets]]
metric = "CPUUtilization"
value = 70

[[endpoint.variants.scaling.targets]]
metric = "MemoryUtilization"
value = 71

[[endpoint.variants.scaling.targets]]
metric = "GPUUtilization"
value = 72

[[endpoint.variants.scaling.targets]]
metric = "GPUMemoryUtilization"
value = 73

[[endpoint.variants.scaling.targets]]
metric = "DiskUtilization"
value = 74

[[endpoint.variants.scaling.targets]]
name = "Own"
value = 12.5
[endpoint.variants.scaling.targets.metric]
namespace = "Shop"
metric_name = "Baskets"
dimensions = { Site = "north" }
statistic = "Maximum"
unit = "Count"

[[endpoint.variants.scaling.targets]]
name = "Math"
value = 20
[endpoint.variants.scaling.targets.metric]
expression = "target / watched"
metrics.target = { namespace = "AWS/SageMaker", metric_name = "Invocations", statistic = "Sum" }
[endpoint.variants.scaling.targets.metric.metrics.watched]
namespace = "/aws/sagemaker/Endpoints"
metric_name = "CPUUtilization"
statistic = "SampleCount"
unit = "Percent"

[[endpoint.variants.scaling.steps]]
name = "Busy"
metric = "ConcurrentRequestsPerModel"
threshold = 5
period = 10
evaluation_periods = 3
adjustment_type = "PercentChangeInCapacity"
min_adjustment_magnitude = 2
cooldown = 120
step_adjustments = [
    { metric_interval_lower_bound = 0, metric_interval_upper_bound = 5, scaling_adjustment = 10 },
    { metric_interval_lower_bound = 5, scaling_adjustment = 50 },
]

[[endpoint.variants.scaling.steps]]
name = "Idle"
metric = "InvocationsPerInstance"
threshold = 10
comparison_operator = "LessThanThreshold"
step_adjustments = [{ metric_interval_upper_bound = 0, scaling_adjustment = -1 }]

[[endpoint.variants.scaling.steps]]
name = "Ratio"
threshold = 1
step_adjustments = [{ metric_interval_lower_bound = 0, scaling_adjustment = 1 }]
[endpoint.variants.scaling.steps.metric]
expression = "IF(target > 0, watched)"
metrics.target = { namespace = "AWS/SageMaker", metric_name = "Invocations", statistic = "Sum" }
metrics.watched = { namespace = "Shop", metric_name = "Baskets", dimensions = {} }

[[endpoint.variants.scaling.schedule]]
name = "Morning"
schedule = "cron(0 8 ? * MON-FRI *)"
timezone = "Europe/Berlin"
start_time = 2027-01-31T08:00:00+02:00
end_time = 2027-12-31T00:00:00Z
min_capacity = 4
max_capacity = 8

[[endpoint.variants.scaling.schedule]]
name = "Each half day"
schedule = "rate(12 hours)"
max_capacity = 8

[[endpoint.variants.scaling.schedule]]
name = "Sale"
schedule = "at(2027-11-26T00:00:00)"
min_capacity = 8
max_capacity = 16
"""
)

ASYNC = (
    endpoint(count=1, mode="async", instance_type=GPU)
    + """
[endpoint.variants.scaling]
min_capacity = 0
max_capacity = 5

[[endpoint.variants.scaling.targets]]
metric = "ApproximateBacklogSizePerInstance"
value = 5

[[endpoint.variants.scaling.targets]]
metric = "GPUUtilization"
value = 70
[[endpoint.variants.scaling.steps]]
name = "Old"
metric = "ApproximateAgeOfOldestRequest"
threshold = 600
step_adjustments = [{ metric_interval_lower_bound = 0, scaling_adjustment = 2 }]

[[endpoint.variants.scaling.targets]]
name = "Queue"
value = 20
[endpoint.variants.scaling.targets.metric]
expression = "queue / FILL(instances, 1)"
metrics.queue = { namespace = "AWS/SageMaker", metric_name = "ApproximateBacklogSize" }
[endpoint.variants.scaling.targets.metric.metrics.instances]
namespace = "/aws/sagemaker/Endpoints"
metric_name = "CPUUtilization"
statistic = "SampleCount"
"""
)

COMPONENTS = (
    endpoint()
    + """managed_instance_scaling = { min_instance_count = 0, max_instance_count = 4 }

[[endpoint.components]]
name = "iris-trees"
min_memory_required_in_mb = 1024

[endpoint.components.scaling]
min_capacity = 0
max_capacity = 4

[[endpoint.components.scaling.targets]]
metric = "InvocationsPerCopy"
value = 60

[[endpoint.components.scaling.targets]]
metric = "ConcurrentRequestsPerCopy"
value = 5

[[endpoint.components.scaling.targets]]
metric = "CPUUtilizationNormalized"
value = 70

[[endpoint.components.scaling.targets]]
metric = "MemoryUtilizationNormalized"
value = 71

[[endpoint.components.scaling.targets]]
metric = "GPUUtilizationNormalized"
value = 72

[[endpoint.components.scaling.targets]]
metric = "GPUMemoryUtilizationNormalized"
value = 73

[[endpoint.components]]
name = "iris-lines"
min_memory_required_in_mb = 1024
"""
)

SERVERLESS = """
[endpoint]
name = "iris"
mode = "serverless"

[[endpoint.variants]]
name = "A"
memory_size_in_mb = 2048
max_concurrency = 20
provisioned_concurrency = 2

[endpoint.variants.scaling]
min_capacity = 1
max_capacity = 10

[[endpoint.variants.scaling.targets]]
metric = "ProvisionedConcurrencyUtilization"
value = 0.7

[[endpoint.variants.scaling.steps]]
name = "Full"
metric = "ProvisionedConcurrencyUtilization"
threshold = 0.9
step_adjustments = [{ metric_interval_lower_bound = 0, scaling_adjustment = 5 }]
"""
