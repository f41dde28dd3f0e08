"""What huey does alike on every storage: one consumer process with its default single thread."""

from __future__ import annotations

import logging
from typing import Any

from tests.benchmarks.deadline import until
from tests.benchmarks.naps import sleep
from tests.benchmarks.peers.base import Peer, threads_asked
from tests.benchmarks.tally import mark


class HueyPeer(Peer):
    """Subclasses make the queue; huey has no call that enqueues many in one transaction."""

    def make_queue(self) -> Any:
        raise NotImplementedError

    def open(self) -> None:
        logging.getLogger("huey").setLevel(logging.WARNING)
        self.queue = self.make_queue()
        self.noop = self.queue.task(name="noop")(lambda payload="": mark())
        self.sleep = self.queue.task(name="sleep")(sleep)

    def close(self) -> None:
        self.queue.storage.close()

    def prepare(self) -> None:
        """Make nothing more; opening the queue has made the tables."""

    def enqueue(self, count: int, payload: str = "") -> None:
        for _ in range(count):
            self.noop(payload)

    def finished(self, total: int) -> int:
        return int(self.queue.result_count())

    def send(self) -> Any:
        return self.noop()

    def wait(self, handle: Any) -> None:
        """Poll quickly: huey's own blocking call waits 0.1 s and more between two looks."""
        until(lambda: handle.get(preserve=True) is not None, 30, "the result of one job")

    def nap(self, who: int, seconds: float) -> None:
        self.sleep(who, seconds)

    def work(self) -> None:
        self.queue.create_consumer(workers=threads_asked()).run()
