"""pgqueuer with asyncpg: async jobs only, removed from the queue when done, no return values.

Its default batch of 10 is raised to 1,000, with which it drains fastest: 2.6 times as fast.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from tests.benchmarks.peers.base import Peer
from tests.benchmarks.tally import mark

BATCH = 1000


class PgqueuerPeer(Peer):
    """Keeps one event loop; every call runs it until the call is done."""

    def open(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._watcher: CompletionWatcher | None = None
        self._connection = self.run(asyncpg.connect(self.place.dsn))
        self.queries = Queries(AsyncpgDriver(self._connection))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self.run(self._connection.close())
        self._runner.close()

    def prepare(self) -> None:
        self.run(self.queries.install())

    def enqueue(self, count: int, payload: str = "") -> None:
        self.run(self._enqueue(count, payload.encode()))

    async def _enqueue(self, count: int, payload: bytes) -> None:
        for _ in range(count):
            await self.queries.enqueue("noop", payload)

    def enqueue_many(self, count: int, payload: str = "") -> None:
        self.run(self.queries.enqueue(["noop"] * count, [payload.encode()] * count, [0] * count))

    def finished(self, total: int) -> int:
        sizes = self.run(self.queries.queue_size())
        return total - sum(int(size.count) for size in sizes)

    def send(self) -> Any:
        [job] = self.run(self.queries.enqueue("noop", b""))
        return job

    def wait(self, handle: Any) -> None:
        self.run(self._wait(handle))

    async def _wait(self, handle: Any) -> None:
        """Await the watcher, whose pause for collecting notices (50 ms) is made short."""
        if self._watcher is None:
            connection = await asyncpg.connect(self.place.dsn)
            driver = AsyncpgDriver(connection)
            watcher = CompletionWatcher(
                driver, queries=Queries(driver), debounce=timedelta(milliseconds=1)
            )
            self._watcher = await self._stack.enter_async_context(watcher)
        await asyncio.wait_for(self._watcher.wait_for(handle), 30)

    def work(self) -> None:
        self.run(self._work())

    async def _work(self) -> None:
        manager = PgQueuer.from_asyncpg_connection(await asyncpg.connect(self.place.dsn))

        @manager.entrypoint("noop")
        async def noop(job: Any) -> None:
            mark()

        await manager.run(batch_size=BATCH)


PEER = PgqueuerPeer
