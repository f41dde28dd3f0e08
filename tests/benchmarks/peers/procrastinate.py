"""Procrastinate with its psycopg connectors: one worker, concurrency 1, jobs kept when done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from tests.benchmarks.deadline import until
from tests.benchmarks.naps import sleep
from tests.benchmarks.peers.base import Peer, threads_asked
from tests.benchmarks.tally import mark

DONE = {"succeeded", "failed", "cancelled", "aborted"}


class ProcrastinatePeer(Peer):
    def make_app(self, connector: Any) -> None:
        self.app = App(connector=connector(conninfo=self.place.dsn))
        self.noop = self.app.task(name="noop")(lambda payload="": mark())
        self.sleep = self.app.task(name="sleep")(sleep)

    def open(self) -> None:
        self.make_app(SyncPsycopgConnector)
        self.app.open()

    def close(self) -> None:
        self.app.close()

    def prepare(self) -> None:
        self.app.schema_manager.apply_schema()

    def enqueue(self, count: int, payload: str = "") -> None:
        for _ in range(count):
            self.noop.defer(payload=payload)

    def enqueue_many(self, count: int, payload: str = "") -> None:
        self.noop.batch_defer(*[{"payload": payload}] * count)

    def finished(self, total: int) -> int:
        return sum(int(queue["succeeded"]) for queue in self.app.job_manager.list_queues())

    def send(self) -> Any:
        return self.noop.defer()

    def wait(self, handle: Any) -> None:
        """Ask for the status: Procrastinate stores no return values and has no call that waits."""
        until(
            lambda: self.app.job_manager.get_job_status(handle).value in DONE,
            30,
            "the end of one job",
        )

    def nap_many(self, naps: Iterable[tuple[int, float]]) -> None:
        self.sleep.batch_defer(*[{"who": who, "seconds": seconds} for who, seconds in naps])

    def work(self) -> None:
        self.close()
        self.make_app(PsycopgConnector)
        self.app.run_worker(concurrency=threads_asked())


PEER = ProcrastinatePeer
