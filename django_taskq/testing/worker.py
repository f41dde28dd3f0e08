"""A worker without threads: it claims one job at a time and runs it in the thread that asks."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from inspect import iscoroutinefunction
from itertools import count
from queue import SimpleQueue
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.tasks import TaskResult, task_backends

from django_taskq.backends.pool import PoolBackend
from django_taskq.exceptions import TaskqError
from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.workers import Pulse
from django_taskq.testing.claiming import store_to_claim_from
from django_taskq.testing.transactions import InTestTransaction
from django_taskq.worker.calls import Calls
from django_taskq.worker.cancels import Cancels
from django_taskq.worker.heartbeat import Heartbeat
from django_taskq.worker.holds import is_held
from django_taskq.worker.inputs import with_inputs
from django_taskq.worker.limits import TimeLimits
from django_taskq.worker.marks import NoMarks
from django_taskq.worker.run import Call, Ended
from django_taskq.worker.runner import Runner
from django_taskq.worker.settings import WorkerSettings
from django_taskq.worker.writer import Recorder

MOST_ATTEMPTS = 10_000
LONGEST_END = 60.0
# What makes a delay between tries exactly as long as its rule says.
NO_JITTER = 0.5
PROMOTE_LIMIT = 1000


class CallersWorker:
    """Runs what is due in an alias, in the order in which any worker would, in the caller's thread.

    It opens, closes and drops no connection of that thread. Everything else is a worker's own:
    limits, middlewares, retries, signals, the writing of results.
    """

    def __init__(self, alias: str, queues: Sequence[str] | None = None) -> None:
        self._alias = alias
        self._store = store_to_claim_from(alias)
        _refuse_unheld(alias)
        self._settings = WorkerSettings(
            name=f"testing:{os.getpid()}",
            queues=None if queues is None else tuple(queues),
            threads=1,
        )
        self._worker_id = self._settings.new_worker_id()
        # Of each claim comes one end, of an overrun from another thread.
        self._ends = SimpleQueue[Ended]()
        self._limits = TimeLimits(self._end_overrun, f"taskq-{alias}-testing")
        self._calls = _CallsInTests(alias, self._poke, lambda: False, limits=self._limits)
        self._runner = Runner(
            self._calls, self._ends.put, keeps_connections=True, spread=lambda: NO_JITTER
        )
        self._recorder = Recorder(self._store, lambda fences: None)
        self._in_hand: dict[int, Claim] = {}
        self._heartbeat = Heartbeat(
            self._store,
            self._worker_id,
            self._calls.running,
            pulse=lambda: Pulse(0.0, 0),
            on_lost=lambda: self._worker_id,
            on_doubt=lambda: None,
            on_stop=lambda: None,
            marks=NoMarks(),
            read_cancels=Cancels(self._store, self._in_hand, self._calls.running).read,
        )
        self._thread = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_context = Context()

    def run(self, limit: int | None = None, *, raise_exceptions: bool = False) -> list[TaskResult]:
        """Run what is due until nothing is, or `limit` attempts have ended; return their results.

        Raise TaskqError where that goes on for ever.
        """
        _refuse_running_loop()
        self._thread = threading.get_ident()
        self._store.join(self._settings.introduce(self._worker_id))
        try:
            results = self._work(limit, raise_exceptions)
        except BaseException:
            # What came out counts, whatever state the connection is in.
            with contextlib.suppress(Exception):
                self._store.forget(self._worker_id)
            raise
        finally:
            self._limits.close()
        self._store.forget(self._worker_id)
        return results

    def _work(self, limit: int | None, raise_exceptions: bool) -> list[TaskResult]:
        results: list[TaskResult] = []
        for attempts in count(1):
            if limit is not None and len(results) >= limit:
                break
            claim = self._claim()
            if claim is None:
                break
            if limit is None and attempts > MOST_ATTEMPTS:
                raise TaskqError(
                    f"Jobs of {self._alias!r} were run {MOST_ATTEMPTS} times and there are more, "
                    f"of {claim.task} for one: do they enqueue themselves, or retry without a "
                    "delay? Say how many to run by limit=."
                )
            ended = self._run(claim)
            if ended.outcome.verdict is not Verdict.RELEASED:
                results.append(ended.result)
            if ended.exception is not None and (raise_exceptions or _is_for_runner(ended)):
                raise ended.exception
        return results

    def _claim(self) -> Claim | None:
        while self._store.promote(PROMOTE_LIMIT).count >= PROMOTE_LIMIT:
            pass
        claims = self._store.claim(ClaimRequest(self._worker_id, 1, self._settings.queues))
        if not claims:
            return None
        claim = with_inputs(self._store, claims)[0]
        # It starts now, however slow the machine is: its rate counted it for this moment.
        return claim if claim.start_by is None else claim._replace(start_by=float("inf"))

    def _run(self, claim: Claim) -> Ended:
        self._in_hand[claim.seq] = claim
        if self._calls.is_async(claim):
            # In a context of its own: what the job sets, the caller must not see.
            Context().run(async_to_sync(self._arun), claim)
        else:
            self._runner.run(claim)
        ended = self._ends.get(timeout=LONGEST_END)
        self._recorder.write([ended])
        del self._in_hand[claim.seq]
        return ended

    async def _arun(self, claim: Claim) -> None:
        self._loop, self._loop_context = asyncio.get_running_loop(), copy_context()
        try:
            await self._runner.arun(claim)
        finally:
            self._loop = None

    def _end_overrun(self, call: Call) -> None:
        """Write down, from another thread, that a sync call is over its time; it goes on."""
        if iscoroutinefunction(call.task.func):
            # Its event loop cancels it.
            return
        ended = self._runner.overrun(call)
        if ended is not None:
            self._ends.put(ended)

    def _poke(self) -> None:
        """Store what the job wants stored now, in the thread that holds the connections."""
        if threading.get_ident() == self._thread:
            self._heartbeat.beat()
        elif self._loop is not None:
            loop, context = self._loop, self._loop_context
            beat: Callable[[], Any] = sync_to_async(self._heartbeat.beat)
            loop.call_soon_threadsafe(
                lambda: asyncio.ensure_future(beat(), loop=loop), context=context
            )


class _CallsInTests(Calls):
    """Makes calls that are kept apart from the test's transaction."""

    def make(self, claim: Claim) -> Call | Ended:
        """Return a claim ready to run, or its end where it cannot be loaded."""
        made = super().make(claim)
        if isinstance(made, Ended):
            return made
        return made._replace(layers=(InTestTransaction(), *made.layers))


def _is_for_runner(ended: Ended) -> bool:
    """Tell whether what a job raised is not its own: Ctrl-C, or how test runners end a test.

    That is pytest.fail() and pytest.skip(), for example.
    """
    return not isinstance(ended.exception, Exception | SystemExit | asyncio.CancelledError)


def _refuse_unheld(alias: str) -> None:
    if isinstance(task_backends[alias], PoolBackend) and not is_held(alias):
        raise TaskqError(
            f"The pool {alias!r} runs its jobs by itself, in threads or children of its own. Hold "
            f"it before anything is enqueued: with testing.held({alias!r}), or the pytest fixture "
            "taskq."
        )


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise TaskqError(
        "Jobs cannot be run from a thread with a running event loop: await testing.arun_jobs()."
    )
