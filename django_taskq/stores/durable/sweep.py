"""Finding what rows and line do not know of one another, and mending it."""

import json
import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple

from django_taskq.jobs.handed import HandedJob
from django_taskq.jobs.ids import new_id
from django_taskq.jobs.sweeps import Handed, LineFull, Room
from django_taskq.jobs.wording import counted
from django_taskq.stores.durable.beside import Beside
from django_taskq.stores.durable.epoch import Epoch
from django_taskq.stores.losing import Giving, Swept, Walked

logger = logging.getLogger("django_taskq.stores")

# Jobs per step, so that nobody waits long for a lock of ours.
PAGE = 1000
# Seconds between two looks at the newest rows, and at the number of the epoch.
LOOK_EVERY = 3.0
# Seconds between two pages on which nothing was found: there is no hurry then.
STROLL = 0.02
# Seconds after which all is looked at again where there was no room for all of it.
REST = 0.5
# Seconds for which page follows page where all has been lost, while other upkeep waits.
STRETCH = 1.0
# Jobs that are handed over at once where keys are given up for want of memory.
FEW = 50
# Whoever begins to look at the newest rows begins with so many.
FIRST_LOOK = 2000
# The walks of a look at everything: those over rows, then the one over what the line knows.
WALKS = ("ready", "running", "scheduled", "parked", "line")
BEGIN = json.dumps([WALKS[0], None])


type Behind = list[int | str] | None
type Give = Callable[[Sequence[HandedJob]], bool]


class Mended(NamedTuple):
    """How many jobs of a page were handed over, and whether some were left for want of room."""

    handed: int
    is_left: bool


class Sweep:
    """Hands over again what the line has lost or was never told of.

    One process has the turn at a time, and keeps it; another takes over where it falls silent, and
    goes on where it stood. It looks at the rows that are new since its last looks, and from time to
    time at everything: at once where the line is empty, so that a refill is nothing else. What is
    handed over again is stood down first: an attempt that was handed out before, and about which
    nothing can be known, does not count. One thread at a time.
    """

    def __init__(
        self,
        alias: str,
        walks: Walked,
        line: Swept,
        patient: Giving,
        epoch: Epoch,
        sync: Callable[[Sequence[int]], bool],
    ) -> None:
        self._alias = alias
        self._walks = walks
        self._line = line
        self._patient = patient
        self._epoch = epoch
        self._sync = sync
        self._token = new_id()
        self._come: str | None = None
        self._look_at = 0.0
        # Up to where the newest rows were looked at, and what was the newest at the last look.
        self._looked: int | None = None
        self._last = 0
        # What was the newest row as the look at everything began: whoever has stored newer ones is
        # about to hand them over, and the looks at the newest rows see whether it was done.
        self._until: int | None = None
        self._room: Room | None = None
        self._handed_over = 0
        self._is_left = False
        self._is_empty = False

    def step(self) -> float:
        """Look at one page; return the seconds until there is more to look at."""
        now = monotonic()
        is_time = now >= self._look_at
        if is_time:
            self._epoch.check()
        turn = self._epoch.keep(lambda: self._line.take_turn(self._token, self._come, BEGIN))
        self._come = None
        if not turn.is_taken:
            self._looked, self._until, self._is_empty = None, None, False
            self._look_at = now + LOOK_EVERY
            return LOOK_EVERY
        # Where all has been lost the newest rows come with the others.
        is_refill = bool(turn.come) and self._is_empty
        if is_time and not is_refill and self._look_at_newest():
            self._look_at = now + LOOK_EVERY
        if turn.come:
            return self._look_at_all(turn.come)
        return max(0.0, self._look_at - now)

    def _look_at_newest(self) -> bool:
        """Look at rows that were there at the last look; return whether all of them were seen.

        Those that came since are still on their way.
        """
        room = self._line.room()
        if self._room is not None and room.evicted != self._room.evicted:
            self._line.ask_for_all()
        self._room = room
        if self._looked is None:
            self._last = self._walks.last()
            self._looked = max(0, self._last - FIRST_LOOK)
            return True
        rows = self._walks.newest(self._looked, self._last, PAGE)
        if self._mend(rows, self._give).is_left:
            self._line.ask_for_all()
        if len(rows) == PAGE:
            self._looked = rows[-1].seq
            return False
        self._looked, self._last = self._last, self._walks.last()
        return True

    def _look_at_all(self, come: str) -> float:
        """Look at a page, where all has been lost at many: one is given while the next is read."""
        end = monotonic() + STRETCH
        with Beside(self._give) as beside:
            come, pause = self._look_at_page(come, beside)
            while self._is_empty and come and not pause and monotonic() < end:
                come, pause = self._look_at_page(come, beside)
            self._is_left |= not beside.settle()
        # Whoever goes on from here finds all that is before it handed over.
        self._come = come
        return pause if come else self._end_look()

    def _look_at_page(self, come: str, beside: Beside) -> tuple[str, float]:
        """Return how far that comes, "" for the end, and how long to pause."""
        name, after = json.loads(come)
        if self._until is None or come == BEGIN:
            self._until = self._walks.last()
        mended, behind = self._look_along(name, after, self._until, beside)
        self._handed_over += mended.handed
        if mended.handed and mended.is_left:
            # The same page once more: there may be room for more of it.
            return come, STROLL
        self._is_left |= mended.is_left
        place = WALKS.index(name) + (behind is None)
        if place >= len(WALKS):
            return "", 0.0
        return json.dumps([WALKS[place], behind]), 0.0 if mended.handed else STROLL

    def _end_look(self) -> float:
        if self._handed_over:
            logger.warning(
                "Handed over %s of %r again that Redis did not know of.",
                counted(self._handed_over, "job"), self._alias,
            )  # fmt: skip
        self._handed_over, self._until, self._is_empty = 0, None, False
        if not self._is_left:
            return 0.0
        self._is_left = False
        self._line.ask_for_all()
        return REST

    def _look_along(
        self, name: str, after: Behind, until: int, beside: Beside
    ) -> tuple[Mended, Behind]:
        if name != "line":
            page = self._walks.page(name, after, PAGE)
            # One that was given another place meanwhile is met again.
            rows = [row for row in page.rows if row.seq <= until and row.seq not in beside.going]
            return self._mend(rows, beside.give), page.after
        known = self._line.known(int(after[0]) if after else 0, PAGE)
        over = sorted(set(known) - self._walks.handed(known)) if known else []
        if over and not self._sync(over):
            self._line.ask_for_all()
        return Mended(0, is_left=False), [known[-1]] if len(known) == PAGE else None

    def _mend(self, rows: Sequence[Handed], give: Give) -> Mended:
        """Have those handed over that the line does not know, as far as it has room for them."""
        find = self._line.find_astray
        astray = [row.seq for row in rows]
        if not self._is_empty:
            astray = self._epoch.keep(lambda: find(rows)) if rows else []
        if not astray:
            return Mended(0, is_left=False)
        room = self._line.room()
        if not room.has_any:
            return Mended(0, is_left=True)
        # Where keys are given up for want of memory, a large piece would drive out others.
        few = astray[:FEW] if room.evicted else astray
        # Some of them may have been on their way.
        found = self._walks.stand_down(few, find)
        # Where a whole page was not known, the next one is looked at under its locks alone.
        self._is_empty = len(found) == len(rows)
        has_room = give(found)
        return Mended(len(found), is_left=len(few) < len(astray) or not has_room)

    def _give(self, jobs: Sequence[HandedJob]) -> bool:
        """Hand jobs over; return whether there was room. No lock: what ended since stays away."""
        try:
            self._patient.give(jobs, is_locked=False)
        except LineFull:
            return False
        return True
