"""A side loop of a worker: one verb, again and again, that no error ends."""

import logging
import random
import threading
from collections.abc import Callable

from django_taskq.stores.wakeup import Wakeup
from django_taskq.worker.connections import drop_connections

logger = logging.getLogger("django_taskq.worker")

SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 3.0


class Backoff:
    """Growing pauses with jitter, for what is tried again after an error."""

    def __init__(self) -> None:
        self._failures = 0

    @property
    def is_clear(self) -> bool:
        """Whether the last try succeeded."""
        return self._failures == 0

    def next_pause(self) -> float:
        """Return the seconds to wait after one more failure."""
        pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return pause * random.uniform(0.5, 1.0)

    def clear(self) -> None:
        """Note a success."""
        self._failures = 0


class Loop:
    """Calls `verb` in a thread of its own; it returns the seconds until the next call.

    An error is logged once per outage, the thread's connections are dropped, and the verb is
    called again after a pause that grows.
    """

    def __init__(self, name: str, verb: Callable[[], float]) -> None:
        self.name = name
        self._verb = verb
        self._wakeup = Wakeup()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def poke(self) -> None:
        """Have the verb called now."""
        self._wakeup.set()

    def stop(self, timeout: float = 5.0) -> None:
        """End the loop and wait for the call under way, at most `timeout` seconds."""
        self._is_stopped = True
        self._wakeup.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._is_stopped:
            self._wakeup.clear()
            pause = self._call(backoff)
            if not self._is_stopped:
                self._wakeup.wait(pause)
        drop_connections()

    def _call(self, backoff: Backoff) -> float:
        try:
            pause = self._verb()
        except Exception as error:
            if backoff.is_clear:
                logger.warning("%s failed and is tried again: %s", self.name, told(error))
            drop_connections()
            return backoff.next_pause()
        if not backoff.is_clear:
            logger.info("%s works again.", self.name)
            backoff.clear()
        return pause


def until_it_works[T](
    alias: str,
    verb: Callable[[], T],
    *,
    wait: Callable[[float], object],
    is_over: Callable[[], bool] = lambda: False,
) -> T | None:
    """Call a verb of an alias's store until it returns; None where `is_over` said so before.

    `wait` sleeps between two calls, for the seconds it is given.
    """
    backoff = Backoff()
    while not is_over():
        try:
            return verb()
        except Exception as error:
            if backoff.is_clear:
                logger.warning("%r does not answer, trying again: %s", alias, told(error))
            drop_connections()
            wait(backoff.next_pause())
    return None


def told(error: Exception) -> str:
    """Return an error as one line of a log; drivers break theirs."""
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
