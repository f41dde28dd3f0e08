"""The store of rows as the half of a pair: another store hands out what stands in it."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import partial
from itertools import batched

from django.db import Error as DatabaseError
from django.db import router, transaction
from django.db.models import Q

from django_taskq.jobs.handed import HandedJob
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.upkeep import Reaped
from django_taskq.models import Job
from django_taskq.options import Options
from django_taskq.stores.database.clock import Clock
from django_taskq.stores.database.handing import Handing, handed_new
from django_taskq.stores.database.marks import CHUNK, Marks
from django_taskq.stores.database.reaping import reaped_of
from django_taskq.stores.database.store import DatabaseStore
from django_taskq.stores.database.vendors import Vendor, vendor_of
from django_taskq.stores.database.wakeups import Wakeups
from django_taskq.stores.database.walks import Walks
from django_taskq.stores.epochs import EpochRows
from django_taskq.stores.pairing import Hold, Rows, Spent


class PairedRows(DatabaseStore, Rows):
    """Jobs in a database that somebody else hands out; nobody claims them here.

    Its workers stand elsewhere too, so nobody listens to it and it announces nothing.
    """

    def __init__(
        self,
        alias: str,
        options: Options,
        vendor: Vendor | None = None,
        clock: Clock | None = None,
    ) -> None:
        chosen = vendor or vendor_of(options.database or router.db_for_write(Job))
        super().__init__(alias, options, chosen._replace(wakeups=Wakeups), clock)
        self._marks: Marks = chosen.marks(self._place)
        self._handing: Handing = chosen.handing(self._place)
        self.epochs = self._numbers = EpochRows(self.database, alias)
        self.walks = Walks(self._place, self._finishes, self._handing)

    def expect(self, epoch_of: Callable[[str | None], int]) -> None:
        """Mark and end attempts only in the epoch in which their worker was handed them."""
        self._marks.expect(self._numbers, epoch_of)

    def find_obstacle(self) -> str | None:
        """Name the tables that are missing, that of epochs among them."""
        found = super().find_obstacle()
        with suppress(DatabaseError):
            if found is None and not self._numbers.has_table():
                return (
                    f"The database {self.database!r} lacks the table taskq_epoch: run manage.py "
                    f"migrate --database {self.database}."
                )
        return found

    def transaction(self) -> AbstractContextManager[None]:
        """Open a transaction, or a savepoint in the caller's."""
        return self._place.transaction()

    def settle[**P, T](self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb in a transaction, again where it lost a race."""
        return self._place.settle(self._in_transaction, partial(verb, *args, **kwargs))

    def on_commit(self, call: Callable[[], None]) -> None:
        """Call once the caller's transaction is committed, at once where there is none."""
        transaction.on_commit(call, using=self.database, robust=True)

    @property
    def is_in_transaction(self) -> bool:
        """Whether the calling thread has a transaction open."""
        return self._place.connection.in_atomic_block

    def insert_handed(self, specs: Sequence[JobSpec]) -> tuple[list[Inserted], list[HandedJob]]:
        """Store jobs as `insert` does; return all of them beside, as they are handed over, or none
        where that is not known without a look at their rows.
        """
        inserted, rows = self._inserts.insert_numbered(specs)
        return inserted, list(map(handed_new, specs, rows))

    def on_moved(self, call: Callable[[Sequence[int]], None]) -> None:
        """Have told, in their transaction, which jobs others have moved that these waited for."""
        self._ripples.on_moved = call

    def ask_spent(self, spent: Spent) -> None:
        """Have outlooks ask elsewhere what limits have spent, by their keys."""
        self._outlooks.spent = spent

    def read(
        self, keys: Sequence[int | str], *, is_locked: bool = False
    ) -> Iterator[list[HandedJob]]:
        """Return jobs by their numbers or public ids, a chunk at a time."""
        return self._handing.read(keys, is_locked=is_locked)

    def select(self, which: Q, limit: int) -> list[HandedJob]:
        """Return the jobs that match, in the order of their numbers."""
        return self._handing.select(which, limit)

    def mark(self, holds: Sequence[Hold]) -> None:
        """Write attempts into rows that do not know of them, in the caller's transaction."""
        self._marks.mark(holds)

    def succeed(
        self, worker_id: str, outcomes: Sequence[Outcome], claimed: Mapping[int, datetime]
    ) -> dict[tuple[int, int], State]:
        """Mark and end plain successes at once; return the states of those that it was done for."""
        states = self._place.settle(self._marks.succeed, worker_id, outcomes, claimed)
        self._ripples.look_again(seq for seq, _ in states)
        return states

    def outdate(self, ids: Sequence[str]) -> int:
        """Have no attempt of these jobs that wait count that was handed out before."""
        known = [uuid.UUID(id) for id in map(parse_id, ids) if id is not None]
        return sum(
            self._marks.outdate(Q(public_id__in=chunk, state__in=(State.READY, State.SCHEDULED)))
            for chunk in batched(known, CHUNK)
        )

    def set_apart(self, seqs: Sequence[int]) -> None:
        """Have jobs that wait, and that the caller has locked, stand apart as suspects."""
        self._suspects.set_apart(seqs)

    def take_back(self, worker_id: str, *, is_solo: bool) -> Reaped:
        """Take back all that rows say a worker holds that fell silent."""
        return reaped_of(self._losses.take_back(worker_id, is_solo=is_solo))

    def _in_transaction[T](self, verb: Callable[[], T]) -> T:
        with self.transaction():
            return verb()
