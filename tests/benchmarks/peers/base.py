"""What a peer has to offer to be measured.

A peer is one task queue on one kind of database. The same object serves as producer and, in
a process of its own, as worker. Each peer keeps its default options, save where its file says
why not, and is used only through what it documents.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from tests.benchmarks.place import Place

THREADS = "BENCHMARK_THREADS"


def threads_asked() -> int:
    """Return how many jobs a worker is to run at a time: one, unless a step says more."""
    return int(os.environ.get(THREADS, "1"))


class Peer(ABC):
    """One task queue, opened on one place.

    `has_threads` tells that one worker process runs as many jobs at a time as it is told to.
    """

    has_threads: ClassVar[bool] = True

    def __init__(self, place: Place) -> None:
        self.place = place

    @abstractmethod
    def open(self) -> None:
        """Connect or configure; called once per process, before anything else."""

    def close(self) -> None:
        """Let go of what ``open`` took; a process that ends lets go of most things itself."""
        return

    @abstractmethod
    def prepare(self) -> None:
        """Make the tables in an empty database."""

    @abstractmethod
    def enqueue(self, count: int, payload: str = "") -> None:
        """Enqueue this many jobs, one call and one transaction each."""

    def enqueue_many(self, count: int, payload: str = "") -> None:
        """Enqueue this many jobs with the peer's bulk call."""
        raise NotImplementedError("It has no call that enqueues many jobs at once.")

    @abstractmethod
    def finished(self, total: int) -> int:
        """Return how many of the ``total`` jobs enqueued are finished, results stored."""

    @abstractmethod
    def send(self) -> Any:
        """Enqueue one job and return what ``wait`` needs."""

    @abstractmethod
    def wait(self, handle: Any) -> None:
        """Block until the producer holds the result, the quickest way the peer documents."""

    def nap(self, who: int, seconds: float) -> None:
        """Enqueue a job that sleeps, for the tenant of this number where there are tenants."""
        raise NotImplementedError("It has no job that sleeps.")

    def nap_many(self, naps: Iterable[tuple[int, float]]) -> None:
        """Enqueue many of them in this order, by the quickest call the peer has."""
        for who, seconds in naps:
            self.nap(who, seconds)

    def work(self) -> None:
        """Be one worker process until told to stop."""
        raise NotImplementedError("It works inside the producer's process.")
