"""What a process keeps about each worker that claims through it."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from django_taskq.jobs.fairness import Accounts, Handed, Weigh
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.jobs.turns import Turns

MOST_WORKERS = 256


class Hand:
    """One worker's turns and its accounts of tenants.

    The turns belong to the thread that claims, the accounts are safe for any: who finishes is
    another than who claims. `opens_at` is when a limit that the last claim met lets a job start,
    on the monotonic clock.
    """

    def __init__(self, share: float | None) -> None:
        self.turns = Turns()
        self.opens_at: float | None = None
        self.has_share = share is not None
        self._lock = threading.Lock()
        self._accounts = Accounts(share)

    def plan(
        self, lanes: Sequence[Lane], wanted: int, slots: int, weigh: Weigh, at: float
    ) -> list[int]:
        """Return the places in `lanes` to take one job each from, in the order of their starts."""
        with self._lock:
            return self._accounts.plan(lanes, wanted, slots, weigh, at)

    def charge(self, handed: Iterable[Handed], weigh: Weigh) -> None:
        """Note jobs that were handed out, in the order of their starts."""
        with self._lock:
            self._accounts.charge(handed, weigh)

    def settle(self, ends: Iterable[tuple[int, float | None]]) -> None:
        """Note jobs that have left the hand, each with how long it ran, None where it did not."""
        with self._lock:
            for seq, seconds in ends:
                self._accounts.settle(seq, seconds)


class Hands:
    """The hands of all workers that claim through this process, the latest ones kept."""

    def __init__(self, share: float | None) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._hands: OrderedDict[str, Hand] = OrderedDict()

    def of(self, worker_id: str) -> Hand:
        """Return the hand of a worker."""
        with self._lock:
            hand = self._hands.get(worker_id)
            if hand is None:
                hand = self._hands[worker_id] = Hand(self._share)
            self._hands.move_to_end(worker_id)
            if len(self._hands) > MOST_WORKERS:
                self._hands.popitem(last=False)
            return hand

    def find(self, worker_id: str) -> Hand | None:
        """Return the hand of a worker, None where it has not claimed here."""
        return self._hands.get(worker_id)

    def drop(self, worker_id: str) -> None:
        """Forget a worker that is gone."""
        with self._lock:
            self._hands.pop(worker_id, None)


def seconds_of(outcome: Outcome) -> float | None:
    """Return for how long an attempt kept its worker, None for one that is free of charge."""
    started_at, finished_at = outcome.started_at, outcome.finished_at
    if started_at is None or finished_at is None or outcome.verdict is Verdict.RELEASED:
        return None
    return (finished_at - started_at).total_seconds()
