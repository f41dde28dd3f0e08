"""Leaving out for a while what has just failed."""

from threading import Lock
from time import monotonic

# Seconds for which nothing is tried after a first failure; each further one doubles them.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 8.0


class Breaker:
    """Says whether another server is worth asking.

    After a failure nobody asks for a while, and then one caller does: a server that hangs costs
    one of many callers its second of waiting, not all of them.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._pause = 0.0
        self._opens_at = 0.0

    def may_try(self) -> bool:
        """Tell whether the caller may ask; while it does, no other may where it failed before."""
        if not self._pause:
            return True
        with self._lock:
            if monotonic() < self._opens_at:
                return False
            self._opens_at = monotonic() + self._pause
            return True

    def note_failure(self) -> bool:
        """Have others wait; tell whether it is the first failure in a row."""
        with self._lock:
            is_first = not self._pause
            self._pause = min(LONGEST_PAUSE, 2 * self._pause) or FIRST_PAUSE
            self._opens_at = monotonic() + self._pause
        return is_first

    def note_success(self) -> None:
        """Let everybody ask again."""
        self._pause = 0.0
