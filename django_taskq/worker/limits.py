"""Time limits of attempts: what each one may take, and who ends those that take longer."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

from django_taskq.stores.wakeup import Wakeup
from django_taskq.worker.run import Call

logger = logging.getLogger("django_taskq.worker")

# Seconds between two looks at the attempts that have a limit.
LOOK = 0.2


class TimeLimits:
    """Hands calls whose time is over to `end`, again and again until they are left.

    From a thread of its own, since a function may block any other.
    It starts with the first call that has a limit, and sleeps while there is none.
    """

    def __init__(self, end: Callable[[Call], None], name: str) -> None:
        self._end = end
        self._name = name
        self._calls: dict[int, Call] = {}
        self._lock = threading.Lock()
        self._wakeup = Wakeup()
        self._has_started = False
        self._is_closed = False

    def enter(self, call: Call) -> None:
        """Watch a call that starts now. Safe from any thread."""
        self._calls[call.claim.seq] = call
        if not self._wakeup.is_set():
            self._wakeup.set()
        if not self._has_started:
            self._start()

    def leave(self, call: Call) -> None:
        """Watch a call no longer. Safe from any thread."""
        # A worker that lost its lease may run the same job again, as a later attempt.
        if self._calls.get(call.claim.seq) is call:
            del self._calls[call.claim.seq]

    def close(self) -> None:
        """Let the thread end."""
        self._is_closed = True
        self._wakeup.set()

    def _start(self) -> None:
        with self._lock:
            if not self._has_started:
                self._has_started = True
                name = f"{self._name}-limits"
                threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        pause = threading.Event()
        while not self._is_closed:
            if not self._calls:
                self._wakeup.clear()
                # After the flag is down: what is entered from now on raises it again.
                if not self._calls:
                    self._wakeup.wait()
                continue
            pause.wait(LOOK)
            self._end_overdue()

    def _end_overdue(self) -> None:
        now = monotonic()
        for call in list(self._calls.values()):
            if call.limit is not None and now >= call.limit.deadline:
                try:
                    self._end(call)
                except Exception:
                    logger.exception("Job %s could not be ended at its limit.", call.claim.id)
                    self.leave(call)
