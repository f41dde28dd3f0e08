"""LTQ: async functions on one loop, a hundred at a time, its default; it keeps no results."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import ltq
from redis import Redis

from tests.benchmarks.deadline import until
from tests.benchmarks.peers.base import Peer
from tests.benchmarks.tally import mark


class LtqPeer(Peer):
    def open(self) -> None:
        url = f"redis://{self.place.host}:{self.place.port}/0"
        self.loop = asyncio.new_event_loop()
        self.worker = ltq.Worker("benchmark", broker_url=url)
        self.client = Redis(host=self.place.host, port=self.place.port)

        async def noop(payload: str = "") -> None:
            mark()

        self.noop = self.worker.task()(noop)

    def close(self) -> None:
        self.loop.run_until_complete(self.worker.broker.close())
        self.loop.close()

    def prepare(self) -> None:
        """Make nothing; Redis has no tables."""

    def enqueue(self, count: int, payload: str = "") -> None:
        async def send() -> None:
            for _ in range(count):
                await self.noop.send(payload)

        self.loop.run_until_complete(send())

    def finished(self, total: int) -> int:
        """Count what is neither waiting nor under way: nothing tells of a job that is done."""
        return total - sum(self.client.zcard(key) for key in self._keys())

    def send(self) -> Any:
        self.enqueue(1)

    def wait(self, handle: Any) -> None:
        """Look whether any job is left: there is no result, and no call that waits."""
        until(lambda: self.finished(0) == 0, 30, "the end of one job")

    def work(self) -> None:
        self.loop.run_until_complete(self.worker.run())

    def _keys(self) -> Iterator[Any]:
        yield f"queue:{self.noop.name}"
        yield from self.client.scan_iter("processing:*")


PEER = LtqPeer
