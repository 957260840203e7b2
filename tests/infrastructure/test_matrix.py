"""Every cell of mode × shape × scaling × update is deployed as it says, or refused by name."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from settings.errors import StageError
from settings.stage import Stage
from stacks.metrics import PREDEFINED
from tests.infrastructure.matrix import MODES, SCALINGS, SHAPES, UPDATES, Cell, cells
from tests.infrastructure.synthesis import (
    COMPONENT,
    CONFIG,
    ENDPOINT,
    MODEL,
    SCALING_POLICY,
    TARGET,
    SynthesizeAll,
    Synthesized,
    lint,
)

DEPLOYED = {
    "one variant": {"realtime": 30, "serverless": 16, "async": 27},
    "several variants": {"realtime": 24, "async": 22},
    "shadow": {"realtime": 24},
    "pipeline": {"realtime": 30},
    "multi-model": {"realtime": 30},
    "components": {"realtime": 14},
}
"""How many cells of each shape and mode deploy. What changes here changes what users may write."""

LINE = re.compile(r"matrix\.toml: (endpoint|models?)(\.\w+)+ is [^:]+: [^;]+; .+")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_cell_is_deployed_as_it_says_or_refused_by_name(
    shape: str, synthesize_all: SynthesizeAll, record_property: Callable[[str, object], None]
) -> None:
    stages, refused = {}, []
    for cell in cells(shape):
        try:
            stages[cell] = Stage.read(cell.document, Path("matrix.toml"))
        except StageError as error:
            refused.append(cell)
            for line in str(error).splitlines():
                assert LINE.fullmatch(line), f"{cell}: {line}"
    deployed = dict(zip(stages, synthesize_all(stages.values()), strict=True))
    for cell, one in deployed.items():
        assert unlike(cell, one) == [], cell
    templates = [one.template for one in deployed.values()]
    assert lint(together(templates)) == []
    assert lint(max(templates, key=lambda template: len(template["Resources"]))) == []
    record_property(f"matrix, {shape}", f"{len(deployed)} cells deploy, {len(refused)} are refused")
    assert len(deployed) + len(refused) == len(MODES) * len(SCALINGS) * len(UPDATES)
    assert Counter(cell.mode for cell in deployed) == DEPLOYED[shape]
    assert all(one.validated() == [] for one in deployed.values())


def together(templates: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return a template of all resources of several, each once, for it to be linted once.

    A resource is the same if it says the same and refers to the same ones.
    """
    everything: dict[str, Any] = {}
    for template in templates:
        resources = template["Resources"]
        names: dict[str, str] = {}

        def name(
            logical_id: str,
            resources: dict[str, Any] = resources,
            names: dict[str, str] = names,
        ) -> str:
            if logical_id not in names:
                # A policy has its own logical id for a name.
                others = resources.keys() - {logical_id}
                text = re.sub(
                    r'"(\w+)"',
                    lambda each: f'"{name(each[1])}"' if each[1] in others else each[0],
                    json.dumps(resources[logical_id]),
                )
                names[logical_id] = logical_id + sha256(text.encode()).hexdigest()[:16]
                everything[names[logical_id]] = json.loads(text)
            return names[logical_id]

        for logical_id in resources:
            name(logical_id)
    # Cells have the same names, which within one template must be of one resource.
    lint = {"config": {"ignore_checks": ["W2001", "E3019"]}}
    return {**template, "Resources": everything, "Outputs": {}, "Metadata": {"cfn-lint": lint}}


def unlike(cell: Cell, one: Synthesized) -> list[str]:
    """Return what a cell says and its template does not."""
    said = {
        "mode": _mode(one) == cell.mode,
        "shape": _shape(one) == cell.shape,
        "scaling": _scales(cell, one),
        "update": cell.update in ("unsaid", *_updates(one)),
        "chosen": all(
            one.template["Metadata"]["Slipway"]["Update"].startswith(each) for each in _updates(one)
        ),
    }
    return [what for what, shown in said.items() if not shown]


def _mode(one: Synthesized) -> str:
    config = one.of_type(CONFIG)
    if "AsyncInferenceConfig" in config:
        return "async"
    serverless = ["ServerlessConfig" in variant for variant in config["ProductionVariants"]]
    return "serverless" if all(serverless) else "realtime"


def _shape(one: Synthesized) -> str:
    config = one.of_type(CONFIG)
    models = [model["Properties"] for model in one.all_of_type(MODEL).values()]
    shown = {
        "several variants": len(config["ProductionVariants"]) == 2,
        "shadow": len(config.get("ShadowProductionVariants", ())) == 1,
        "pipeline": [len(model.get("Containers", ())) for model in models] == [2],
        "multi-model": "MultiModel" in json.dumps(models),
        "components": len(one.all_of_type(COMPONENT)) == 2,
    }
    (shape,) = [name for name, is_it in shown.items() if is_it] or ["one variant"]
    return shape


def _scales(cell: Cell, one: Synthesized) -> bool:
    """Tell whether each count that is scaled is, by the cell's measure alone."""
    targets = [target["Properties"] for target in one.all_of_type(TARGET).values()]
    policies = [policy["Properties"] for policy in one.all_of_type(SCALING_POLICY).values()]
    if cell.scaling == "none":
        return not targets and not policies
    counts = 2 if cell.shape in ("several variants", "components") else 1
    lowest = 0 if cell.scaling == "to zero" else 2
    if [(each["MinCapacity"], each["MaxCapacity"]) for each in targets] != [(lowest, 8)] * counts:
        return False
    if cell.scaling == "schedule":
        return not policies and all(len(each["ScheduledActions"]) == 1 for each in targets)
    if cell.scaling == "step":
        return [each["PolicyName"] for each in policies] == ["ModelLatencyGreater"] * counts
    tracked = [_tracked(each) for each in policies if each["PolicyType"] == "TargetTrackingScaling"]
    steps = [each["PolicyName"] for each in policies if each["PolicyType"] == "StepScaling"]
    assert cell.metric
    return tracked == [PREDEFINED.get(cell.metric, cell.metric)] * counts and steps == [
        "FromZero"
    ] * (0 if lowest else counts)


def _tracked(policy: dict[str, Any]) -> str:
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 0.7
    if "PredefinedMetricSpecification" in tracking:
        return str(tracking["PredefinedMetricSpecification"]["PredefinedMetricType"])
    return str(tracking["CustomizedMetricSpecification"]["MetricName"])


def _updates(one: Synthesized) -> set[str]:
    """Return the policies by which the endpoint, or its components, are updated."""
    owners = one.all_of_type(COMPONENT) or one.all_of_type(ENDPOINT)
    configs = [owner["Properties"]["DeploymentConfig"] for owner in owners.values()]
    return {
        "ROLLING"
        if "RollingUpdatePolicy" in config
        else config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"]
        for config in configs
    }
