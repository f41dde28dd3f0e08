"""Looking for the first answer of a server that has not answered."""

import threading
from collections.abc import Callable
from typing import Any

# Seconds between two questions.
ASK_EVERY = 0.5


class Probe:
    """Asks again and again in a thread of its own, until there is an answer, and tells of it.

    So no caller has to find out, at the price of waiting. The thread is there only as long as the
    server does not answer; it ends with the process at any time.
    """

    def __init__(
        self,
        ask: Callable[[], Any],
        outages: tuple[type[Exception], ...],
        on_answer: Callable[[], None],
        every: float = ASK_EVERY,
    ) -> None:
        self._ask = ask
        self._outages = outages
        self._on_answer = on_answer
        self._every = every
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._over = threading.Event()

    def start(self) -> None:
        """Begin to ask, unless that is under way."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive() or self._over.is_set():
                self._over.clear()
                self._thread = threading.Thread(target=self._run, name="taskq-probe", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._ask()
            except self._outages:
                continue
            with self._lock:
                # Whoever meets the next failure starts another one.
                self._thread = None
            self._on_answer()
            return
