"""Rows that learn of attempts which were handed out elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from django.db.models import F, Q

from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.states import State
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.place import Place
from django_taskq.stores.epochs import IS_CURRENT, EpochRows
from django_taskq.stores.pairing import Hold

# Rows per statement.
CHUNK = 1000
# What can be in somebody's hand while its row does not know.
_HANDED = (State.READY, State.SCHEDULED, State.RUNNING)

type EpochOf = Callable[[str | None], int]


class Marks:
    """Writes which attempts run, as a claim of the rows themselves would have done.

    A row that has ended, or knows of an attempt as high, stays as it is: so what was handed out
    before it was outdated never counts again.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._epochs: EpochRows | None = None
        self._epoch_of: EpochOf = lambda worker_id: 0

    def expect(self, epochs: EpochRows, epoch_of: EpochOf) -> None:
        """Mark and end attempts only as long as the epoch is that of their worker's claims."""
        self._epochs, self._epoch_of = epochs, epoch_of

    def in_epoch(self, worker_id: str | None) -> Q:
        """Return the condition that a worker's claims count, for a query over any rows."""
        if self._epochs is None:
            return Q()
        return Q(self._epochs.is_current(self._epoch_of(worker_id)))

    def in_epoch_sql(self, worker_id: str | None, values: dict[str, Any]) -> str:
        """Return the same for the end of a statement's WHERE, and add what it refers to."""
        if self._epochs is None:
            return ""
        values |= self._epochs.parameters(self._epoch_of(worker_id))
        return f"AND {IS_CURRENT}"

    def mark(self, holds: Sequence[Hold]) -> None:
        """Write attempts into rows that do not know of them, in the caller's transaction."""
        alike: dict[tuple[str | None, int, datetime | None], list[int]] = {}
        for hold in holds:
            known = (hold.worker_id, hold.attempt, hold.claimed_at)
            alike.setdefault(known, []).append(hold.seq)
        for (worker_id, attempt, claimed_at), seqs in alike.items():
            for chunk in batched(sorted(seqs), CHUNK):
                jobs = self.place.jobs().filter(
                    self.in_epoch(worker_id), pk__in=chunk, state__in=_HANDED, attempt__lt=attempt
                )
                jobs.update(
                    state=State.RUNNING,
                    attempt=attempt,
                    worker_id=worker_id,
                    claimed_at=storable(claimed_at or self.now()),
                    due_at=None,
                    is_parked=False,
                    parked_for=None,
                )

    def succeed(
        self, worker_id: str, outcomes: Sequence[Outcome], claimed: Mapping[int, datetime]
    ) -> dict[tuple[int, int], State]:
        """Mark and end plain successes at once; return the states of those that it was done for.

        The others go the long way: by `mark` and a finish. Here that is all of them.
        """
        return {}

    def outdate(self, which: Q, **columns: Any) -> int:
        """Raise the attempts of unfinished rows, so that none that was handed out counts any more.

        Return how many rows there were.
        """
        jobs = self.place.jobs().filter(which, state__in=_HANDED)
        return int(jobs.update(attempt=F("attempt") + 1, **columns))

    def now(self) -> datetime:
        """Return the time by the clock of the rows."""
        return self.place.clock.read(self.place.connection)
