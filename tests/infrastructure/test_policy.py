"""What others' rules say of the templates."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnResource, Stack

from tests.infrastructure.synthesis import CONFIG, Synthesized, lint


def test_cfn_lint_and_the_cdks_own_validation_have_nothing_to_say(shipped: Synthesized) -> None:
    assert shipped.findings() == []


def test_what_cfn_lint_finds_wrong_is_found(deployed: Synthesized) -> None:
    template = deepcopy(deployed.template)
    (config,) = (each for each in template["Resources"].values() if each["Type"] == CONFIG)
    config["Properties"]["ProductionVariants"][0]["InitialInstanceCount"] = 0
    (found,) = lint(template)
    assert found.startswith("E3034 ")
    assert "0 is less than the minimum of 1" in found


def test_cfn_lint_does_what_a_templates_metadata_tells_it(deployed: Synthesized) -> None:
    # `cdk synth` prints templates so: with a parameter that nothing uses any more.
    template = {key: value for key, value in deployed.template.items() if key != "Rules"}
    assert lint(template) == []
    del template["Metadata"]
    assert [found.split()[0] for found in lint(template)] == ["W2001"]


def test_what_the_cdks_own_validation_finds_wrong_stops_the_synth(
    cdk_context: dict[str, Any], tmp_path: Path
) -> None:
    app = App(context=cdk_context, outdir=str(tmp_path), analytics_reporting=False)
    CfnResource(Stack(app, "Wrong"), "Config", type=CONFIG, properties={})
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
