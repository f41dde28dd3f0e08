"""Claims whose starts are bounded: look, lock, count, and hand out within what is left."""

import random
import time
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any, NamedTuple

from django.db.models import F, QuerySet

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.limits import Limit
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.states import State
from django_taskq.models import Job
from django_taskq.stores.database.budgets import Budgets
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.limits import LimitRows
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.taken import COLUMNS, Taken, taken_of

# Seconds after which to come back for what another worker had locked, give or take a half: it
# holds the rows for as long as its claim takes.
LOCKED_FOR = 0.01
# How often one claim chooses again for jobs that were locked by others.
MOST_ROUNDS = 5


class Bounded(NamedTuple):
    """The jobs of a lane behind one gate, and all that bounds their starts."""

    lane: Lane
    gate: str
    limits: tuple[Limit, ...]


class Choice(NamedTuple):
    """A job to hand out, and within how many seconds it has to start, None where that is no matter.

    The second is known once it is counted.
    """

    seq: int
    bounded: Bounded
    ends_in: float | None = None


class Draft(NamedTuple):
    """Where a claim stands whose transaction is open.

    Jobs may be chosen from behind the gates in `held`, and `budgets` may be used up by that.
    `kept` are those that were chosen and locked already, `lost` those that others have.
    """

    budgets: Budgets
    held: Sequence[Bounded]
    kept: Sequence[Choice]
    lost: Set[int]


class BoundedTake(NamedTuple):
    """What was handed out, in the order it was chosen, and where nothing more may start now.

    With it comes the number of seconds after which more may; None where nobody can tell.
    """

    taken: list[Taken]
    closed: dict[Bounded, float | None]


type Choose = Callable[[Draft], Sequence[Choice]]


class BoundedClaims:
    """Hands out jobs within their limits, exactly, over all workers of a store.

    Locks come in one order, first those of limits by their keys, then those of jobs, and none
    is waited for. Counts hold because whoever hands out a job of a limit holds its row until the
    job is seen to run. Inside a caller's transaction of REPEATABLE READ, which cannot see what
    has been handed out since its start, they do not.
    """

    def __init__(self, place: Place, **columns: Any) -> None:
        """`columns` are those that a claim writes beside its own."""
        self.place = place
        self._rows = LimitRows(place)
        self._columns = columns

    def claim(
        self,
        request: ClaimRequest,
        wanted: Sequence[Bounded],
        jobs: QuerySet[Job],
        choose: Choose,
    ) -> BoundedTake:
        """Hand out those of `jobs` that `choose` returns, asked in the transaction that counted.

        The conditions of `jobs` must imply those of no partial index: PostgreSQL, as long as it
        has not analysed a table that grew, would walk such an index and look for the chosen in
        it, past all jobs that wait, rather than fetch them by their keys.
        """
        closed: dict[Bounded, float | None] = {}
        bounds = frozenset(limits_of(wanted))
        if bounds:
            # Without a lock first: what is full costs nobody a write, nor a wait.
            closed = _closed(self._rows.look(bounds), wanted)
            wanted = [bounded for bounded in wanted if bounded not in closed]
        if not wanted:
            return BoundedTake([], closed)
        taken, later = self.place.settle(self._claim, request, wanted, jobs, choose)
        return BoundedTake(taken, closed | later)

    def _claim(
        self,
        request: ClaimRequest,
        wanted: Sequence[Bounded],
        jobs: QuerySet[Job],
        choose: Choose,
    ) -> BoundedTake:
        worker_id = request.worker_id
        with self.place.transaction():
            asked_at = time.monotonic()
            budgets = self._rows.lock(limits_of(wanted), request.patience)
            held = [bounded for bounded in wanted if budgets.knows(bounded.limits)]
            kept, rows = self._keep(jobs, budgets, held, choose)
            self._write(worker_id, rows, budgets)
        read_at = time.monotonic()
        taken = [
            _with_end(taken_of(row, worker_id, budgets.now, read_at), choice, asked_at)
            for choice, row in zip(kept, rows, strict=True)
        ]
        closed = _closed(budgets, held)
        for bounded in wanted:
            if not budgets.knows(bounded.limits):
                closed[bounded] = LOCKED_FOR * random.uniform(0.5, 1.5)
        return BoundedTake(taken, closed)

    def _keep(
        self, jobs: QuerySet[Job], budgets: Budgets, held: Sequence[Bounded], choose: Choose
    ) -> tuple[list[Choice], list[Any]]:
        """Lock what is chosen, and choose again for what others had locked or taken."""
        kept: list[Choice] = []
        rows: list[Any] = []
        lost: set[int] = set()
        for _ in range(MOST_ROUNDS):
            choices = choose(Draft(budgets.copy(), held, kept, lost))
            locked = self._lock(jobs, [choice.seq for choice in choices])
            for choice in choices:
                if choice.seq not in locked:
                    lost.add(choice.seq)
                    continue
                rows.append(locked[choice.seq])
                kept.append(choice._replace(ends_in=budgets.use(choice.bounded.limits)))
            if len(locked) == len(choices):
                break
        return kept, rows

    def _lock(self, jobs: QuerySet[Job], seqs: Sequence[int]) -> dict[int, Any]:
        if not seqs:
            return {}
        can_skip = self.place.connection.features.has_select_for_update_skip_locked
        locked = jobs.filter(pk__in=seqs).order_by("pk").select_for_update(skip_locked=can_skip)
        return {row[0]: row for row in locked.values_list(*COLUMNS)}

    def _write(self, worker_id: str, rows: Sequence[Any], budgets: Budgets) -> None:
        if not rows:
            return
        self.place.jobs().filter(pk__in=[row[0] for row in rows], state=State.READY).update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            worker_id=worker_id,
            claimed_at=storable(budgets.now),
            **self._columns,
        )
        self._rows.write(budgets.spent)


def bounded_of(lane: Lane, gate: str, rules: Rules) -> Bounded:
    """Return the jobs of a lane behind a gate with all that bounds them; a gate of which nothing
    is understood bounds nothing.
    """
    limits = rules.limits_of(lane.queue, lane.tenant, gate)
    return Bounded(lane, gate, tuple(limit for limit in limits if limit.max_running or limit.rate))


def limits_of(wanted: Iterable[Bounded]) -> Iterable[Limit]:
    """Return all limits of these."""
    return (limit for bounded in wanted for limit in bounded.limits)


def _closed(budgets: Budgets, wanted: Iterable[Bounded]) -> dict[Bounded, float | None]:
    return {
        bounded: budgets.opens_in(bounded.limits)
        for bounded in wanted
        if not budgets.room(bounded.limits, 1)
    }


def _with_end(taken: Taken, choice: Choice, asked_at: float) -> Taken:
    """Add until when the job has to start, where a rate has counted its start."""
    if choice.ends_in is None:
        return taken
    return taken._replace(claim=taken.claim._replace(start_by=asked_at + choice.ends_in))
