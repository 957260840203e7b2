"""The CDK app: a stage's file, the archive of its model, and the stack that hosts it."""

import sys
from pathlib import Path

from aws_cdk import App, Environment

from model_artifact.archive import ArchiveError
from model_artifact.preparation import check, prepare
from stacks.hosting_stack import HostingStack
from stacks.stage import Stage
from stacks.stage_errors import StageError

ROOT = Path(__file__).parent


def main() -> None:
    """Synthesize the stage named by `-c stage=NAME` or `-c stage=PATH.toml`, or dev."""
    app = App()
    stage = Stage.load(app.node.try_get_context("stage") or "dev", ROOT / "stages")
    archive = prepare(stage, ROOT)
    check(archive, stage, app.node.try_get_context("inspect"))
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
    except KeyboardInterrupt:
        sys.exit(130)
