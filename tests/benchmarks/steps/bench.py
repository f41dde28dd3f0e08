"""What every step works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.deadline import until
from tests.benchmarks.logbook import Watch
from tests.benchmarks.peers import Entry
from tests.benchmarks.peers.base import Peer
from tests.benchmarks.place import Place
from tests.benchmarks.processes import WorkerProcess, worker
from tests.benchmarks.tally import Tally


@dataclass(frozen=True)
class Bench:
    """A peer, opened, with a tally of its own and a directory for what it leaves."""

    entry: Entry
    peer: Peer
    place: Place
    tally: Tally
    directory: Path

    def fill(self, count: int, payload: str = "") -> None:
        """Enqueue a backlog by the quickest call the peer has."""
        many = self.peer.enqueue_many if self.entry.bulk else self.peer.enqueue
        many(count, payload)

    @contextmanager
    def workers(self, slots: int = 1) -> Iterator[list[WorkerProcess]]:
        """Run workers for so many jobs at a time: one, or as many where each has one thread.

        There is none where jobs run in this process.
        """
        count = 0 if self.place.is_memory else 1 if self.peer.has_threads else slots
        with ExitStack() as stack:
            yield [stack.enter_context(self.worker()) for _ in range(count)]

    def wait_started(
        self, workers: list[WorkerProcess], wanted: dict[int, int], seconds: float
    ) -> None:
        """Wait until so many jobs of each tenant have started."""
        watch = Watch(self.directory)

        def all_started() -> bool:
            for process in workers:
                process.check()
            started = watch.started()
            return all(started[who] >= count for who, count in wanted.items())

        until(all_started, seconds, f"{sum(wanted.values())} jobs to start", step=0.02)

    @contextmanager
    def worker(self) -> Iterator[WorkerProcess]:
        with worker(self.entry.name, self.directory) as process:
            yield process

    def wait_finished(self, process: WorkerProcess, total: int, seconds: float) -> None:
        """Wait until all jobs have started, then until all results are stored.

        The store is asked only at the very end, so that watching takes nothing from the worker.
        """

        def all_started() -> bool:
            process.check()
            return self.tally.started(total - 1) != 0

        until(all_started, seconds, f"{total} jobs to start", step=0.005)
        until(lambda: self.peer.finished(total) >= total, seconds, f"{total} results")
