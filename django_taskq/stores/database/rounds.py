"""One round of a claim: from which lanes to take, and what they gave."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

from django_taskq.jobs.fairness import Handed
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.spec import Band
from django_taskq.stores.database.books import Book
from django_taskq.stores.database.limited import LimitedTake, LimitedVisit
from django_taskq.stores.database.search import Search
from django_taskq.stores.database.taken import Taken
from django_taskq.stores.database.turns import Visit, by_queue


class Round:
    """A plan, the visits that it needs, and the bookkeeping of what came of them.

    `plain` are visits of one queue and band each, `limited` those for at most `free` jobs.
    """

    def __init__(self, search: Search, book: Book, wanted: int, slots: int) -> None:
        self.free = min(search.free, wanted)
        self._search = search
        self._book = book
        self._lanes = lanes = search.lanes()
        self._rows: dict[Lane, list[Taken]] = {}
        self._limited: set[int] = set()
        self.starts = self._plan(wanted, slots)
        shares = Counter(self.starts)
        bound = {lane for lane in shares if search.is_bound(lane, lanes[lane])}
        self.plain = by_queue(
            Visit(lane, shares[lane]) for lane in lanes if lane in shares and lane not in bound
        )
        self.limited = [
            LimitedVisit(lane, lanes[lane], share)
            for lane, share in shares.items()
            if lane in bound
        ]

    def add(self, visits: Sequence[Visit], rows: list[Taken]) -> None:
        """Take in what plain lanes of one queue and band gave."""
        if len(visits) == 1:
            self._rows[visits[0].lane] = rows
        else:
            lanes = {visit.lane.tenant: visit.lane for visit in visits}
            for row in rows:
                self._rows.setdefault(lanes[row.claim.tenant], []).append(row)
        self._search.closings.note(visits, self._counts())

    def add_limited(self, took: LimitedTake) -> None:
        """Take in what limited lanes gave."""
        for row in took.taken:
            self._rows.setdefault(_lane_of(row), []).append(row)
            self._limited.add(row.seq)
        self._book.come_back_in(took.opens_in)
        if len(took.taken) < self.free:
            self._search.closings.note_limited(self.limited, took, self._counts())

    def end(self) -> list[Taken]:
        """Charge what was taken and return it in the order of the starts."""
        taken = list(_in_order(self.starts, self._rows))
        weigh = self._search.rules.weight_of
        self._book.charge((handed_of(row) for row in taken), weigh, self._limited)
        self._search.took(self.starts, len(taken))
        return taken

    def _plan(self, wanted: int, slots: int) -> list[Lane]:
        search, lanes = self._search, list(self._lanes)
        bound = {lane for lane, gates in self._lanes.items() if search.is_bound(lane, gates)}
        if bound and search.is_stalled:
            # Many may be closed: one job of each whose turn is before that of a plain one, for as
            # many slots as are free.
            in_turn = dict.fromkeys(self._picks(lanes, len(lanes), slots))
            if ahead := list(takewhile(bound.__contains__, in_turn)):
                return ahead
        starts = self._picks(lanes, wanted, slots)
        return list(_for_free_slots(starts, bound, search.free)) if bound else starts

    def _picks(self, lanes: list[Lane], wanted: int, slots: int) -> list[Lane]:
        weigh = self._search.rules.weight_of
        return [lanes[place] for place in self._book.plan(lanes, wanted, slots, weigh)]

    def _counts(self) -> dict[Lane, int]:
        return {lane: len(rows) for lane, rows in self._rows.items()}


def _for_free_slots(starts: Iterable[Lane], bound: set[Lane], free: int) -> Iterator[Lane]:
    """Leave out the starts of limited jobs for which no slot is free: they start at once or not."""
    for lane in starts:
        if free > 0 or lane not in bound:
            free -= 1
            yield lane


def _in_order(starts: Iterable[Lane], rows: Mapping[Lane, list[Taken]]) -> Iterator[Taken]:
    """Return what was taken in the order of the starts, within a lane by rank and seq."""
    heads = {lane: iter(sorted(taken)) for lane, taken in rows.items()}
    for lane in starts:
        row = next(heads[lane], None) if lane in heads else None
        if row is not None:
            yield row


def _lane_of(row: Taken) -> Lane:
    claim = row.claim
    return Lane(claim.queue, _band_of(row), claim.tenant)


def _band_of(row: Taken) -> int:
    return Band.CRITICAL if row.claim.priority >= 100 else Band.REGULAR


def handed_of(row: Taken) -> Handed:
    """Return a job that was taken as an account needs to know it."""
    return Handed(row.seq, row.claim.tenant, row.claim.task, _band_of(row))
