"""Keep a worker's lease, and carry what its running jobs write down to the store."""

import logging
from collections.abc import Callable, Mapping
from time import monotonic

from django_taskq.context import Notepad
from django_taskq.jobs.fence import Note
from django_taskq.jobs.workers import Pulse
from django_taskq.stores.base import Store
from django_taskq.worker.marks import Marks

logger = logging.getLogger("django_taskq.worker")

INTERVAL = 1.0
LONG_ENOUGH_TO_NOTE = 1.0


class Heartbeat:
    """The verb of the heartbeat loop. `worker_id` may change when a lease was lost.

    A job that runs longer than a second has its start noted, so that a death of this worker
    counts against it; a shorter one costs no extra write.
    """

    def __init__(
        self,
        store: Store,
        worker_id: str,
        running: Mapping[int, Notepad],
        *,
        pulse: Callable[[], Pulse],
        on_lost: Callable[[], str],
        on_doubt: Callable[[], None],
        on_stop: Callable[[], None],
        read_cancels: Callable[[str], None],
        marks: Marks,
    ) -> None:
        self._store = store
        self._worker_id = worker_id
        self._running = running
        self._pulse = pulse
        self._on_lost = on_lost
        self._on_doubt = on_doubt
        self._on_stop = on_stop
        self._read_cancels = read_cancels
        self._marks = marks
        self._lease = store.options.lease
        self._renewed = monotonic()
        self._is_due = False
        self._noted: set[tuple[int, int]] = set()

    @property
    def is_in_doubt(self) -> bool:
        """Whether the lease may be over: nothing new should be started under it."""
        renewed = max(self._renewed, self._marks.kept())
        return monotonic() - renewed > self._lease * 0.8

    def hurry(self) -> None:
        """Renew the lease with the next beat: it may be gone."""
        self._is_due = True

    def beat(self) -> float:
        """Write what is due; return the seconds until the next beat."""
        if self.is_in_doubt:
            self._on_doubt()
        self._write_notes()
        self._read_cancels(self._worker_id)
        if self._is_due or monotonic() - self._renewed >= self._lease / 3:
            self._is_due = False
            self._renew()
        left = self._renewed + self._lease / 3 - monotonic()
        return min(INTERVAL, max(0.05, left)) if self._running else max(0.05, min(left, INTERVAL))

    def _renew(self) -> None:
        asked = monotonic()
        beat = self._store.heartbeat(self._worker_id, self._pulse())
        if not beat.is_alive:
            logger.warning(
                "Worker %s lost its lease: its jobs were given to others. It goes on under a "
                "new id; results of what it still runs will be refused.",
                self._worker_id,
            )
            self._worker_id = self._on_lost()
        self._renewed = asked
        self._marks.renew(self._worker_id)
        if beat.is_stop_asked:
            self._on_stop()

    def _write_notes(self) -> None:
        notes, saved = [], []
        now = monotonic()
        running = list(self._running.values())
        for pad in running:
            fence = (pad.claim.seq, pad.claim.attempt)
            is_long = now - pad.started >= LONG_ENOUGH_TO_NOTE and fence not in self._noted
            if pad.claim.worker_id != self._worker_id or not (pad.is_dirty or is_long):
                continue
            pad.is_dirty = False
            waiter, pad.saved = pad.saved, None
            metadata = pad.storable_change()
            started_at = pad.claim.store_time(pad.started)
            notes.append(Note(*fence, started_at, pad.progress, metadata))
            saved.append((pad, metadata, waiter))
            self._noted.add(fence)
        if notes:
            try:
                self._store.note(self._worker_id, notes)
            except Exception:
                for pad, _, waiter in saved:
                    # Of two saves at once, the later one's waiter is the one that counts.
                    pad.is_dirty, pad.saved = True, pad.saved or waiter
                raise
        for pad, metadata, waiter in saved:
            pad.metadata_text = metadata or pad.metadata_text
            if waiter is not None:
                waiter.set()
        self._noted.intersection_update((pad.claim.seq, pad.claim.attempt) for pad in running)
