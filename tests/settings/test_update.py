"""How an update is chosen, and which are refused: against the bounds that AWS documents.

SageMaker API reference: TrafficRoutingConfig (a canary is 50 % of a variant's instances at most, a
linear step 10 to 50 %), RollingUpdatePolicy (a batch is 5 to 50 %) and BlueGreenUpdatePolicy (the
timeout is larger than all waits together).
"""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.update import Movable, Update, choose

BOUNDS = {"CANARY": (0, 50), "LINEAR": (10, 50), "ROLLING": (5, 50)}
COUNTS = st.integers(0, 60)


@st.composite
def updates(draw: st.DrawFn) -> Update:
    """Draw an explicit policy that its own table does not refuse."""
    policy = draw(st.sampled_from(["CANARY", "LINEAR", "ROLLING"]))
    low, high = {"CANARY": 1, "LINEAR": 10, "ROLLING": 5}[policy], 50
    values: dict[str, Any] = {"policy": policy}
    size = draw(st.sampled_from(["capacity_percent", "instance_count", None]))
    if size:
        values[size] = draw(
            st.integers(low, high) if size == "capacity_percent" else st.integers(1, 30)
        )
    waits = ["wait_interval_in_seconds"]
    if policy != "ROLLING":
        waits.append("termination_wait_in_seconds")
    given = draw(st.sets(st.sampled_from(waits)))
    values |= {wait: draw(st.integers(0, 3600)) for wait in sorted(given)}
    values["maximum_execution_timeout_in_seconds"] = draw(st.none() | st.integers(600, 28800))
    return Update.model_validate(values)


def moved(size_type: str, size: int, instances: int) -> float:
    """Return how many instances a step moves."""
    return instances * size / 100 if size_type == "CAPACITY_PERCENT" else size


@given(updates(), COUNTS, COUNTS, st.data())
def test_whatever_is_accepted_is_within_awss_bounds_at_any_count(
    update: Update, one: int, other: int, data: st.DataObject
) -> None:
    movable = Movable(fewest=min(one, other), most=max(one, other))
    if list(update.problems_with(movable)):
        return
    rollout = choose(update, movable)
    low, high = BOUNDS[rollout.policy]
    instances = data.draw(st.integers(min(one, other), max(one, other)))
    step = moved(rollout.size_type, rollout.size, instances)
    assert instances * low / 100 <= step <= instances * high / 100
    assert step >= 1
    waits = rollout.update
    timeout = waits.maximum_execution_timeout_in_seconds
    steps = 1 if rollout.policy == "CANARY" else ceil(instances / step)
    seconds = steps * waits.wait_interval_in_seconds + waits.termination_wait_in_seconds
    assert timeout is None or timeout > seconds


@given(COUNTS, COUNTS)
def test_whatever_is_chosen_would_be_accepted_if_it_were_asked_for(one: int, other: int) -> None:
    movable = Movable(fewest=min(one, other), most=max(one, other))
    rollout = choose(Update(), movable)
    if rollout.policy == "ALL_AT_ONCE":
        assert min(one, other) < 2
        return
    asked = Update(policy=rollout.policy, capacity_percent=rollout.size)
    assert list(asked.problems_with(movable)) == []


@pytest.mark.parametrize(
    ("values", "fewest", "most", "said"),
    [
        ({"policy": "CANARY"}, 1, 1, "there may be only 1"),
        ({"policy": "ROLLING"}, 0, 8, "there may be only 0"),
        ({"policy": "CANARY", "instance_count": 2}, 3, 3, "there may be only 3"),
        ({"policy": "LINEAR", "instance_count": 1}, 2, 40, "there may be 40"),
        ({"policy": "ROLLING", "instance_count": 1}, 2, 21, "there may be 21"),
        (
            {"policy": "CANARY", "capacity_percent": 10},
            2,
            40,
            "there may be only 2 instances, and this share is less than one",
        ),
        (
            {"policy": "LINEAR", "capacity_percent": 33},
            3,
            3,
            "there may be only 3 instances, and this share is less than one",
        ),
    ],
)
def test_steps_that_are_too_small_or_too_large_for_the_fleet_are_refused(
    values: dict[str, Any], fewest: int, most: int, said: str
) -> None:
    (problem,) = Update.model_validate(values).problems_with(Movable(fewest=fewest, most=most))
    assert said in problem.why


def test_a_timeout_is_longer_than_the_waits_of_the_largest_fleet() -> None:
    update = Update(
        policy="LINEAR",
        instance_count=1,
        wait_interval_in_seconds=300,
        termination_wait_in_seconds=0,
        maximum_execution_timeout_in_seconds=2400,
    )
    assert list(update.problems_with(Movable(fewest=2, most=7))) == []
    (problem,) = update.problems_with(Movable(fewest=2, most=8))
    assert problem.why == "the waits alone take 2400 seconds"


def test_copies_of_components_are_rolled_within_the_same_bounds() -> None:
    copies = Movable(fewest=4, most=8, default="ROLLING", why="w", unit="copies")
    assert choose(Update(), copies).size == 25
    count = Update(policy="ROLLING", instance_count=3)
    (problem,) = count.problems_with(copies)
    assert "there may be only 4" in problem.why
    one = Movable(fewest=1, most=1, default="ROLLING", why="w", unit="copies")
    assert list(Update(policy="ROLLING").problems_with(one)) == []
