"""Several stages in one app, each as app.py composes it: STAGES names them."""

import os
import sys
from pathlib import Path

from aws_cdk import App, Environment

ROOT = Path.cwd()
sys.path.insert(0, str(ROOT))

from model_artifact.preparation import prepare  # noqa: E402 - the project's own, not a checkout's
from settings.stage import Stage  # noqa: E402
from stacks.hosting_stack import HostingStack  # noqa: E402

app = App()
for name in os.environ["STAGES"].split():
    stage = Stage.load(name, ROOT / "stages")
    HostingStack(
        app,
        stage.endpoint.name,
        stage=stage,
        archives=prepare(stage, ROOT),
        root=ROOT,
        env=Environment(region=stage.region),
    )
app.synth()
