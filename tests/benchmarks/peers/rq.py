"""RQ with the worker that forks no child for each job, which is its quickest."""

from __future__ import annotations

import logging
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.registry import FinishedJobRegistry

from tests.benchmarks.peers.base import Peer
from tests.benchmarks.tally import mark


def noop(payload: str = "") -> int:
    return mark()


class RqPeer(Peer):
    has_threads = False

    def open(self) -> None:
        logging.getLogger("rq").setLevel(logging.WARNING)
        self.client = Redis(host=self.place.host, port=self.place.port)
        self.queue = Queue(connection=self.client)

    def prepare(self) -> None:
        """Make nothing; Redis has no tables."""

    def enqueue(self, count: int, payload: str = "") -> None:
        for _ in range(count):
            self.queue.enqueue(noop, payload)

    def enqueue_many(self, count: int, payload: str = "") -> None:
        self.queue.enqueue_many([Queue.prepare_data(noop, (payload,)) for _ in range(count)])

    def finished(self, total: int) -> int:
        return int(FinishedJobRegistry(queue=self.queue).get_job_count(cleanup=False))

    def send(self) -> Any:
        return self.queue.enqueue(noop)

    def wait(self, handle: Any) -> None:
        if handle.latest_result(timeout=30) is None:
            raise TimeoutError("Expected the result of one job within 30 s, got none.")

    def work(self) -> None:
        SimpleWorker([self.queue], connection=self.client).work(logging_level="WARNING")


PEER = RqPeer
