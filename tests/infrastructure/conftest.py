"""The stages' templates, synthesized once a session: the first synth in a process costs seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment

from model_artifact.archive import Archive
from stacks.hosting_stack import HostingStack
from stacks.stage import Stage
from tests.infrastructure.synthesis import CONTENT_SHA256, Synthesize, Synthesized

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def synthesize(cdk_context: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Synthesize:
    """Synthesize a stage with an archive of a given content hash."""
    archive = tmp_path_factory.mktemp("build") / "model.tar.gz"
    archive.write_bytes(b"an archive")

    def synthesize(stage: Stage, archive_sha256: str = CONTENT_SHA256) -> Synthesized:
        folder = tmp_path_factory.mktemp("cdk.out")
        app = App(context=cdk_context, outdir=str(folder), analytics_reporting=False)
        stack = HostingStack(
            app,
            stage.endpoint.name,
            stage=stage,
            archives={
                name: Archive(archive, archive_sha256)
                for name, model in stage.served.items()
                if isinstance(model.artifact, Path)
            },
            env=Environment(region=stage.region),
        )
        app.synth()
        return Synthesized(
            json.loads((folder / stack.template_file).read_text()),
            json.loads((folder / f"{stack.artifact_id}.assets.json").read_text()),
            folder,
        )

    return synthesize


@pytest.fixture(scope="session", params=["dev", "prod"])
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage.load(request.param, ROOT / "stages")


@pytest.fixture(scope="session")
def deployed(stage: Stage, synthesize: Synthesize) -> Synthesized:
    """What each stage that ships deploys."""
    return synthesize(stage)
