"""The CDK app: a stage's file, the archive of its model, and the stack that hosts it."""

import sys
from pathlib import Path

from aws_cdk import App, Environment

from model_artifact.archive import ArchiveError, build_archive
from stacks.hosting_stack import HostingStack
from stacks.stage import Stage
from stacks.stage_errors import StageError

ROOT = Path(__file__).parent


def main() -> None:
    """Synthesize the stage named by `-c stage=NAME` or `-c stage=PATH.toml`, or dev."""
    app = App()
    name = app.node.try_get_context("stage") or "dev"
    stage = Stage.load(name, ROOT / "stages")
    artifact, code, archive = stage.model.artifact, stage.model.code_folder, None
    if isinstance(artifact, Path):
        destination = ROOT / "build" / stage.endpoint.name / "model.tar.gz"
        archive = build_archive(ROOT / artifact, ROOT / code if code else None, destination)
    else:
        how = f"; download it, then `python -m model_artifact inspect FILE --stage {name}`"
        said = f"{artifact} was not inspected{'' if artifact.is_prefix else how}"
        print(f"{stage.endpoint.name}: {said}", file=sys.stderr)
    stack = HostingStack(
        app,
        stage.endpoint.name,
        stage=stage,
        archive=archive,
        root=ROOT,
        env=Environment(region=stage.region),
    )
    print(f"{stage.endpoint.name}: image {stack.image_uri}", file=sys.stderr)
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except (StageError, ArchiveError) as error:
        sys.exit(str(error))
