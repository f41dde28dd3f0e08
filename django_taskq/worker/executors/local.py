"""Run jobs inside this process: sync ones in threads, async ones on an event loop."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from inspect import iscoroutinefunction
from time import monotonic

from django_taskq.context import Notepad
from django_taskq.jobs.claim import Claim
from django_taskq.worker.calls import Calls
from django_taskq.worker.connections import watch_connections
from django_taskq.worker.executors.base import Hooks
from django_taskq.worker.executors.event_loop import EventLoopExecutor
from django_taskq.worker.executors.threads import ThreadExecutor
from django_taskq.worker.limits import TimeLimits
from django_taskq.worker.run import Call
from django_taskq.worker.runner import Runner
from django_taskq.worker.settings import WorkerSettings

logger = logging.getLogger("django_taskq.worker")

# The weight of the latest claim in the share of async ones.
WEIGHT = 0.05
MOSTLY = 0.5
# Seconds beyond its limit in which an async job may end by its own cancellation.
PATIENCE = 0.25
# Seconds beyond its limit after which a loop counts as blocked by a job that does not await.
LONGEST_SILENCE = 0.7


class LocalExecutor:
    """The threads and the event loop of one worker, and the runner that both share."""

    def __init__(self, alias: str, settings: WorkerSettings, hooks: Hooks) -> None:
        watch_connections()
        name = settings.thread_name(alias)
        self._async_share = 0.0
        self._may_start = hooks.may_start
        self._drop = hooks.drop
        self._limits = TimeLimits(self._end_overrun, name)
        self._calls = Calls(
            alias,
            hooks.on_note,
            hooks.is_stopping,
            marks=hooks.marks,
            limits=self._limits,
            is_last_chance=settings.is_burst,
        )
        self._runner = Runner(self._calls, hooks.deliver)
        self._deliver = hooks.deliver
        self._threads = ThreadExecutor(settings.threads, self._run, hooks.on_room, name)
        self._loop = EventLoopExecutor(settings.async_concurrency, self._arun, hooks.on_room, name)

    @property
    def running(self) -> Mapping[int, Notepad]:
        """The notepads of the attempts under way, by seq."""
        return self._calls.running

    @property
    def low_mark(self) -> int:
        """The length of the threads' line at which more should be claimed."""
        return self._threads.low_mark

    @low_mark.setter
    def low_mark(self, mark: int) -> None:
        self._threads.low_mark = mark

    @property
    def waiting(self) -> int:
        """How many claims stand in line."""
        return self._threads.waiting + self._loop.waiting

    @property
    def free(self) -> int:
        """How many more sync claims could start at once."""
        return self._threads.free

    @property
    def startable(self) -> int:
        """How many more claims could start at once, of whatever kind they turn out to be.

        Of which kind a claim is, nobody knows before its task is loaded. Where one kind has no
        room and the other has, one claim at a time may come, if most of the latest were of the
        other kind and none stands in line: a wrong guess keeps one start waiting, not many.
        """
        threads, loop = self._threads.free, self._loop.free
        both = min(threads, loop)
        if both or self.waiting:
            return both
        return min(1, loop if self._is_mostly_async else threads)

    @property
    def slots(self) -> int:
        """How many attempts run at a time, of the kind that most of the latest claims were of."""
        return self._loop.size if self._is_mostly_async else self._threads.size

    @property
    def _is_mostly_async(self) -> bool:
        return self._async_share >= MOSTLY

    @property
    def is_worn_out(self) -> bool:
        """Whether as many threads, or async jobs, are given up as there may be at work."""
        return self._threads.abandoned >= self._threads.size or self._loop.is_worn_out

    def submit(self, claims: Sequence[Claim]) -> None:
        """Put claims in line, sync ones for the threads, async ones for the event loop."""
        blocking = []
        for claim in claims:
            is_async = self._calls.is_async(claim)
            self._async_share += (is_async - self._async_share) * WEIGHT
            if is_async:
                self._loop.submit(claim)
            else:
                blocking.append(claim)
        if blocking:
            self._threads.submit(blocking)

    def take_back(self) -> list[Claim]:
        """Take all claims out of the lines that have not started."""
        return self._threads.take_back() + self._loop.take_back()

    def stop(self) -> None:
        """Do nothing: what runs here asks by itself whether its worker stops."""

    def close(self) -> None:
        """Let idle threads end; the others end with their jobs. Does not wait for them."""
        self._limits.close()
        self._threads.close()
        self._loop.close()

    def _end_overrun(self, call: Call) -> None:
        """Fail a call whose time is over, and do without its thread, or its place on the loop."""
        if call.limit is None:
            return
        if not iscoroutinefunction(call.task.func):
            self._give_up(call, "Its thread is given up.")
            return
        late = monotonic() - call.limit.deadline
        if late < PATIENCE:
            # Its event loop has canceled it, and it may be about to end.
            return
        give_up = partial(self._give_up, call, "It goes on, and is given up.")
        # A supervisor that sees the mark ends a process whose loop hears nothing any more.
        if late < LONGEST_SILENCE or call.notepad.mark >= 0:
            self._loop.call(give_up)
        else:
            give_up()

    def _give_up(self, call: Call, told: str) -> None:
        ended = self._runner.overrun(call)
        if ended is None or call.limit is None:
            return
        logger.warning("Job %s: %s %s", call.claim.id, ended.exception, told)
        if iscoroutinefunction(call.task.func):
            self._loop.abandon(call.claim)
        else:
            self._threads.abandon(call.limit.thread)
        self._deliver(ended)

    def _run(self, claim: Claim) -> float:
        if self._may_start(claim):
            return self._runner.run(claim)
        self._drop(claim)
        return 0.0

    async def _arun(self, claim: Claim) -> None:
        if self._may_start(claim):
            await self._runner.arun(claim)
        else:
            self._drop(claim)
