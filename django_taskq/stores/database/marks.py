"""Rows that learn of attempts which were handed out elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from django.db.models import F, Q

from django_taskq.jobs.outcome import Outcome
from django_taskq.jobs.states import State
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.place import Place
from django_taskq.stores.pairing import Hold

# Rows per statement.
CHUNK = 1000
# What can be in somebody's hand while its row does not know.
_HANDED = (State.READY, State.SCHEDULED, State.RUNNING)


class Marks:
    """Writes which attempts run, as a claim of the rows themselves would have done.

    A row that has ended, or knows of an attempt as high, stays as it is: so what was handed out
    before it was outdated never counts again.
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    def mark(self, holds: Sequence[Hold]) -> None:
        """Write attempts into rows that do not know of them, in the caller's transaction."""
        alike: dict[tuple[str | None, int, datetime | None], list[int]] = {}
        for hold in holds:
            known = (hold.worker_id, hold.attempt, hold.claimed_at)
            alike.setdefault(known, []).append(hold.seq)
        for (worker_id, attempt, claimed_at), seqs in alike.items():
            for chunk in batched(sorted(seqs), CHUNK):
                jobs = self.place.jobs().filter(
                    pk__in=chunk, state__in=_HANDED, attempt__lt=attempt
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
