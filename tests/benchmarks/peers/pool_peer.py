"""A pool of the producer's own process, behind ``django.tasks``."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.deadline import until
from tests.benchmarks.peers.django_peer import DjangoPeer

MAX_RESULTS = 1_000_000
"""No result may be dropped before the producer has it in hand."""

PROCESSES = 2
"""How many a process pool has, whoever's it is."""


class PoolPeer(DjangoPeer):
    """Keeps the results it was given, to ask for them in the order of the calls."""

    def open(self) -> None:
        super().open()
        self._results: list[Any] = []

    def prepare(self) -> None:
        """Make nothing; there is no database."""

    def enqueue(self, count: int, payload: str = "") -> None:
        self._results = [self.noop.enqueue(payload) for _ in range(count)]

    def wait(self, handle: Any) -> None:
        """Look more often than at a database; a look costs next to nothing here."""
        until(lambda: self.refreshed(handle), 30, "the result of one job", step=0.0001)

    def finished(self, total: int) -> int:
        """Take finished results off the list of those still missing."""
        while self._results and self.refreshed(self._results[-1]):
            self._results.pop()
        return total - len(self._results)
