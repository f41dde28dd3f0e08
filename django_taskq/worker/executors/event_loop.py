"""Run async jobs on one event loop in a thread of its own."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from django_taskq.jobs.claim import Claim
from django_taskq.worker.connections import SyncContexts
from django_taskq.worker.daemon_threads import DaemonThreads
from django_taskq.worker.executors.line import enter

# Blocking calls of async jobs at a time (`asyncio.to_thread`), as many as asyncio has at the most.
MOST_CALLS = 32

type AsyncRun = Callable[[Claim], Coroutine[Any, Any, None]]


class EventLoopExecutor:
    """Runs at most `size` async jobs at a time; the thread starts with the first of them."""

    def __init__(self, size: int, run: AsyncRun, poke: Callable[[], None], name: str) -> None:
        self.size = size
        self._run = run
        self._poke = poke
        self._name = name
        self._line: deque[Claim] = deque()
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._abandoned: set[asyncio.Task[None]] = set()
        # A context of its own: what one job sets, the next one must not see.
        self._contexts = SyncContexts(name)
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

    @property
    def is_worn_out(self) -> bool:
        """Whether as many jobs were given up as there may be."""
        return len(self._abandoned) >= self.size

    def call(self, verb: Callable[[], None]) -> None:
        """Have a verb called in the loop's thread, unless a job blocks it. Waits for nothing."""
        self._started().call_soon_threadsafe(verb)

    def abandon(self, claim: Claim) -> None:
        """Do without a job that does not end: another takes its place. Safe from any thread."""
        self.call(partial(self._abandon, claim))

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
                calls = DaemonThreads(MOST_CALLS, f"{self._name}-call")
                self._loop.set_default_executor(calls)
                threading.Thread(target=self._work, name=f"{self._name}-loop", daemon=True).start()
            return self._loop

    def _work(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()
        self._contexts.close()

    def _fill(self) -> None:
        assert self._loop is not None
        while self._line and len(self._running) < self.size:
            claim = self._line.popleft()
            task = self._loop.create_task(self._run(claim), context=self._contexts.make())
            self._running[task] = claim
            task.add_done_callback(self._ended)

    def _abandon(self, claim: Claim) -> None:
        for task, its_claim in list(self._running.items()):
            if its_claim is claim:
                self._abandoned.add(task)
                self._make_room(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._abandoned.discard(task)
        self._make_room(task)

    def _make_room(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._fill()
        self._poke()
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        is_idle = not self._running and not self._abandoned
        if self._is_closing and is_idle and self._loop is not None:
            self._loop.stop()
