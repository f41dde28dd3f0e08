"""Run async jobs on one event loop in a thread of its own."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from django_taskq.jobs.claim import Claim
from django_taskq.worker.connections import SyncContexts
from django_taskq.worker.executors.line import enter

type AsyncRun = Callable[[Claim], Coroutine[Any, Any, None]]


class EventLoopExecutor:
    """Runs at most `size` async jobs at a time; the thread starts with the first of them."""

    def __init__(self, size: int, run: AsyncRun, poke: Callable[[], None], name: str) -> None:
        self.size = size
        self._run = run
        self._poke = poke
        self._name = name
        self._line: deque[Claim] = deque()
        self._running: set[asyncio.Task[None]] = set()
        # A context of its own: what one job sets, the next one must not see.
        self._contexts = SyncContexts()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._is_closing = False

    @property
    def waiting(self) -> int:
        """How many claims stand in line."""
        return len(self._line)

    @property
    def free(self) -> int:
        """How many more claims could start at once."""
        return max(0, self.size - len(self._running) - len(self._line))

    def submit(self, claim: Claim) -> None:
        """Put a claim in line; safe from any thread."""
        enter(self._line, [claim])
        self._started().call_soon_threadsafe(self._fill)

    def take_back(self) -> list[Claim]:
        """Take all claims out of the line that have not started."""
        taken = []
        while True:
            try:
                taken.append(self._line.popleft())
            except IndexError:
                return taken

    def close(self) -> None:
        """Let the loop end once no job runs on it any more. Does not wait for that."""
        self._is_closing = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_if_idle)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._work, name=f"{self._name}-loop", daemon=True).start()
            return self._loop

    def _work(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _fill(self) -> None:
        assert self._loop is not None
        while self._line and len(self._running) < self.size:
            task = self._loop.create_task(
                self._run(self._line.popleft()), context=self._contexts.make()
            )
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._fill()
        self._poke()
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._is_closing and not self._running and self._loop is not None:
            self._loop.stop()
