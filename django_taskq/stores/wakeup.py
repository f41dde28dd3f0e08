"""What a waiting loop sleeps on."""

import os
import threading
from contextlib import suppress


class Wakeup:
    """A flag that a waiting loop sleeps on and anybody may raise.

    Safe from any thread and from signal handlers' threads; raising it twice is the same as once.
    A loop that sleeps on files as well selects on `fileno()`.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._ends: tuple[int, int] | None = None

    def set(self) -> None:
        """Raise the flag."""
        self._event.set()
        self._signal()

    def ring(self) -> None:
        """Raise the flag for jobs that are ready. Call it with no lock held."""
        self.set()

    def clear(self) -> None:
        """Lower the flag."""
        # The file first: a flag raised in between may wake a sleeper for nothing, never not.
        if self._ends is not None:
            with suppress(BlockingIOError):
                os.read(self._ends[0], 4096)
        self._event.clear()

    def is_set(self) -> bool:
        """Tell whether the flag is up."""
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until the flag is up or the seconds are over; return whether it is up."""
        return self._event.wait(timeout)

    def fileno(self) -> int:
        """Return a file that can be read from while the flag is up, made on the first call.

        One thread alone may ask for it: the one that sleeps.
        """
        if self._ends is None:
            ends = os.pipe()
            for end in ends:
                os.set_blocking(end, False)
            self._ends = ends
            if self._event.is_set():
                self._signal()
        return self._ends[0]

    def _signal(self) -> None:
        if self._ends is not None:
            with suppress(BlockingIOError):
                os.write(self._ends[1], b"!")

    def __del__(self) -> None:
        for end in self._ends or ():
            os.close(end)
