"""Threads that sleep until a store has something for them."""

import threading
from collections.abc import Iterable

from django_taskq.stores.wakeup import Wakeup


class Bells:
    """The wakeups of armed workers.

    What rings between arming and waiting is remembered, so that no insert is slept through.
    Its store's lock guards it, but for the wakeups that `ring` returns: raise those without
    the lock, for which the woken thread asks first.
    """

    def __init__(self) -> None:
        self._wakeups: dict[str, Wakeup | None] = {}
        self._missed: set[str] = set()

    def arm(self, worker_id: str) -> None:
        """Have a worker woken from now on."""
        self._wakeups.setdefault(worker_id, None)

    def disarm(self, worker_id: str) -> None:
        """Leave a worker alone."""
        self._wakeups.pop(worker_id, None)
        self._missed.discard(worker_id)

    def listen(self, worker_id: str, wakeup: Wakeup) -> bool:
        """Hear with this wakeup; return whether there was a ring since the arming."""
        if worker_id not in self._wakeups:
            return False
        self._wakeups[worker_id] = wakeup
        is_missed = worker_id in self._missed
        self._missed.discard(worker_id)
        return is_missed

    def ring(self) -> list[Wakeup]:
        """Return the wakeups to raise, now that there are ready jobs."""
        if not self._wakeups:
            return []
        self._missed.update(id for id, wakeup in self._wakeups.items() if wakeup is None)
        return [wakeup for wakeup in self._wakeups.values() if wakeup is not None]


class _Waiter:
    __slots__ = ("done", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.done = threading.Event()


class Waiters:
    """Who waits for the end of which jobs. Its store's lock guards it."""

    def __init__(self) -> None:
        self._by_id: dict[str, list[_Waiter]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_id)

    def add(self, ids: Iterable[str]) -> _Waiter:
        """Wait for the end of these jobs, each named once."""
        listed = tuple(ids)
        waiter = _Waiter(len(listed))
        for id in listed:
            self._by_id.setdefault(id, []).append(waiter)
        return waiter

    def remove(self, ids: Iterable[str], waiter: _Waiter) -> None:
        """Wait no more."""
        for id in ids:
            waiting = self._by_id.get(id)
            if waiting is not None and waiter in waiting:
                waiting.remove(waiter)
                if not waiting:
                    del self._by_id[id]

    def tell(self, id: str) -> None:
        """Tell those who wait for it that a job has ended."""
        for waiter in self._by_id.pop(id, ()):
            waiter.left -= 1
            if not waiter.left:
                waiter.done.set()
