"""The epoch that this process goes by, and what is done where Redis has lost it."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable

from django_taskq.jobs.epochs import EpochLost
from django_taskq.stores.losing import Ground, Numbers

logger = logging.getLogger("django_taskq.stores")

MOST_WORKERS = 256


class Epoch:
    """Knows by which epoch each worker of this process claims, and begins the next one.

    The number in the database says which one counts; the ground says which one it was opened for,
    and that only as long as it still is what it was then. Where the two do not agree the next
    number begins, in this order: the ground hands nothing out, the number is raised, the ground is
    emptied, then opened. Whoever dies in between has changed nothing that the next does not do
    over. Safe from any thread.
    """

    def __init__(self, alias: str, numbers: Numbers, ground: Ground) -> None:
        self.number: int | None = None
        self._has_begun = False
        self._alias = alias
        self._numbers = numbers
        self._ground = ground
        self._lock = threading.Lock()
        self._joined: OrderedDict[str, int] = OrderedDict()

    def enter(self, worker_id: str, number: int) -> None:
        """Note that a worker has joined in an epoch: what `ready` returned before it did."""
        with self._lock:
            self._joined[worker_id] = number
            if len(self._joined) > MOST_WORKERS:
                self._joined.popitem(last=False)

    def leave(self, worker_id: str) -> None:
        """Forget a worker."""
        with self._lock:
            self._joined.pop(worker_id, None)

    def ready(self) -> int:
        """Return the number of an epoch that the ground is in. Raise EpochLost where it is in none
        that counts, and somebody else is at it.
        """
        if self.number is None:
            self.restore()
        if self.number is None:
            raise EpochLost("")
        return self.number

    def keep[T](self, call: Callable[[], T]) -> T:
        """Call, once more where the epoch was lost and could be restored. Raise EpochLost."""
        try:
            return call()
        except EpochLost:
            before = self.number
            if not self.restore() and self.number == before:
                raise
        return call()

    def begin_first(self) -> None:
        """Begin an epoch where none ever was, for whoever hands over before there is a worker.

        Asked once by each process. It goes by no number for that: only who claims has to.
        """
        if self._has_begun or self.number is not None:
            return
        if not self._numbers.read():
            self.restore()
            self.number = None
        self._has_begun = True

    def current(self) -> int:
        """Return the number that this process goes by; that of the database where it has none."""
        number = self.number
        return self._numbers.read() if number is None else number

    def of(self, worker_id: str | None) -> int:
        """Return the epoch in which a worker was handed what it holds."""
        known = None if worker_id is None else self._joined.get(worker_id)
        return self.current() if known is None else known

    def is_over_for(self, worker_id: str) -> bool:
        """Tell whether what a worker holds is void, and it has to join anew."""
        known = self._joined.get(worker_id)
        return known is not None and self.number is not None and known != self.number

    def check(self) -> None:
        """Compare the number of the database with that of this process.

        What the ground itself cannot know shows here: that another one has been opened since.
        """
        if self._numbers.read() != self.number:
            self.restore()

    def restore(self) -> bool:
        """Have the ground hold an epoch that counts; return whether a new one was begun for that.

        Where somebody else is at it, it is left to that one.
        """
        with self._lock:
            kept, number = self._ground.look(), self._numbers.read()
            if kept.holds and kept.number == number:
                self.number = number
                return False
            if kept.has_begun:
                return False
            new = max(number, kept.number or 0) + 1
            if not self._ground.begin(new, kept):
                return False
            if not self._raise(number, new):
                return False
            self.number = new
        if number:
            logger.error(
                "Redis has lost the jobs of %r: it was emptied or started anew, or a replica has "
                "taken its place. What has not ended is handed to it again, and what runs now "
                "runs once more.",
                self._alias,
            )
        return True

    def _raise(self, number: int, new: int) -> bool:
        """Raise the number, and empty and open the ground that begins it."""
        try:
            if self._numbers.replace(number, new) and self._ground.empty(new):
                return self._ground.open(new)
        except Exception:
            self._ground.give_up(new)
            raise
        self._ground.give_up(new)
        return False
