from __future__ import annotations

import itertools
import threading
from concurrent.futures import wait
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.cloudformation import graph


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, set[str]]:
    """Any graph in which nodes depend on earlier ones only; its entries are shuffled."""
    names = [f"n{index}" for index in range(draw(st.integers(1, 8)))]
    edges = {
        name: draw(st.sets(st.sampled_from(names[:index]))) if index else set()
        for index, name in enumerate(names)
    }
    return {name: edges[name] for name in draw(st.permutations(names))}


def run(edges: graph.Graph) -> list[str]:
    """Run steps that succeed, and give the order in which they ran."""
    done: list[str] = []

    def step(node: str) -> bool:
        done.append(node)
        return True

    assert graph.run(edges, step)
    return done


@given(acyclic())
def test_every_step_runs_once_and_after_what_it_depends_on(edges: dict[str, set[str]]) -> None:
    done = run(edges)
    assert sorted(done) == sorted(edges)
    for node, needs in edges.items():
        assert all(done.index(need) < done.index(node) for need in needs)


@given(acyclic())
def test_the_reverse_runs_every_step_before_what_it_depends_on(edges: dict[str, set[str]]) -> None:
    done = run(graph.reverse(edges))
    for node, needs in edges.items():
        assert all(done.index(node) < done.index(need) for need in needs)


@given(acyclic(), st.data())
def test_nothing_runs_that_depends_on_a_step_that_failed(
    edges: dict[str, set[str]], data: st.DataObject
) -> None:
    broken = data.draw(st.sampled_from(sorted(edges)))
    keep_going = data.draw(st.booleans())
    done: list[str] = []

    def step(node: str) -> bool:
        done.append(node)
        return node != broken

    assert not graph.run(edges, step, keep_going=keep_going)
    for node in done:
        assert broken not in edges[node]
    if keep_going:
        blocked = {broken}
        while more := {n for n, needs in edges.items() if needs & blocked} - blocked:
            blocked |= more
        assert set(done) == (edges.keys() - blocked) | {broken}


def test_independent_steps_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert graph.run({"a": set(), "b": set(), "c": set()}, lambda _: meeting.wait() >= 0)


def test_after_a_failure_nothing_else_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    noticed = threading.Event()
    waits = itertools.count()

    def watched_wait(*arguments: Any, **options: Any) -> Any:
        if next(waits) == 1:  # The failure was all that the first wait brought.
            noticed.set()
        return wait(*arguments, **options)

    monkeypatch.setattr("local_cloud.cloudformation.graph.wait", watched_wait)
    started: list[str] = []

    def step(node: str) -> bool:
        started.append(node)
        return node != "bad" and noticed.wait(10)

    independent = [f"n{index}" for index in range(20)]
    edges = {"bad": set(), **{node: set() for node in independent}, "next": set(independent[:1])}
    assert not graph.run(edges, step)
    assert "next" not in started
    assert len(started) < 12  # Eight threads, and one or two that a thread took up meanwhile.


def test_a_cycle_is_found() -> None:
    assert graph.find_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()})[0] in "abc"
    assert graph.find_cycle({"a": {"elsewhere"}}) == []
