from __future__ import annotations

import asyncio
from typing import Any

import pytest

from local_cloud.bootstrap import Bootstrap


class CloudFormation:
    """Fails as often as it is told to, and counts."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.created = 0

    def create_stack(self, **_: Any) -> None:
        self.created += 1
        if self.created <= self.failures:
            raise RuntimeError("not yet")

    def get_waiter(self, _: str) -> CloudFormation:
        return self

    def wait(self, **_: Any) -> None: ...


@pytest.mark.parametrize("failures", [0, 1])
def test_a_region_is_bootstrapped_once_and_tried_again_after_a_failure(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_cloud.bootstrap._template", lambda: "{}")
    cloudformation = CloudFormation(failures)

    async def use() -> Bootstrap:
        bootstrap = Bootstrap(lambda _service, _region: cloudformation)  # type: ignore[arg-type]
        for _ in range(4):
            await asyncio.gather(*(bootstrap.ensure("eu-west-1") for _ in range(3)))
        return bootstrap

    assert asyncio.run(use()).regions == ["eu-west-1"]
    assert cloudformation.created == failures + 1
