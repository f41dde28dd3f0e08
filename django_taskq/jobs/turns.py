"""Where one worker stands in its queues and in the rings of their tenants."""

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice

from django_taskq.jobs.lanes import Lane

MOST_PLACES = 4096

# Greater than any name: nothing comes after it, so who has served nobody starts at the first.
AFTER_ALL = "\U0010ffff"


class Turns:
    """The queue that a worker served last, and the tenant in each queue and band."""

    def __init__(self) -> None:
        self._last_queue = AFTER_ALL
        self._tenants: OrderedDict[tuple[str, int], str] = OrderedDict()

    def last_tenant(self, queue: str, band: int) -> str:
        """Return whom the worker served last in a queue and band."""
        return self._tenants.get((queue, band), AFTER_ALL)

    def latest(self, count: int) -> list[tuple[str, int, str]]:
        """Return the queues and bands served last, at most so many, each with its tenant."""
        latest = islice(reversed(self._tenants.items()), count)
        return [(queue, band, tenant) for (queue, band), tenant in latest]

    @property
    def last_queue(self) -> str | None:
        """The queue that was served last, None where none was."""
        return None if self._last_queue == AFTER_ALL else self._last_queue

    def order_queues(self, queues: Iterable[str]) -> list[str]:
        """Return the queues in the order to serve them: the one served last comes last."""
        return sorted(queues, key=lambda queue: (queue <= self._last_queue, queue))

    def move_to(self, lane: Lane) -> None:
        """Remember that a lane was served."""
        queue, band, tenant = lane
        self._last_queue = queue
        self._tenants[queue, band] = tenant
        self._tenants.move_to_end((queue, band))
        if len(self._tenants) > MOST_PLACES:
            self._tenants.popitem(last=False)
