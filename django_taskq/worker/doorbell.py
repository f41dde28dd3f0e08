"""The wakeup of a worker in the process where jobs are made."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django_taskq.stores.wakeup import Wakeup


class Doorbell(Wakeup):
    """A worker's wakeup at which the caller may serve a sleeping worker's jobs himself.

    Whoever makes a job ready calls `take_in` in his own thread, which saves the job a switch of
    threads on its way to the one that runs it. That is done for one caller at a time and only
    while the worker is asleep, so it has the worker's loop to itself; it returns whether nothing
    is left to do. In all other cases the flag is raised.
    """

    def __init__(self, take_in: Callable[[], bool]) -> None:
        super().__init__()
        self.is_asleep = False
        self._take_in = take_in
        self._lock = threading.Lock()

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Let callers serve the worker during this block, in which it only sleeps."""
        with self._lock:
            self.is_asleep = True
        try:
            yield
        finally:
            with self._lock:
                self.is_asleep = False

    def ring(self) -> None:
        """Tell of ready jobs; returns once they are taken in, or the flag is up."""
        if not self._is_served():
            self.set()

    def _is_served(self) -> bool:
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self.is_asleep and self._take_in()
        finally:
            self._lock.release()
