"""dramatiq with its Redis broker and results: one worker of eight threads, its default."""

from __future__ import annotations

import logging
from threading import Event
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from redis import Redis

from tests.benchmarks.peers.base import Peer
from tests.benchmarks.tally import mark


class DramatiqPeer(Peer):
    def open(self) -> None:
        logging.getLogger("dramatiq").setLevel(logging.WARNING)
        where: dict[str, Any] = {"host": self.place.host, "port": self.place.port}
        self.client = Redis(**where)
        self.broker = RedisBroker(**where)
        results = RedisBackend(use_namespace_prefix_keys=True, **where)
        self.broker.add_middleware(Results(backend=results, store_results=True))
        dramatiq.set_broker(self.broker)
        self.noop = dramatiq.actor(lambda payload="": mark(), actor_name="noop")

    def prepare(self) -> None:
        """Make nothing; Redis has no tables."""

    def enqueue(self, count: int, payload: str = "") -> None:
        for _ in range(count):
            self.noop.send(payload)

    def finished(self, total: int) -> int:
        return sum(1 for _ in self.client.scan_iter("dramatiq-results:*", count=10_000))

    def send(self) -> Any:
        return self.noop.send()

    def wait(self, handle: Any) -> None:
        handle.get_result(block=True, timeout=4_000)

    def work(self) -> None:
        dramatiq.Worker(self.broker).start()
        Event().wait()


PEER = DramatiqPeer
