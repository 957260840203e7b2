"""The CDK app: a stage's file, the archives of its models, and the stack that hosts them."""

import os
import signal
import sys

if __name__ == "__main__":

    def end(*_: object) -> None:
        """Tidy up and end by the signal, without what Python and jsii's Node say about that."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, end)  # before the imports, which take seconds

from pathlib import Path

from model_artifact.build import give_jsii_a_cache, keep_cdk_out_private

if __name__ == "__main__":
    give_jsii_a_cache(Path(__file__).parent)  # before the CDK is imported

from aws_cdk import App, Environment

from model_artifact.archive import ArchiveError
from model_artifact.preparation import check, prepare
from settings.errors import StageError
from settings.stage import Stage
from stacks.hosting_stack import HostingStack

ROOT = Path(__file__).parent


def main() -> None:
    """Synthesize the stage named by `-c stage=NAME` or `-c stage=PATH.toml`, or dev."""
    app = App()
    keep_cdk_out_private(Path(app.outdir))
    stage = Stage.load(str(app.node.try_get_context("stage") or "dev"), ROOT / "stages")
    archives = prepare(stage, ROOT)
    check(archives, stage, app.node.try_get_context("inspect"))
    stack = HostingStack(
        app,
        stage.endpoint.name,
        stage=stage,
        archives=archives,
        root=ROOT,
        env=Environment(region=stage.region),
    )
    for name, image in stack.image_uris.items():
        print(f"{stage.endpoint.name} {name}".rstrip() + f": image {image}", file=sys.stderr)
    print(f"{stage.endpoint.name}: updates {stage.endpoint.rollout}", file=sys.stderr)
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except (StageError, ArchiveError) as error:
        sys.exit(str(error))
