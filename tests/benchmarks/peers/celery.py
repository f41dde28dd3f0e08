"""Celery with Redis as broker and for results: one process that runs its jobs by itself."""

from __future__ import annotations

from typing import Any

from celery import Celery
from redis import Redis

from tests.benchmarks.peers.base import Peer
from tests.benchmarks.tally import mark


def noop(payload: str = "") -> int:
    return mark()


class CeleryPeer(Peer):
    """The solo pool hands jobs to no child; many are fetched ahead, as Celery advises for short
    ones, and its workers do not talk to one another.
    """

    has_threads = False

    def open(self) -> None:
        url = f"redis://{self.place.host}:{self.place.port}/0"
        self.app = Celery("benchmark", broker=url, backend=url)
        self.app.conf.update(
            worker_prefetch_multiplier=128, broker_connection_retry_on_startup=True
        )
        self.noop = self.app.task(noop)
        self.client = Redis(host=self.place.host, port=self.place.port)

    def prepare(self) -> None:
        """Make nothing; Redis has no tables."""

    def enqueue(self, count: int, payload: str = "") -> None:
        for _ in range(count):
            self.noop.delay(payload)

    def finished(self, total: int) -> int:
        return sum(1 for _ in self.client.scan_iter("celery-task-meta-*", count=10_000))

    def send(self) -> Any:
        return self.noop.delay()

    def wait(self, handle: Any) -> None:
        handle.get(timeout=30)

    def work(self) -> None:
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        self.app.worker_main(["worker", "--pool=solo", "--loglevel=WARNING", *quiet])


PEER = CeleryPeer
