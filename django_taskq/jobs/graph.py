"""The graph of a pipeline: named nodes in order, and edges between them."""

from collections.abc import Sequence
from typing import NamedTuple

type Edge = tuple[int, int]


class Graph(NamedTuple):
    """Nodes by name; an edge leads from the number of a node to that of one downstream of it."""

    names: tuple[str, ...]
    edges: tuple[Edge, ...]

    def upstreams(self) -> list[list[int]]:
        """Return for each node the numbers of those directly before it, in the order of edges."""
        before: list[list[int]] = [[] for _ in self.names]
        for upstream, downstream in self.edges:
            before[downstream].append(upstream)
        return before

    def downstreams(self) -> list[list[int]]:
        """Return for each node the numbers of those directly after it, in the order of edges."""
        after: list[list[int]] = [[] for _ in self.names]
        for upstream, downstream in self.edges:
            after[upstream].append(downstream)
        return after

    def levels(self) -> list[int] | None:
        """Return how many steps the longest way to each node takes; None where there is a cycle."""
        after = self.downstreams()
        waits_for = [len(before) for before in self.upstreams()]
        levels = [0] * len(self.names)
        free = [number for number, count in enumerate(waits_for) if not count]
        for number in free:
            for next_one in after[number]:
                levels[next_one] = max(levels[next_one], levels[number] + 1)
                waits_for[next_one] -= 1
                if not waits_for[next_one]:
                    free.append(next_one)
        return levels if len(free) == len(self.names) else None

    def find_cycle(self) -> list[str] | None:
        """Return the names along one cycle, the first one again at its end; None without any."""
        if self.levels() is not None:
            return None
        before = self.upstreams()
        inner = _without_ends(before)
        number = next(iter(inner))
        seen: list[int] = []
        while number not in seen:
            seen.append(number)
            number = next(upstream for upstream in before[number] if upstream in inner)
        way = [number, *reversed(seen[seen.index(number) :])]
        return [self.names[number] for number in way]

    def reach(self, start: int) -> list[int]:
        """Return a node and all that come after it, in the order of their numbers."""
        after = self.downstreams()
        found = {start}
        left = [start]
        while left:
            for number in after[left.pop()]:
                if number not in found:
                    found.add(number)
                    left.append(number)
        return sorted(found)


def _without_ends(before: Sequence[Sequence[int]]) -> dict[int, None]:
    """Return the nodes that are left once those without any upstream are taken away, repeatedly."""
    left = dict.fromkeys(range(len(before)))
    while True:
        free = [number for number in left if not any(each in left for each in before[number])]
        if not free:
            return left
        for number in free:
            del left[number]
