"""What a worker does while nothing is handed out to it."""

from collections.abc import Callable
from contextlib import nullcontext
from time import monotonic

from django_taskq.stores.base import Store
from django_taskq.worker.doorbell import Doorbell
from django_taskq.worker.settings import WorkerSettings

BUSY_BEFORE_DISARM = 0.1
# Seconds by which a sleep may end before its time though nothing has come.
GRAIN = 0.002
# Seconds after which work comes slowly enough to sleep behind each job, and for how long at most
# before the look for what else there is: by then a short job and its end are out of the way.
QUIET = 0.005
NAP = 0.01


class Idleness:
    """Arms a worker, lets it look once more, and sleeps. Used by the worker's loop alone.

    `poke_upkeep` has the upkeep look now for jobs that are due. `is_resting` tells whether the loop
    sleeps, after a claim that has left nothing, `is_left_alone` whether the store rings for all
    that could change that.
    """

    def __init__(
        self,
        store: Store,
        settings: WorkerSettings,
        wakeup: Doorbell,
        poke_upkeep: Callable[[], None],
    ) -> None:
        self._store = store
        self._wakeup = wakeup
        self._poke_upkeep = poke_upkeep
        # One that is to end with its work must see each job end.
        self._has_end = settings.is_burst or settings.max_jobs is not None
        self._is_served = store.is_local and not self._has_end
        self._is_rung = store.rings_for_room and not self._has_end
        self.is_resting = False
        self._is_armed = False
        self._was_woken = False
        self._is_quiet = False
        self._busy_since: float | None = None

    @property
    def is_left_alone(self) -> bool:
        """Whether the loop sleeps and needs no word of jobs that end."""
        return self.is_resting and self._is_rung

    def take_wakeup(self) -> None:
        """Lower the flag, and remember whether it was up."""
        self._was_woken |= self._wakeup.is_set()
        self._wakeup.clear()

    def rest(self, worker_id: str, pause: float) -> None:
        """Sleep until work may have come or the seconds are over; the first time, only arm."""
        self._busy_since = None
        if self._was_woken:
            # Woken for nothing that is ready: what came may be due before the next look.
            self._poke_upkeep()
            self._was_woken = False
        if self._is_armed:
            self._sleep(worker_id, pause)
            return
        # A job stored between the last claim and the arming wakes nobody: claim once more.
        self._store.arm(worker_id)
        self._is_armed = self._was_woken = True

    def nap(self, worker_id: str, pause: float) -> None:
        """Sleep a little behind jobs that were all there were, but for a busy worker.

        Each look for more competes with these jobs for the interpreter, and whoever brings more
        rings. What rang may have brought what is due later too, so the upkeep is to look still.
        """
        if not self._is_armed or not self._is_quiet or self._has_end:
            return
        self._busy_since = None
        self._sleep(worker_id, min(pause, NAP))
        self._was_woken = True

    def end(self, worker_id: str) -> None:
        """Ask for no wake-ups once busy for a while, but not for each job of a quiet hour."""
        now = monotonic()
        if self._busy_since is None:
            self._busy_since = now
        elif self._is_armed and now - self._busy_since > BUSY_BEFORE_DISARM:
            self._store.disarm(worker_id)
            self._is_armed = False

    def forget_arming(self) -> None:
        """Take the worker as not armed: the store may have lost it, or know it by another id."""
        self._is_armed = False

    def _sleep(self, worker_id: str, pause: float) -> None:
        began = monotonic()
        self.is_resting = True
        try:
            with self._wakeup.asleep() if self._is_served else nullcontext():
                self._store.wait(worker_id, self._wakeup, pause)
        finally:
            self.is_resting = False
        slept = monotonic() - began
        self._was_woken = slept < pause - GRAIN
        self._is_quiet = slept > QUIET
