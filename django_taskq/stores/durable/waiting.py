"""Waiting for the ends of jobs: rows tell of them, the line when it is worth asking again."""

from collections.abc import Sequence
from functools import partial
from time import monotonic

from django_taskq.jobs.ids import new_id, parse_id
from django_taskq.stores.durable.handover import Handover
from django_taskq.stores.pairing import Line, Rows

# Seconds between two looks at the rows: an end may come that nobody tells of.
LONGEST_LOOK = 2.0
# Seconds for which a job that was never seen may be one that is not committed yet.
UNSEEN_GRACE = 5.0


class Waiting:
    """One wait for the ends of some jobs."""

    def __init__(self, rows: Rows, line: Line, handover: Handover, ids: Sequence[str]) -> None:
        self._rows = rows
        self._line = line
        self._handover = handover
        # What is no id at all stands for no job and never will.
        self._left = [id for id in map(parse_id, ids) if id is not None]
        self._seen: set[str] = set()
        self._waiter = new_id()

    def run(self, timeout: float | None) -> bool:
        """Block until all have ended or are gone; False when the seconds are over."""
        begun_at = monotonic()
        while True:
            # Before the look, so that no end comes between the two.
            is_heard = self._tell(partial(self._line.listen, self._waiter, self._left))
            waited = monotonic() - begun_at
            if not self._are_left(is_patient=waited < UNSEEN_GRACE):
                return True
            rest = LONGEST_LOOK if timeout is None else timeout - waited
            if rest <= 0:
                return False
            self._rest(min(rest, LONGEST_LOOK), is_heard=is_heard)

    def _rest(self, seconds: float, *, is_heard: bool) -> None:
        if not is_heard or not self._tell(partial(self._line.hear, self._waiter, seconds)):
            self._rows.wait_ended(self._left, seconds)

    def _are_left(self, *, is_patient: bool) -> bool:
        """Look which have neither ended nor gone; tell whether there is any."""
        unfinished = self._rows.unfinished(self._left)
        self._seen |= unfinished
        self._left = [id for id in self._left if id in unfinished or id not in self._seen]
        if unfinished or not self._left:
            return bool(self._left)
        # Never seen: they have ended before, or do not exist yet.
        return is_patient and not self._rows.wait_ended(self._left, 0.0)

    def _tell(self, call: partial[None]) -> bool:
        return self._handover.attempt(call, owing=())
