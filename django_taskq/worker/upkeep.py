"""The upkeep that every worker does, each part of it safe in all of them at once."""

import logging
import random
from collections.abc import Callable
from time import monotonic

from django_taskq.control import take_fallen
from django_taskq.jobs.upkeep import Reaped
from django_taskq.stores.base import Store
from django_taskq.worker.loop import LONGEST_PAUSE, told
from django_taskq.worker.reports import report_canceled, report_lost
from django_taskq.worker.tally import Tally

logger = logging.getLogger("django_taskq.worker")

PROMOTE_LIMIT = 1000
PRUNE_LIMIT = 1000
ARCHIVE_LIMIT = 2000
# Seconds between two looks at what has ended while jobs end.
ARCHIVE_EVERY = 0.5
PRUNE_EVERY = 60.0
IDLE_PAUSE = 3.5
# Seconds between two looks at what operators say of tenants and queues, give or take JITTER of
# them: a change is to be seen within five seconds.
REFRESH_EVERY = 3.8
# Seconds between two looks for jobs whose upstreams ended with a process that told nobody.
CATCH_UP_EVERY = 5.0
CATCH_UP_LIMIT = 1000
JITTER = 0.1


class Upkeep:
    """The verb of the upkeep loop.

    A worker whose own lease may be over does not reap, nor does one for which the store has
    just come back: after an outage every lease may be over, and those who hold them need a
    moment to renew them before they are taken for dead. `has_seen_suspects` stays True until
    whoever starts solo workers has lowered it.
    """

    def __init__(
        self,
        store: Store,
        sender: type,
        on_ready: Callable[[], None],
        may_reap: Callable[[], bool],
        tally: Tally | None = None,
    ) -> None:
        self._store = store
        self._sender = sender
        self._on_ready = on_ready
        self._may_reap = may_reap
        self._tally = tally or Tally()
        self.has_seen_suspects = False
        self._was_cut_off = False
        self._archive_at = 0.0
        self._reap_at = 0.0
        self._catch_up_at = monotonic() + CATCH_UP_EVERY * random.random()
        # The worker has read it as it joined.
        self._refresh_at = monotonic() + _refresh_pause()
        # Workers started together should not prune together.
        self._prune_at = monotonic() + PRUNE_EVERY * random.random()

    def keep(self) -> float:
        """Do what is due; return the seconds until the next call."""
        try:
            return self._keep()
        except Exception:
            self._was_cut_off = True
            raise

    def end(self) -> None:
        """Archive what has ended, for want of another worker that would."""
        try:
            while self._store.archive(ARCHIVE_LIMIT) >= ARCHIVE_LIMIT:
                pass
        except Exception as error:
            logger.warning("Ended jobs stay where they are for now: %s", told(error))

    def _keep(self) -> float:
        pause = min(self._promote(), self._archive(), self._sweep())
        now = monotonic()
        if now >= self._refresh_at:
            self._refresh()
            self._refresh_at = now + _refresh_pause()
        if self._was_cut_off or not self._may_reap():
            self._was_cut_off = False
            self._reap_at = now + LONGEST_PAUSE + self._store.options.lease / 3
        elif now >= self._reap_at:
            self._reap()
            self._reap_at = now + self._store.options.lease / 3
        if now >= self._catch_up_at:
            self._catch_up_at = now + CATCH_UP_EVERY
            if self._store.catch_up(CATCH_UP_LIMIT):
                self._on_ready()
        if now >= self._prune_at:
            self._prune_at = now + (0.1 if self._prune() else PRUNE_EVERY)
        take_fallen(self._store)
        self._tally.hand_over_due(self._store)
        due_at = min(self._refresh_at, self._reap_at, self._catch_up_at, self._prune_at)
        return max(0.0, min(pause, due_at - now))

    def _promote(self) -> float:
        promoted = self._store.promote(PROMOTE_LIMIT)
        if promoted.count:
            self._on_ready()
        if promoted.count >= PROMOTE_LIMIT:
            return 0.0
        return IDLE_PAUSE if promoted.next_in is None else min(IDLE_PAUSE, promoted.next_in)

    def _archive(self) -> float:
        """Archive what has gathered, however often this is called: who waits reads it first."""
        now = monotonic()
        if now >= self._archive_at:
            archived = self._store.archive(ARCHIVE_LIMIT)
            self._archive_at = now + (0.0 if archived >= ARCHIVE_LIMIT else ARCHIVE_EVERY)
            if not archived:
                return IDLE_PAUSE
        return max(0.0, self._archive_at - now)

    def _sweep(self) -> float:
        pause = self._store.sweep()
        return IDLE_PAUSE if pause is None else pause

    def _refresh(self) -> None:
        if self._store.refresh():
            # What was closed may be open now.
            self._on_ready()

    def _reap(self) -> None:
        reaped = self._store.reap()
        if reaped.workers:
            logger.warning(
                "Took jobs back from lost workers %s: %d run again, %d of them alone, "
                "%d failed as lost.",
                ", ".join(reaped.workers), reaped.released + reaped.suspects, reaped.suspects,
                len(reaped.failed),
            )  # fmt: skip
            self._tally.lose_leases(len(reaped.workers))
        if reaped.released:
            self._on_ready()
        if reaped.suspects or self._store.has_suspects():
            self.has_seen_suspects = True
        self._count_lost(reaped)
        report_lost(self._sender, self._store, reaped.failed)
        report_canceled(self._sender, self._store, reaped.canceled)

    def _count_lost(self, reaped: Reaped) -> None:
        if reaped.failed:
            jobs = self._store.get(reaped.failed)
            self._tally.lose((job.queue, job.task) for job in jobs)

    def _prune(self) -> bool:
        count = self._store.prune(PRUNE_LIMIT)
        if count:
            logger.debug("Pruned %d ended jobs and expired XCom values.", count)
        return count >= PRUNE_LIMIT


def _refresh_pause() -> float:
    return REFRESH_EVERY * random.uniform(1 - JITTER, 1 + JITTER)
