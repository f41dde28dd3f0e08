"""Making the line say what the rows say."""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import batched, chain, islice
from time import monotonic
from typing import Any

from django.db import Error as DatabaseError

from django_taskq.jobs.epochs import EpochLost
from django_taskq.jobs.handed import HandedJob
from django_taskq.jobs.sweeps import LineFull
from django_taskq.stores.durable.breaker import Breaker
from django_taskq.stores.durable.probe import Probe
from django_taskq.stores.pairing import Line, Rows

logger = logging.getLogger("django_taskq.stores")

# Jobs per transaction and script.
CHUNK = 1000
# How many of those that could not be handed over a caller of `enqueue` hands over beside its own.
FEW = 100
# How many jobs a process remembers that it could not hand over; a walk over the rows finds others.
MOST_OWED = 100_000
# Seconds after which a transaction that has not synced what it withdrew is taken as rolled back.
LONGEST_TRANSACTION = 30.0
# Seconds between two complaints of a process that there is no room.
SILENCE = 60.0


class Handover:
    """Hands rows over to the line, and takes back what the line should not have.

    What fails is logged and tried again by this process, and found by others who walk over the
    rows: no caller whose rows are committed hears of it.
    """

    def __init__(
        self,
        alias: str,
        rows: Rows,
        line: Line,
        outages: tuple[type[Exception], ...],
        begin_first: Callable[[], None],
    ) -> None:
        self._alias = alias
        self._rows = rows
        self._line = line
        self._outages = outages
        self._begin_first = begin_first
        self._breaker = Breaker()
        self._probe = Probe(line.ask, outages, self._hear)
        self._collected = threading.local()
        self._lock = threading.Lock()
        self._tells_full_at = 0.0
        self._owed: dict[int | str, None] = {}
        self._withdrawn: dict[int | str, float] = {}

    def sync_later(self, keys: Sequence[int | str]) -> None:
        """Make the line say what the rows of these jobs say once the transaction is committed.

        Jobs are named by their numbers or public ids.
        """
        if keys:
            self._rows.on_commit(partial(self._sync_or_owe, list(keys)))

    def give_later(self, ids: Sequence[str]) -> None:
        """Hand new jobs over once the caller's transaction is committed, all of it together."""
        mine: list[str] = self._collect()
        if not self._rows.is_in_transaction:
            # What is left belongs to a transaction that was rolled back.
            mine.clear()
        mine.extend(ids)
        self._rows.on_commit(self._give_collected)

    def give_new(self, jobs: Sequence[HandedJob]) -> None:
        """Hand new jobs over that are committed, as they were stored."""
        give = partial(self._give_stored, jobs)
        owing = [job.spec.id for job in jobs]
        # What it raises is logged.
        self._rows.on_commit(partial(self._give_or_owe, give, owing))

    def _sync_or_owe(self, keys: Sequence[int | str]) -> None:
        self.sync(keys)

    def sync(self, keys: Sequence[int | str]) -> bool:
        """Make the line say what the rows of these jobs say; return whether it does now.

        Rows are locked while it is told, so that it never hears of what is over already.
        """
        with self._lock:
            for key in keys:
                self._owed.pop(key, None)
                self._withdrawn.pop(key, None)
        return self.attempt(partial(self._sync, keys), owing=keys)

    def ask[T](self, question: Callable[[], T]) -> T | None:
        """Ask the line; return None where it does not answer."""
        try:
            return self._guarded(question)
        except EpochLost:
            return None

    def attempt(self, tell: Callable[[], Any], owing: Sequence[int | str]) -> bool:
        """Tell the line something; where it does not answer, these jobs are synced later.

        One that has lost its epoch is handed all of its jobs again, so nothing is owed to it.
        """

        def told() -> bool:
            tell()
            return True

        try:
            if self._guarded(told):
                return True
        except EpochLost:
            return False
        except LineFull as error:
            # Whoever sweeps has them handed over once there is room.
            self._warn_full(error)
            return False
        self.owe(owing)
        return False

    def owe(self, keys: Sequence[int | str]) -> None:
        """Have these jobs synced later."""
        with self._lock:
            for key in islice(keys, max(0, MOST_OWED - len(self._owed))):
                self._owed[key] = None

    def owe_withdrawn(self, keys: Sequence[int | str]) -> None:
        """Have jobs synced that were withdrawn, should the caller's transaction be rolled back."""
        if self._rows.is_in_transaction:
            due_at = monotonic() + LONGEST_TRANSACTION
            with self._lock:
                for key in islice(keys, max(0, MOST_OWED - len(self._withdrawn))):
                    self._withdrawn[key] = due_at

    def pay(self, limit: int | None = None) -> None:
        """Sync what could not be synced before, at most so many jobs."""
        if not self._owed and not self._withdrawn:
            return
        for chunk in batched(self._due(limit), CHUNK):
            if not self.sync(chunk):
                break

    def _due(self, limit: int | None) -> list[int | str]:
        now = monotonic()
        with self._lock:
            over = (key for key, due_at in self._withdrawn.items() if due_at <= now)
            return list(islice(chain(self._owed, over), limit))

    def close(self) -> None:
        """Look for no answer any more; the next failure begins to."""
        self._probe.stop()

    def _guarded[T](self, call: Callable[[], T]) -> T | None:
        if not self._breaker.may_try():
            return None
        try:
            answer = call()
        except DatabaseError as error:
            # Of the rows: that says nothing about the line.
            self._warn(error)
            return None
        except self._outages as error:
            if self._breaker.note_failure():
                self._probe.start()
                self._warn(error)
            return None
        self._breaker.note_success()
        return answer

    def _warn_full(self, error: LineFull) -> None:
        now = monotonic()
        if now >= self._tells_full_at:
            self._tells_full_at = now + SILENCE
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        logger.warning(
            "Jobs of %r are safe in their rows, and are handed to Redis later, since that failed "
            "now: %s: %s",
            self._alias, type(error).__name__, error,
        )  # fmt: skip

    def _hear(self) -> None:
        """Note that the line answers again, and have looked for what it was not told."""
        if self._breaker.note_success():
            with suppress(*self._outages, EpochLost):
                self._line.sweeping.ask_for_all()

    def _collect(self) -> list[str]:
        mine: list[str] | None = getattr(self._collected, "ids", None)
        if mine is None:
            mine = self._collected.ids = []
        return mine

    def _give_collected(self) -> None:
        """Give what a transaction has stored; the first of its calls takes all."""
        mine = self._collect()
        ids = mine[:]
        mine.clear()
        if ids:
            self._give_or_owe(partial(self._give_new, ids), ids)

    def _give_or_owe(self, give: Callable[[], None], owing: Sequence[str]) -> None:
        if self.attempt(give, owing):
            # A few of those that were owed: somebody waits for this.
            self.pay(FEW)

    def _give_stored(self, jobs: Sequence[HandedJob]) -> None:
        self._begin_first()
        self._line.give(jobs, is_locked=False)

    def _give_new(self, ids: Sequence[str]) -> None:
        self._begin_first()
        # No lock, which would be written and flushed: they were not there a moment ago.
        for jobs in self._rows.read(ids):
            self._line.give(jobs, is_locked=False)

    def _sync(self, keys: Sequence[int | str]) -> None:
        for chunk in batched(dict.fromkeys(keys), CHUNK):
            self._rows.settle(self._sync_chunk, chunk)

    def _sync_chunk(self, keys: Sequence[int | str]) -> None:
        jobs = [job for found in self._rows.read(keys, is_locked=True) for job in found]
        self._line.give(jobs, is_locked=True)
        known = {job.seq for job in jobs}
        gone = [key for key in keys if isinstance(key, int) and key not in known]
        if gone:
            self._line.drop(gone)
