"""What a stage says about keys in a wrong place, and about values written in a wrong way."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from settings.errors import StageError
from settings.stage import Stage

HEAD = """
region = "eu-central-1"
[model]
framework = "sklearn"
version = "1.9-0"
"""
VARIANT = """
[[endpoint.variants]]
instance_type = "ml.m5.large"
initial_instance_count = 2
"""


@pytest.mark.parametrize(
    ("document", "said"),
    {
        "a table with the name of one": (
            f'[endpoint]\nname = "a"\n{VARIANT.replace("[[", "[").replace("]]", "]")}',
            "write [[endpoint.variants]], in two brackets",
        ),
        "two of what there is one of": (
            f'[endpoint]\nname = "a"\n{VARIANT}{VARIANT.replace("variants", "shadow")}',
            "write [endpoint.shadow], in one pair of brackets",
        ),
        "one name where there may be several": (
            f'[endpoint]\nname = "a"\npipeline = "a"\n{VARIANT}',
            "endpoint.pipeline is 'a': it cannot be used; write an array",
        ),
        "a key of the endpoint below a variant": (
            f'[endpoint]\nname = "a"\n{VARIANT}pipeline = ["a", "b"]\n',
            (
                "endpoint.variants.0.pipeline is ['a', 'b']: there is no such setting here; "
                "move it to [endpoint]"
            ),
        ),
        "a key of the file below a variant": (
            f'[endpoint]\nname = "a"\n{VARIANT}region = "eu-west-1"\n',
            "move it to the top of the file",
        ),
        "a table of an update's": (
            f'[endpoint]\nname = "a"\n{VARIANT}[endpoint.rollback]\nalarms = []\n',
            (
                "endpoint.rollback is {'alarms': []}: there is no such setting here; "
                "move it to [endpoint.update]"
            ),
        ),
        "a bound of a scaling's": (
            f'[endpoint]\nname = "a"\n{VARIANT}min_capacity = 2\n',
            "move it to [endpoint.variants.scaling] or [[endpoint.variants.scaling.schedule]]",
        ),
        "a misspelt metric": (
            (
                f'[endpoint]\nname = "a"\n{VARIANT}[endpoint.variants.scaling]\nmin_capacity = 1\n'
                'max_capacity = 2\ntargets = [{ metric = "InvocationPerInstance", value = 60 }]\n'
            ),
            (
                "targets.0.metric is 'InvocationPerInstance': it cannot be used; "
                "did you mean InvocationsPerInstance?"
            ),
        ),
        "a policy in small letters": (
            f'[endpoint]\nname = "a"\n{VARIANT}[endpoint.update]\npolicy = "canary"\n',
            "did you mean CANARY?",
        ),
        "a name with what no name has": (
            f'[endpoint]\nname = "a_b"\n{VARIANT}',
            'endpoint.name is \'a_b\': "_" is not allowed at character 2; write like "my-iris-2"',
        ),
        "a path without its scheme": (
            f'[endpoint]\nname = "a"\nmode = "async"\ns3_output_path = "bucket/out"\n{VARIANT}',
            'write like "s3://my-bucket/folder/"',
        ),
        "a table in place of one of several": (
            '[endpoint]\nname = "a"\nvariants = ["a"]\n',
            "endpoint.variants.0 is 'a': it cannot be used; write a table, [[endpoint.variants]]",
        ),
        "memory of instances": (
            f'[endpoint]\nname = "a"\n{VARIANT}memory_size_in_mb = 2048\n',
            (
                "endpoint.variants.0.memory_size_in_mb is given: it is a setting of mode "
                "serverless alone; remove it, or change endpoint.mode"
            ),
        ),
        "memory of a shadow's instances": (
            (
                f'[endpoint]\nname = "a"\n{VARIANT}'
                f"{VARIANT.replace('[[endpoint.variants]]', '[endpoint.shadow]')}"
                'name = "b"\nmemory_size_in_mb = 2048\n'
            ),
            "endpoint.shadow.memory_size_in_mb is given: it is a setting of mode serverless alone",
        ),
        "a shadow of an asynchronous endpoint": (
            f'[endpoint]\nname = "a"\nmode = "async"\n{VARIANT}[endpoint.shadow]\n',
            "endpoint.shadow is given: it is a setting of mode realtime alone",
        ),
        "failures of requests that do not wait": (
            (
                f'[endpoint]\nname = "a"\n{VARIANT}'
                "[endpoint.update.rollback]\nmax_failures_per_minute = 1\n"
            ),
            "max_failures_per_minute is given: it is a setting of mode async alone",
        ),
        "another kind of metric's key below a metric": (
            (
                f'[endpoint]\nname = "a"\n{VARIANT}[endpoint.variants.scaling]\nmin_capacity = 1\n'
                "max_capacity = 2\ntargets = [{ value = 60, metric = "
                '{ expression = "a", namespace = "b", metrics = '
                '{ a = { namespace = "c", metric_name = "d" } } } }]\n'
            ),
            "move it to [endpoint.variants.scaling.targets.metric.metrics.NAME]",
        ),
    }.values(),
)
def test_a_key_or_a_value_in_a_wrong_place_is_told_where_it_belongs(
    document: str, said: str
) -> None:
    with pytest.raises(StageError) as caught:
        Stage.read(tomllib.loads(HEAD + document), Path("wrong.toml"))
    (line,) = str(caught.value).splitlines()
    assert said in line


def test_instances_of_a_serverless_variant_are_told_the_modes_that_have_them() -> None:
    document = tomllib.loads(f'{HEAD}[endpoint]\nname = "a"\nmode = "serverless"\n{VARIANT}')
    with pytest.raises(
        StageError, match=r"instance_type is given: .* mode realtime or async alone"
    ):
        Stage.read(document, Path("wrong.toml"))
