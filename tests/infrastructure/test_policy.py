"""What others' rules say of the templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnResource, Stack

from tests.infrastructure.synthesis import CONFIG, Synthesized


def test_cfn_lint_and_the_cdks_own_validation_have_nothing_to_say(deployed: Synthesized) -> None:
    assert deployed.findings() == []


def test_what_the_cdks_own_validation_finds_wrong_stops_the_synth(
    cdk_context: dict[str, Any], tmp_path: Path
) -> None:
    app = App(context=cdk_context, outdir=str(tmp_path), analytics_reporting=False)
    CfnResource(Stack(app, "Wrong"), "Config", type=CONFIG, properties={})
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
