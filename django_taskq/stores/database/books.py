"""What a process keeps about each worker that claims through it."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from django_taskq.jobs.fairness import Accounts, Handed, Weigh
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.stores.database.turns import Turns

MOST_WORKERS = 256

# A job that left its worker's hand, by seq, and the seconds that it ran, None where it never did.
type End = tuple[int, float | None]


class Book:
    """One worker's turns, its accounts of tenants, and the limited jobs that it holds.

    The turns belong to the thread that claims; the rest is safe for any thread: who finishes is
    another than who claims.
    """

    def __init__(self, share: float | None) -> None:
        self.turns = Turns()
        self.foreign_turns = Turns()
        self.opens_in: float | None = None
        self._lock = threading.Lock()
        self._accounts = Accounts(share)
        self._limited: set[int] = set()

    def come_back_in(self, seconds: float | None) -> None:
        """Note when the next claim may find more; the least of what one claim notes holds."""
        if seconds is not None:
            self.opens_in = seconds if self.opens_in is None else min(self.opens_in, seconds)

    def plan(self, lanes: Sequence[Lane], wanted: int, slots: int, weigh: Weigh) -> list[int]:
        """Return the places in `lanes` to take one job each from, in the order of their starts."""
        with self._lock:
            return self._accounts.plan(lanes, wanted, slots, weigh, time.monotonic())

    def charge(self, handed: Iterable[Handed], weigh: Weigh, limited: Iterable[int]) -> None:
        """Note jobs that were handed out, in the order of their starts; which were limited."""
        with self._lock:
            self._accounts.charge(handed, weigh)
            self._limited.update(limited)

    def settle(self, ends: Iterable[End]) -> set[int]:
        """Note jobs that have left the hand; return which of them were limited."""
        with self._lock:
            left = {seq for seq, seconds in ends if self._accounts.settle(seq, seconds)}
            limited = left & self._limited
            self._limited -= limited
        return limited


class Books:
    """The books of all workers that claim through this process, the latest ones kept."""

    def __init__(self, share: float | None) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._books: OrderedDict[str, Book] = OrderedDict()

    def of(self, worker_id: str) -> Book:
        """Return the book of a worker that claims."""
        with self._lock:
            book = self._books.get(worker_id)
            if book is None:
                book = self._books[worker_id] = Book(self._share)
            self._books.move_to_end(worker_id)
            if len(self._books) > MOST_WORKERS:
                self._books.popitem(last=False)
            return book

    def find(self, worker_id: str) -> Book | None:
        """Return the book of a worker, None where it has not claimed here."""
        return self._books.get(worker_id)

    def drop(self, worker_id: str) -> None:
        """Forget a worker that is gone."""
        with self._lock:
            self._books.pop(worker_id, None)


def end_of(outcome: Outcome) -> End:
    """Return for how long an attempt kept its worker."""
    started_at, finished_at = outcome.started_at, outcome.finished_at
    if started_at is None or finished_at is None or outcome.verdict is Verdict.RELEASED:
        return outcome.seq, None
    return outcome.seq, (finished_at - started_at).total_seconds()
