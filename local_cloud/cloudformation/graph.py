"""Dependency graphs: an order, and steps run in it, independent ones at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter

Graph = Mapping[str, AbstractSet[str]]
"""What each node depends on."""


def order(graph: Graph) -> list[str]:
    """Sort the nodes so that each stands after what it depends on.

    Raises graphlib.CycleError, whose second argument is the cycle.
    """
    return list(TopologicalSorter(_within(graph)).static_order())


def find_cycle(graph: Graph) -> list[str]:
    """Give a cycle, its first node repeated at the end, or an empty list."""
    try:
        order(graph)
    except CycleError as error:
        return list(error.args[1])
    return []


def reverse(graph: Graph) -> Graph:
    """Turn every edge round: what depended on a node is now what the node depends on."""
    nodes = _within(graph)
    return {node: {other for other, needs in nodes.items() if node in needs} for node in nodes}


def run(graph: Graph, step: Callable[[str], bool], *, keep_going: bool = False) -> bool:
    """Run a step for each node, dependencies first; tell whether all of them succeeded.

    After a step that answers False, no step that depends on it starts, and no other step either
    unless `keep_going`. Steps under way are awaited.
    """
    sorter = TopologicalSorter(_within(graph))
    sorter.prepare()
    succeeded = True
    running: dict[Future[bool], str] = {}
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="cloudformation") as pool:
        while sorter.is_active():
            if succeeded or keep_going:
                running |= {pool.submit(step, node): node for node in sorter.get_ready()}
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                node = running.pop(future)
                if future.result():
                    sorter.done(node)
                else:
                    succeeded = False
            if not (succeeded or keep_going):  # Steps that wait for a thread never start.
                running = {future: node for future, node in running.items() if not future.cancel()}
    return succeeded


def _within(graph: Graph) -> dict[str, set[str]]:
    """Leave out dependencies on what is not in the graph."""
    return {node: set(needs) & set(graph) for node, needs in graph.items()}
