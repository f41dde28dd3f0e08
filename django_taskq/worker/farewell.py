"""How a worker ends: nothing new, time for what runs, and the rest given back."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

from django_taskq.stores.base import Store
from django_taskq.stores.wakeup import Wakeup
from django_taskq.worker.connections import drop_connections
from django_taskq.worker.crew import Crew
from django_taskq.worker.loop import told

logger = logging.getLogger("django_taskq.worker")

LONGEST_FAREWELL = 5.0


class Farewell:
    """The last steps of a worker, in its own thread. `released` counts the jobs given back.

    `wakeup` is raised when nothing is in hand any more, or by who raises `hurry`.
    """

    def __init__(self, store: Store, crew: Crew, wakeup: Wakeup, hurry: threading.Event) -> None:
        self.released = 0
        self._store = store
        self._crew = crew
        self._wakeup = wakeup
        self._hurry = hurry

    def release_line(self, worker_id: str) -> None:
        """Give back what has not started, and what came in the last sleep."""
        fences = self._crew.take_back()
        if fences:
            self._try(lambda: self._crew.give_back(worker_id, fences))
        self._try(lambda: self._release_strangers(worker_id))

    def wait_for_running(self, until: float) -> None:
        """Wait for what runs, until a moment of the monotonic clock."""
        while (left := until - monotonic()) > 0:
            # Before the look: what happens after it raises the flag again.
            self._wakeup.clear()
            if self._hurry.is_set() or not self._crew.in_hand:
                return
            self._wakeup.wait(left)

    def close_crew(self) -> None:
        """Close the executor and write what has ended."""
        if not self._crew.close(LONGEST_FAREWELL):
            logger.warning("Some results could not be written; their jobs run again.")

    def leave(self, worker_id: str) -> None:
        """Take the worker out of its store, with all that it still holds there."""
        self._try(lambda: self._crew.give_back(worker_id, self._store.held(worker_id)))
        self._try(lambda: self._store.forget(worker_id))

    def _release_strangers(self, worker_id: str) -> int:
        with self._crew.relay_lock:
            strangers = self._crew.strangers(self._store.held(worker_id))
            return self._crew.give_back(worker_id, strangers) if strangers else 0

    def _try(self, give_back: Callable[[], int]) -> None:
        """Give jobs back; when the store does not answer, their lease runs out."""
        try:
            self.released += give_back()
        except Exception as error:
            logger.warning("%r did not answer at the end: %s", self._store.alias, told(error))
            drop_connections()
