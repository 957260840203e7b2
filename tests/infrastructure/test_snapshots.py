"""Did anything change? `make snapshot` accepts it; the commit says why."""

from __future__ import annotations

from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from settings.stage import Stage
from tests.infrastructure.synthesis import Synthesized


def test_the_template_is_the_accepted_one(
    shipped_stage: Stage, shipped: Synthesized, snapshot: SnapshotAssertion
) -> None:
    name = shipped_stage.endpoint.name
    assert shipped.template == snapshot(name=name, extension_class=JSONSnapshotExtension)
