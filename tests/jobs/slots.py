"""A worker in simulated time: slots, a line before them, and the accounts that choose."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heappop, heappush

from django_taskq.jobs.fairness import OVERHEAD, Accounts, Handed
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.spec import Band

AHEAD_SECONDS = 0.005

type Length = Callable[[], float]


class Slots:
    """Works tenants that never run out of jobs, each with jobs of its own length.

    `used` is the worker time that each tenant got.
    """

    def __init__(
        self,
        lengths: Mapping[str, Length],
        *,
        slots: int = 4,
        weights: Mapping[str, int] | None = None,
        share: float | None = None,
    ) -> None:
        self.accounts = Accounts(share)
        self.now = 0.0
        self.used: Counter[str] = Counter()
        self.lengths = dict(lengths)
        self._slots = slots
        self._weights = weights or {}
        self._running: list[tuple[float, int, str, float]] = []
        self._line: list[tuple[int, str]] = []
        self._mean = AHEAD_SECONDS / 10
        self._seq = 0

    def weigh(self, tenant: str) -> int:
        """Return the weight of a tenant."""
        return self._weights.get(tenant, 1)

    def run(self, seconds: float) -> Counter[str]:
        """Let time pass; return what each tenant got in it."""
        before, until = self.used.copy(), self.now + seconds
        while self.now < until:
            self._claim()
            self._start()
            self._end_one()
        return self.used - before

    def _claim(self) -> None:
        ahead = int(AHEAD_SECONDS / self._mean)
        wanted = self._slots - len(self._running) - len(self._line) + ahead
        if wanted <= 0:
            return
        lanes = lanes_of(self.lengths)
        places = self.accounts.plan(lanes, wanted, self._slots, self.weigh, self.now)
        for place in places:
            tenant = lanes[place].tenant
            self._seq += 1
            handed = Handed(self._seq, tenant, f"task of {tenant}", Band.REGULAR)
            self.accounts.charge([handed], self.weigh)
            self._line.append((self._seq, tenant))

    def _start(self) -> None:
        while self._line and len(self._running) < self._slots:
            seq, tenant = self._line.pop(0)
            length = self.lengths[tenant]()
            heappush(self._running, (self.now + length + OVERHEAD, seq, tenant, length))

    def _end_one(self) -> None:
        self.now, seq, tenant, length = heappop(self._running)
        self.used[tenant] += length
        self._mean += (length + OVERHEAD - self._mean) / 20
        self.accounts.settle(seq, length)


def lanes_of(tenants: Iterable[str], band: int = Band.REGULAR) -> list[Lane]:
    """Return a lane of each tenant in one queue."""
    return [Lane("default", band, tenant) for tenant in tenants]


def jain(shares: Sequence[float]) -> float:
    """Return Jain's index: 1 where all have the same, one part in their number at the worst."""
    return float(sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares)))
