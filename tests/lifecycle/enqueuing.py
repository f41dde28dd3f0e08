"""A web process that goes on to enqueue while a test breaks something."""

import threading
from time import monotonic
from typing import Self

from django.db import connections

from tests.lifecycle import tasks
from tests.lifecycle.stage import ALIAS, Stage

LONGEST_STOP = 30.0


class Enqueuing:
    """Enqueues one job after the other in a thread, and notes in the journal which are committed.

    `seconds` says how long each call took, `errors` what callers would have seen.
    """

    def __init__(self, stage: Stage, *, every: float = 0.01, runs_for: float = 0.01) -> None:
        self.seconds: list[float] = []
        self.errors: list[Exception] = []
        self._stage = stage
        self._every = every
        self._runs_for = runs_for
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="enqueuing", daemon=True)

    @property
    def count(self) -> int:
        """How many were enqueued."""
        return len(self.seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Enqueue no more."""
        self._is_over.set()
        self._thread.join(LONGEST_STOP)
        assert not self._thread.is_alive(), "An enqueue did not come back."

    def _run(self) -> None:
        try:
            while not self._is_over.wait(self._every):
                begin = monotonic()
                try:
                    id = tasks.work.enqueue(self._runs_for).id
                except Exception as error:
                    self.errors.append(error)
                else:
                    self._stage.journal.write("acked", id)
                self.seconds.append(monotonic() - begin)
        finally:
            connections[ALIAS].close()
