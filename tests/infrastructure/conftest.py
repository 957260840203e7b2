"""The stages' templates, synthesized once a session: the first synth in a process costs seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment

from model_artifact.archive import Archive
from settings.stage import Stage
from stacks.hosting_stack import HostingStack
from tests.infrastructure import scaled_stages, written
from tests.infrastructure.synthesis import CONTENT_SHA256, Synthesize, SynthesizeAll, Synthesized

STAGES = Path(__file__).parents[2] / "stages"
SHIPPED = sorted(path.relative_to(STAGES) for path in STAGES.rglob("*.toml"))


@pytest.fixture(scope="session")
def synthesize_all(
    cdk_context: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> SynthesizeAll:
    """Synthesize stages into one folder, which takes less time than one into each."""

    def synthesize_all(
        stages: Iterable[Stage], archive_sha256: str = CONTENT_SHA256
    ) -> list[Synthesized]:
        folder = tmp_path_factory.mktemp("cdk.out")
        archive = folder / "model.tar.gz"
        archive.write_bytes(b"an archive")

        def archive_of(name: str) -> Archive:
            # The models of a stage have archives of their own.
            named = sha256((archive_sha256 + name).encode()).hexdigest()
            return Archive(archive, named if name else archive_sha256)

        app = App(context=cdk_context, outdir=str(folder), analytics_reporting=False)
        stacks = [
            HostingStack(
                app,
                f"{stage.endpoint.name}{number or ''}",
                stage=stage,
                archives={
                    name: archive_of(name)
                    for name, model in stage.served.items()
                    if isinstance(model.artifact, Path) or model.has_code_apart
                },
                env=Environment(region=stage.region),
            )
            for number, stage in enumerate(stages)
        ]
        app.synth()
        return [
            Synthesized(
                json.loads((folder / stack.template_file).read_text()),
                json.loads((folder / f"{stack.artifact_id}.assets.json").read_text()),
                folder,
            )
            for stack in stacks
        ]

    return synthesize_all


@pytest.fixture(scope="session")
def synthesize(synthesize_all: Callable[..., list[Synthesized]]) -> Synthesize:
    """Synthesize a stage with an archive of a given content hash."""
    return lambda stage, *archive_sha256: synthesize_all([stage], *archive_sha256)[0]


@pytest.fixture(scope="session", params=["dev", "prod"])
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage.load(request.param, STAGES)


@pytest.fixture(scope="session")
def deployed(stage: Stage, synthesize: Synthesize) -> Synthesized:
    """What the stages dev and prod deploy."""
    return synthesize(stage)


@pytest.fixture(scope="session", params=SHIPPED, ids=lambda path: path.stem)
def shipped_stage(request: pytest.FixtureRequest) -> Stage:
    """Each stage that ships, the examples too."""
    return Stage.load(request.param.with_suffix("").as_posix(), STAGES)


@pytest.fixture(scope="session")
def shipped(shipped_stage: Stage, synthesize: Synthesize) -> Synthesized:
    """What each stage that ships deploys."""
    return synthesize(shipped_stage)


@pytest.fixture(scope="session")
def realtime(synthesize: Synthesize) -> Synthesized:
    """What scales by each metric of instances, in an image that any type of them runs."""
    return synthesize(written.stage(scaled_stages.REALTIME, written.OWN_IMAGE))


@pytest.fixture(scope="session")
def queue(synthesize: Synthesize) -> Synthesized:
    """What scales by its backlog, to zero and back."""
    return synthesize(written.stage(scaled_stages.ASYNC, written.OWN_IMAGE))


@pytest.fixture(scope="session")
def components(synthesize: Synthesize) -> Synthesized:
    """What scales by the copies of its components."""
    return synthesize(written.stage(scaled_stages.COMPONENTS))


@pytest.fixture(scope="session")
def serverless(synthesize: Synthesize) -> Synthesized:
    """What scales by its provisioned concurrency."""
    return synthesize(written.stage(scaled_stages.SERVERLESS))
