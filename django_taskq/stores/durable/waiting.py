"""Waiting for the ends of jobs: rows tell of them, the line when it is worth asking again."""

from collections.abc import Sequence
from functools import partial
from time import monotonic

from django_taskq.jobs.ids import new_id, parse_id
from django_taskq.stores.durable.handover import Handover
from django_taskq.stores.pairing import Line, Rows

# Seconds between two looks at the rows: an end may come that nobody tells of.
LONGEST_LOOK = 2.0


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
            is_open = self._are_open()
            rest = None if timeout is None else timeout - (monotonic() - begun_at)
            if not is_open:
                # What was never seen has ended before, or is not committed yet: rows know how long
                # to wait for it.
                return not self._left or self._rows.wait_ended(self._left, rest)
            if rest is not None and rest <= 0:
                return False
            self._rest(LONGEST_LOOK if rest is None else min(rest, LONGEST_LOOK), is_heard=is_heard)

    def _rest(self, seconds: float, *, is_heard: bool) -> None:
        if not is_heard or not self._tell(partial(self._line.hear, self._waiter, seconds)):
            self._rows.wait_ended(self._left, seconds)

    def _are_open(self) -> bool:
        """Tell whether any is seen not to have ended; forget those that were and have."""
        unfinished = self._rows.unfinished(self._left)
        self._seen |= unfinished
        self._left = [id for id in self._left if id in unfinished or id not in self._seen]
        return bool(unfinished)

    def _tell(self, call: partial[None]) -> bool:
        return self._handover.attempt(call, owing=())
