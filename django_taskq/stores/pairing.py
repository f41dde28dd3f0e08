"""What a store of rows and a store that hands out tell one another where they are a pair."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple

from django_taskq.jobs.fence import Fence
from django_taskq.jobs.handed import HandedJob
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.upkeep import Reaped
from django_taskq.stores.base import Store
from django_taskq.stores.losing import Giving, Ground, Numbers, Swept, Walked


class Hold(NamedTuple):
    """A job as it stands where jobs are handed out; `worker_id` holds it where it is RUNNING."""

    seq: int
    id: str
    state: State | str
    attempt: int
    worker_id: str | None = None
    claimed_at: datetime | None = None
    eligible_at: datetime | None = None


class Grave(NamedTuple):
    """A worker whose lease is over, or was taken from it, and the numbers of what it holds."""

    worker_id: str
    is_taken: bool
    is_solo: bool
    seqs: tuple[int, ...]


# Tells by their keys how many jobs run under limits, and when the next one may start.
type Spent = Callable[[Sequence[str]], tuple[dict[str, int], dict[str, datetime | None]]]


class Rows(Store):
    """A store of rows that somebody else hands out: the truth about every job.

    `epochs` is the number of the line's epoch, `walks` finds rows that the line has lost.
    """

    epochs: Numbers
    walks: Walked

    @abstractmethod
    def expect(self, epoch_of: Callable[[str | None], int]) -> None:
        """Mark and end attempts only in the epoch in which their worker was handed them."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Open a transaction, or a savepoint in the caller's."""

    @abstractmethod
    def settle[**P, T](self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb in a transaction, again where it lost a race."""

    @abstractmethod
    def on_commit(self, call: Callable[[], None]) -> None:
        """Call once the caller's transaction is committed, at once where there is none.

        What it raises is logged, and keeps nobody else from being called.
        """

    @property
    @abstractmethod
    def is_in_transaction(self) -> bool:
        """Whether the calling thread has a transaction open."""

    @abstractmethod
    def insert_handed(self, specs: Sequence[JobSpec]) -> tuple[list[Inserted], list[HandedJob]]:
        """Store jobs as `insert` does; return all of them beside, as they are handed over, or none
        where that is not known without a look at their rows.
        """

    @abstractmethod
    def on_moved(self, call: Callable[[Sequence[int]], None]) -> None:
        """Have told, in their transaction, which jobs were moved by the ends of others."""

    @abstractmethod
    def ask_spent(self, spent: Spent) -> None:
        """Have outlooks ask elsewhere what limits have spent."""

    @abstractmethod
    def read(
        self, keys: Sequence[int | str], *, is_locked: bool = False
    ) -> Iterator[list[HandedJob]]:
        """Return jobs by their numbers or public ids, a chunk at a time; unknown ones are left out.

        Locked ones stand as they were read until the caller's transaction ends.
        """

    @abstractmethod
    def mark(self, holds: Sequence[Hold]) -> None:
        """Write RUNNING, attempt and worker where a row has not ended and knows of no attempt as
        high; in the caller's transaction.
        """

    @abstractmethod
    def succeed(
        self, worker_id: str, outcomes: Sequence[Outcome], claimed: Mapping[int, datetime]
    ) -> dict[tuple[int, int], State]:
        """Mark and end plain successes by one statement, where the database has one for it.

        Return the states of those that it was done for, by fence. `claimed` says when each was.
        """

    @abstractmethod
    def outdate(self, ids: Sequence[str]) -> int:
        """Raise the attempts of jobs that wait, so that none that was handed out counts any more;
        return how many there were.
        """

    @abstractmethod
    def set_apart(self, seqs: Sequence[int]) -> None:
        """Have jobs that wait, and that the caller has locked, stand apart as suspects."""

    @abstractmethod
    def take_back(self, worker_id: str, *, is_solo: bool) -> Reaped:
        """Take back all that rows say a worker holds that fell silent."""


class Line(Store):
    """A store that hands out jobs that stand in rows: who gets which, and who holds what.

    `epochs` is the epoch that it is in, `sweeping` finds what it does not know,
    and `patient` takes jobs from whoever can wait for that.
    """

    epochs: Ground
    sweeping: Swept
    patient: Giving

    @abstractmethod
    def expect(self, epoch: Callable[[], int | None]) -> None:
        """Do nothing but in this epoch, None for whichever it is; raise EpochLost in another."""

    @abstractmethod
    def ask(self) -> None:
        """Ask for an answer, whatever it is. Raise one of `outages` where there is none soon."""

    @property
    @abstractmethod
    def is_limited(self) -> bool:
        """Whether operators bound or pause anything, so that an end may let a job start."""

    @abstractmethod
    def give(self, jobs: Sequence[HandedJob], *, is_locked: bool) -> int:
        """Make what is here of jobs say what their rows say; return how many were entered.

        Rows that were not locked may have ended since they were read: such jobs stay away.
        """

    @abstractmethod
    def drop(self, seqs: Sequence[int]) -> None:
        """Have jobs leave whose rows are gone."""

    @abstractmethod
    def free(self, worker_id: str, fences: Sequence[Fence]) -> None:
        """Take jobs that have ended out of the hand of a worker; nothing stays of them."""

    @abstractmethod
    def look(self, keys: Sequence[int | str]) -> dict[int, Hold]:
        """Return where jobs stand that are here, by number; asked by numbers or public ids."""

    @abstractmethod
    def withdraw(self, ids: Sequence[str]) -> list[Hold]:
        """Have jobs leave that wait, so that nobody gets them; return those that somebody holds."""

    @abstractmethod
    def running(self) -> list[int]:
        """Return the numbers of all jobs that are in somebody's hand."""

    @abstractmethod
    def spent(self, keys: Sequence[str]) -> tuple[dict[str, int], dict[str, datetime | None]]:
        """Tell by their keys how many jobs run under limits, and when the next one may start."""

    @abstractmethod
    def is_solo(self, worker_id: str) -> bool:
        """Tell whether a worker runs suspects."""

    @abstractmethod
    def bury(self, worker_id: str | None = None) -> list[Grave]:
        """Take the leases that are over from their workers, or that of one; tell what they hold."""

    @abstractmethod
    def drop_worker(self, worker_id: str) -> None:
        """Give up what this process keeps of a worker."""

    @abstractmethod
    def forget_all(self, worker_ids: Sequence[str]) -> None:
        """Forget workers that have no lease and hold nothing any more."""

    @abstractmethod
    def settle(self, worker_id: str, ends: Sequence[tuple[int, float | None]]) -> None:
        """Correct the accounts of a worker: jobs have left its hand, after so many seconds."""

    @abstractmethod
    def listen(self, waiter: str, ids: Sequence[str]) -> None:
        """Have somebody told of the ends of jobs from now on, for a minute."""

    @abstractmethod
    def hear(self, waiter: str, timeout: float) -> None:
        """Sleep until an end is told to somebody, or the seconds are over."""
