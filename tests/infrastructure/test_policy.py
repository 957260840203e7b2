"""What others' rules say of the templates."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnResource, Stack

from tests.infrastructure.synthesis import CONFIG, Synthesized


def test_cfn_lint_has_nothing_to_say(deployed: Synthesized, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps(deployed.template))
    lint = subprocess.run(["cfn-lint", str(file)], capture_output=True, text=True, check=False)
    assert (lint.stdout, lint.stderr, lint.returncode) == ("", "", 0)


def test_the_cdks_own_validation_has_nothing_to_say(deployed: Synthesized) -> None:
    report = json.loads((deployed.folder / "validation-report.json").read_text())
    assert [v for plugin in report["pluginReports"] for v in plugin["violations"]] == []


def test_what_the_cdks_own_validation_finds_wrong_stops_the_synth(
    cdk_context: dict[str, Any], tmp_path: Path
) -> None:
    app = App(context=cdk_context, outdir=str(tmp_path), analytics_reporting=False)
    CfnResource(Stack(app, "Wrong"), "Config", type=CONFIG, properties={})
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
