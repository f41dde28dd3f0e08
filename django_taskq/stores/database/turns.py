"""Whose turn it is: where a worker stands in its queues and in the rings of their tenants."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from django_taskq.jobs.lanes import Lane

MOST_PLACES = 4096

# Greater than any name in byte order, as all the columns compare: nothing comes after it, so
# the ring of a worker that has served nobody yet starts at its beginning.
AFTER_ALL = "\U0010ffff"


class Visit(NamedTuple):
    """How many jobs to take from a lane."""

    lane: Lane
    share: int


class Turns:
    """Where one worker stands: the queue it served last, and the tenant in each queue."""

    def __init__(self) -> None:
        self.last_queue = AFTER_ALL
        self._last_name = AFTER_ALL
        self._tenants: OrderedDict[tuple[str, int], str] = OrderedDict()

    def last_tenant(self, queue: str, band: int) -> str:
        """Return whom the worker served last in a queue and band."""
        return self._tenants.get((queue, band), AFTER_ALL)

    def served(self) -> list[tuple[str, int, str]]:
        """Return every (queue, band, tenant served last)."""
        return [(queue, band, tenant) for (queue, band), tenant in self._tenants.items()]

    def move_to(self, lane: Lane) -> None:
        """Remember that a lane was served, or that it was looked at in vain."""
        self.last_queue = lane.queue
        self._tenants[lane.queue, lane.band] = lane.tenant
        self._tenants.move_to_end((lane.queue, lane.band))
        if len(self._tenants) > MOST_PLACES:
            self._tenants.popitem(last=False)

    def move_along(self, lanes: Iterable[Lane]) -> None:
        """Remember the last of these lanes, which stand in serving order, for each queue."""
        for lane in {lane[:2]: lane for lane in lanes}.values():
            self.move_to(lane)

    def order_queues(self, queues: Iterable[str]) -> list[str]:
        """Return the queues in the order to serve them: the one served last comes last."""
        return sorted(queues, key=lambda queue: (queue <= self.last_queue, queue))

    def serving_order(self, pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        """Sort (queue, band) pairs: critical work first, then the queues in turn."""
        known = set(pairs)
        places = {queue: n for n, queue in enumerate(self.order_queues({q for q, _ in known}))}
        return sorted(known, key=lambda pair: (pair[1], places[pair[0]]))

    def next_names(self, names: Sequence[str], most: int) -> tuple[str, ...]:
        """Return the next of some sorted names, from the first again after the last one."""
        start = bisect_right(names, self._last_name) % len(names)
        chunk = tuple(names[start : start + most])
        self._last_name = chunk[-1]
        return chunk


def by_queue(visits: Iterable[Visit]) -> list[list[Visit]]:
    """Group visits that stand in serving order by queue and band."""
    return [list(group) for _, group in groupby(visits, key=lambda visit: visit.lane[:2])]
