"""Where the nodes of a graph stand in a drawing: in columns, by the longest way to each."""

from collections.abc import Sequence
from typing import NamedTuple

from django_taskq.jobs.graph import Graph


class Spot(NamedTuple):
    """The column and the row of a node, each counted from 0."""

    column: int
    row: int


def spots_of(graph: Graph) -> list[Spot]:
    """Return a spot for each node: downstream to the right, near to what it waits for.

    What stands in a cycle, which a drawing of damaged data may have, is put into the last column.
    """
    levels = graph.levels() or _levels_anyway(graph)
    before = graph.upstreams()
    spots: dict[int, Spot] = {}
    for column in range(max(levels, default=-1) + 1):
        members = [number for number, level in enumerate(levels) if level == column]
        members.sort(key=lambda number: (_middle(before[number], spots), number))
        for row, number in enumerate(members):
            spots[number] = Spot(column, row)
    return [spots[number] for number in range(len(graph.names))]


def _middle(upstreams: Sequence[int], spots: dict[int, Spot]) -> float:
    rows = [spots[number].row for number in upstreams if number in spots]
    return sum(rows) / len(rows) if rows else 0.0


def _levels_anyway(graph: Graph) -> list[int]:
    return [0 if not before else 1 for before in graph.upstreams()]
