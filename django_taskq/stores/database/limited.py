"""Jobs of lanes with limits: which of them start next, within what is left."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from typing import Any, NamedTuple

from django.db.models import QuerySet, Value

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.rules import Rules
from django_taskq.jobs.states import State
from django_taskq.models import Job
from django_taskq.stores.database.bounded import (
    Bounded,
    BoundedClaims,
    Choice,
    Draft,
    bounded_of,
)
from django_taskq.stores.database.budgets import Budgets
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.taken import Taken

# Searches per statement, for planning each costs time.
CHUNK = 100


class LimitedVisit(NamedTuple):
    """How many jobs to take from a lane at the most, and the gates that have ready jobs in it."""

    lane: Lane
    gates: tuple[str, ...]
    share: int


class LimitedTake(NamedTuple):
    """What was taken, and the gates of lanes that let nobody through now.

    After `opens_in` seconds one of these may; None where only the end of a job can tell.
    """

    taken: list[Taken]
    closed: frozenset[tuple[Lane, str]]
    opens_in: float | None


class First(NamedTuple):
    """A ready job near the head of its lane."""

    rank: int
    seq: int
    bounded: Bounded


class Limited:
    """Takes jobs from lanes whose starts are bounded by their gate, tenant or queue."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._claims = BoundedClaims(place)

    def take(
        self, request: ClaimRequest, visits: Sequence[LimitedVisit], free: int, rules: Rules
    ) -> LimitedTake:
        """Take at most `share` jobs for each visit and `free` in all, one from each in turn,
        within a lane by rank and seq whatever their gates.

        A lane may be visited more than once: visits of one job each are served as they stand.
        """
        pairs = dict.fromkeys((visit.lane, gate) for visit in visits for gate in visit.gates)
        all_bounded = [bounded_of(lane, gate, rules) for lane, gate in pairs]
        paused = {b for b in all_bounded if rules.is_paused(b.lane.queue, b.lane.tenant)}
        wanted = [bounded for bounded in all_bounded if bounded not in paused]
        if free <= 0 or not wanted:
            return LimitedTake([], frozenset((b.lane, b.gate) for b in paused), None)

        def choose(draft: Draft) -> list[Choice]:
            return self._choose(visits, free, draft)

        # Not by `is_parked`: see `BoundedClaims.claim`.
        jobs = self.place.jobs().filter(state=State.READY, parked_for=None)
        taken, closed = self._claims.claim(request, wanted, jobs, choose)
        return LimitedTake(
            taken,
            frozenset((b.lane, b.gate) for b in (*paused, *closed)),
            min((seconds for seconds in closed.values() if seconds is not None), default=None),
        )

    def _choose(self, visits: Sequence[LimitedVisit], free: int, draft: Draft) -> list[Choice]:
        budgets, held, kept, lost = draft
        free -= len(kept)
        had = Counter(choice.bounded.lane for choice in kept)
        mosts = Counter[Lane]()
        for visit in visits:
            mosts[visit.lane] += visit.share
        passed = [*lost, *(choice.seq for choice in kept)]
        wanted = [
            (bounded, most)
            for bounded in held
            if (most := budgets.room(bounded.limits, min(free, mosts[bounded.lane])))
        ]
        lines = defaultdict[Lane, deque[First]](deque)
        for first in sorted(self._firsts(wanted, passed)):
            lines[first.bounded.lane].append(first)
        turns = deque(_left(visits, had))
        choices: list[Choice] = []
        while turns and len(choices) < free:
            lane, share = turns.popleft()
            chosen = _next_within(lines[lane], budgets)
            if chosen is None:
                continue
            budgets.use(chosen.bounded.limits)
            choices.append(Choice(chosen.seq, chosen.bounded))
            if share > 1:
                turns.append((lane, share - 1))
        return choices

    def _firsts(
        self, mosts: Sequence[tuple[Bounded, int]], passed: Sequence[int]
    ) -> Iterator[First]:
        """Return the first jobs behind each gate of each lane, at most so many, without those
        that are to be passed over.
        """
        if not self.place.connection.features.supports_slicing_ordering_in_compound:
            for bounded, most in mosts:
                for rank, seq in self._line(bounded, passed).values_list("rank", "seq")[:most]:
                    yield First(rank, seq, bounded)
            return
        for chunk in batched(enumerate(mosts), CHUNK):
            first, *others = (
                self._line(bounded, passed).values_list("rank", "seq", Value(n))[:most]
                for n, (bounded, most) in chunk
            )
            found: Any = first.union(*others, all=True) if others else first
            for rank, seq, n in found:
                yield First(rank, seq, mosts[n][0])

    def _line(self, bounded: Bounded, passed: Sequence[int]) -> QuerySet[Job]:
        queue, band, tenant = bounded.lane
        line = self._ready().filter(queue=queue, band=band, gate=bounded.gate, tenant=tenant)
        if passed:
            line = line.exclude(pk__in=passed)
        return line.order_by("rank", "seq")

    def _ready(self) -> QuerySet[Job]:
        return self.place.jobs().filter(state=State.READY, is_parked=False)


def _left(visits: Iterable[LimitedVisit], had: Counter[Lane]) -> Iterator[tuple[Lane, int]]:
    """Return how much of each visit is left after what its lane has had."""
    for lane, _, share in visits:
        gone = min(share, had[lane])
        had[lane] -= gone
        if share > gone:
            yield lane, share - gone


def _next_within(line: deque[First], budgets: Budgets) -> First | None:
    """Return the first of a line whose limits leave room, without those before it."""
    while line:
        first = line.popleft()
        if budgets.room(first.bounded.limits, 1):
            return first
    return None
