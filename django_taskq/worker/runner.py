"""Run one claim: load, call, and tell what came of it. Knows no store and no thread."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from inspect import signature
from time import monotonic
from typing import Any

from asgiref.sync import sync_to_async
from django.tasks import task_backends
from django.tasks.signals import task_started

from django_taskq.context import enter_job
from django_taskq.jobs.backoff import BackoffRule
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.outcome import Verdict
from django_taskq.middleware.max_tries import FailedTry, delay_asked_for
from django_taskq.middleware.stack import acall_within, call_within
from django_taskq.options import Options
from django_taskq.pulls import parameters_to_pull, pull, pushes_of
from django_taskq.tenancy import enter_tenant
from django_taskq.worker import outcomes
from django_taskq.worker.calls import Calls
from django_taskq.worker.catcher import catch_logs
from django_taskq.worker.connections import SyncSide, close_job_connections
from django_taskq.worker.interrupt import Interrupt
from django_taskq.worker.run import Call, Ended

logger = logging.getLogger("django_taskq.worker")

DROPPED = "Job %s has ended after its time limit; that is dropped."

type Deliver = Callable[[Ended], None]


class Runner:
    """Turns claims into ended attempts and hands each to `deliver`.

    With `is_silent` it sends no signals: the process that made the calls before has done so. With
    `keeps_connections` what its jobs leave open stays open: the thread has other uses for it.
    `spread` is where the jitter of delays between tries comes from, None for where MaxTries has it.
    """

    def __init__(
        self,
        calls: Calls,
        deliver: Deliver,
        *,
        is_silent: bool = False,
        keeps_connections: bool = False,
        spread: Callable[[], float] | None = None,
    ) -> None:
        catch_logs()
        self._calls = calls
        self._deliver = deliver
        self._is_silent = is_silent
        self._keeps_connections = keeps_connections
        self._spread = spread
        self._sync_side = SyncSide()
        backend: Any = task_backends[calls.alias]
        self._sender = type(backend)
        self._options: Options = backend.settings
        self._default_backoff: BackoffRule = backend.settings.backoff

    def run(self, claim: Claim) -> float:
        """Run a claim of a sync task in this thread; return the seconds its function took."""
        call = self._prepare(claim)
        if call is None:
            return 0.0
        # A context of its own: what one job sets, the next one must not see.
        ended = Context().run(self._call, call)
        if self._calls.leave(call):
            self._deliver(ended)
        else:
            logger.info(DROPPED, claim.id)
        duration = ended.duration
        # A failure's traceback keeps this frame: an exception in it would wait for the garbage
        # collector, with all that it holds.
        del ended
        if not self._keeps_connections:
            close_job_connections()
        return duration

    async def arun(self, claim: Claim) -> None:
        """Run a claim of an async task on this event loop."""
        call = self._prepare(claim)
        if call is None:
            return
        ended = await self._acall(call)
        if self._calls.leave(call):
            self._deliver(ended)
        else:
            logger.info(DROPPED, claim.id)
        # As in `run`.
        del ended
        if not self._keeps_connections:
            await self._sync_side.close_job_connections()

    def overrun(self, call: Call) -> Ended | None:
        """Return the end of a call whose time is over, None where it has ended meanwhile.

        The function may go on, in a thread or a loop that nothing can stop; what it returns is
        dropped.
        """
        if not self._calls.leave(call):
            return None
        call.notepad.ask_to_stop()
        return self._failure(call, outcomes.overrun(call), monotonic())

    def kill(self, call: Call, error: BaseException) -> Ended | None:
        """Return the end of a call whose process was killed for this, None where it had ended."""
        return self._failure(call, error, monotonic()) if self._calls.leave(call) else None

    def _prepare(self, claim: Claim) -> Call | None:
        made = self._calls.make(claim)
        if isinstance(made, Ended):
            self._deliver(made)
            return None
        self._calls.enter(made)
        return made

    def _call(self, call: Call) -> Ended:
        try:
            enter_tenant(call.claim.tenant)
            enter_job(call.job)
            call.notepad.started = monotonic()
            if call.layers:
                value = call_within(call.layers, call.job, call.task, partial(self._begin, call))
            else:
                value = self._begin(call)
            return self._success(call, value, monotonic())
        except BaseException as error:
            return self._failure(call, error, monotonic())

    async def _acall(self, call: Call) -> Ended:
        try:
            enter_tenant(call.claim.tenant)
            enter_job(call.job)
            call.notepad.started = monotonic()
            value = await self._interruptible(call)
            return self._success(call, value, monotonic())
        except BaseException as error:
            return self._failure(call, error, monotonic())

    async def _interruptible(self, call: Call) -> Any:
        interrupt = Interrupt()
        call.notepad.interrupt = interrupt.ask
        if call.notepad.is_cancel_asked:
            interrupt.ask()
        try:
            return await self._awaited(call)
        finally:
            interrupt.end()
            # It knows the task, whose frames know the notepad.
            call.notepad.interrupt = None

    def _begin(self, call: Call) -> Any:
        if not self._is_silent:
            task_started.send_robust(self._sender, task_result=call.result)
        self._note_begin(call)
        kwargs = call.result.kwargs
        wanted = parameters_to_pull(call.task, call.positional, kwargs)
        if wanted:
            kwargs = {**kwargs, **pull(call.job, wanted)}
        return call.function(*call.positional, **kwargs)

    async def _abegin(self, call: Call) -> Any:
        if not self._is_silent:
            await task_started.asend_robust(self._sender, task_result=call.result)
        self._note_begin(call)
        kwargs = call.result.kwargs
        wanted = parameters_to_pull(call.task, call.positional, kwargs)
        if wanted:
            # In the thread where the ORM's calls go: the store may be a database.
            kwargs = {**kwargs, **await sync_to_async(pull)(call.job, wanted)}
        return await call.task.acall(*call.positional, **kwargs)

    def _note_begin(self, call: Call) -> None:
        call.notepad.has_begun = True
        if not call.layers:
            # The receivers' time is not the job's.
            call.notepad.started = monotonic()

    async def _awaited(self, call: Call) -> Any:
        body = partial(self._abegin, call)
        running = acall_within(call.layers, call.job, call.task, body) if call.layers else body()
        if call.limit is None:
            return await running
        scope = asyncio.timeout(call.limit.seconds)
        try:
            async with scope:
                return await running
        except TimeoutError as error:
            if scope.expired():
                raise outcomes.overrun(call) from error
            raise

    def _success(self, call: Call, value: Any, ended: float) -> Ended:
        outcome = outcomes.success(call.claim, call.notepad, call.result, value, ended)
        pushes = pushes_of(call.job, call.claim, outcome.result or "null", self._options)
        if pushes:
            # Written before the end is: whoever starts after that finds them.
            outcome = outcome._replace(pushes=pushes)
        return Ended(call.claim, outcome, call.result, None, ended - call.notepad.started)

    def _failure(self, call: Call, error: BaseException, ended: float) -> Ended:
        if isinstance(error, TypeError):
            _explain(call, error)
        outcome = outcomes.failure(
            call.claim, call.notepad, call.result, error, partial(self._delay_after, call), ended
        )
        # What it took to describe the failure was its tenant's time too: a traceback of megabytes
        # takes longer than most functions.
        outcome = outcome._replace(finished_at=call.claim.store_time(monotonic()))
        kept = None if outcome.verdict is Verdict.RELEASED else error
        return Ended(call.claim, outcome, call.result, kept, ended - call.notepad.started)

    def _delay_after(self, call: Call, error: BaseException) -> float | None:
        rule = getattr(call.task, "backoff", None)
        failed = FailedTry(
            error,
            call.job,
            call.claim.tries + 1,
            call.claim.max_tries,
            self._default_backoff if rule is None else rule,
            self._spread,
        )
        return delay_asked_for(failed) if call.tries is None else call.tries.delay_after(failed)


def _explain(call: Call, error: TypeError) -> None:
    """Say what the task takes, where its job was stored with something else.

    As it happens when the signature has changed since.
    """
    with suppress(ValueError, TypeError):
        taken = signature(call.task.func)
        try:
            taken.bind(*call.positional, **call.result.kwargs)
        except TypeError:
            error.add_note(
                f"The job was stored with other arguments than its task takes: "
                f"{call.task.name}{taken}."
            )
