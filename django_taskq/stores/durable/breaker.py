"""Whether it is worth asking a server that may hang."""

import threading
from collections.abc import Callable
from time import monotonic

# Seconds for which somebody waits who cannot be kept waiting: together less than one.
LONGEST_CONNECT = 0.3
LONGEST_ANSWER = 0.5
# Seconds after a failure in which no caller asks, and up to which each further one doubles them.
FIRST_REST = 15.0
LONGEST_REST = 120.0


class Breaker:
    """Opens with a failure; as long as it is open nobody asks, so that only one has waited.

    Whoever is told of the first failure has somebody look who can wait, and note the success.
    Should that one be gone, as in a child that was forked, one caller tries after a rest, which
    grows. Safe from any thread.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rest = FIRST_REST
        self._until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last that is known of the server is a failure."""
        return self._until is not None

    def may_try(self) -> bool:
        """Tell whether the caller may ask; of those who come after a rest one may."""
        if not self.is_open:
            return True
        with self._lock:
            if self._until is not None and self._clock() < self._until:
                return False
            if self.is_open:
                self._keep_open()
            return True

    def note_failure(self) -> bool:
        """Have nobody ask; return whether it is the first failure in a row."""
        with self._lock:
            is_first = self._until is None
            if is_first:
                self._rest = FIRST_REST
            self._keep_open()
            return is_first

    def note_success(self) -> bool:
        """Let everybody ask again; return whether there were failures before it."""
        if self._until is None:
            return False
        with self._lock:
            was_open, self._until = self.is_open, None
            return was_open

    def _keep_open(self) -> None:
        self._until = self._clock() + self._rest
        self._rest = min(LONGEST_REST, self._rest * 2)
