"""How many unfinished jobs stand in each state: of a lane, a tenant, a queue."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from django_taskq.jobs.insights import LaneCount
from django_taskq.jobs.states import State


class Depth(NamedTuple):
    """Unfinished jobs by state."""

    ready: int = 0
    scheduled: int = 0
    deferred: int = 0
    running: int = 0

    @property
    def waiting(self) -> int:
        """How many have not started, or wait to start again."""
        return self.ready + self.scheduled + self.deferred


_PLACES: dict[str, int] = {
    state: place
    for place, state in enumerate((State.READY, State.SCHEDULED, State.DEFERRED, State.RUNNING))
}


def depths[K](lanes: Iterable[LaneCount], key: Callable[[LaneCount], K]) -> dict[K, Depth]:
    """Add up the counts that have the same key."""
    sums: dict[K, list[int]] = {}
    for lane in lanes:
        place = _PLACES.get(lane.state)
        if place is not None:
            sums.setdefault(key(lane), [0, 0, 0, 0])[place] += lane.count
    return {name: Depth(*counts) for name, counts in sums.items()}


def depth_of(lanes: Iterable[LaneCount]) -> Depth:
    """Add up all counts."""
    return depths(lanes, lambda lane: None).get(None, Depth())
