"""Make claims ready to run: load the task, read the arguments, and keep what is under way."""

import logging
from collections.abc import Callable
from datetime import timedelta
from inspect import iscoroutinefunction
from time import monotonic
from typing import Any, NamedTuple

from django.tasks import task_backends
from django.tasks.base import Task as DjangoTask
from django.tasks.base import TaskResult, TaskResultStatus

from django_taskq.context import JobContext, Notepad
from django_taskq.exceptions import InvalidOptions, JobUnloadable
from django_taskq.jobs import payload
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.durations import in_seconds
from django_taskq.jobs.outcome import Outcome, Verdict
from django_taskq.loading import load_or_stand_in, load_task, with_changes
from django_taskq.middleware.registry import stacks_of
from django_taskq.middleware.stack import Stack, broken_stack
from django_taskq.results import make_result, readable
from django_taskq.worker import outcomes
from django_taskq.worker.limits import TimeLimits
from django_taskq.worker.marks import Marks, NoMarks
from django_taskq.worker.run import Call, Ended, TimeLimit

logger = logging.getLogger("django_taskq.worker")

MOST_TASKS = 1000
# Seconds for which a worker has said enough about a task that it cannot import.
QUIET = 60.0
# How many jobs that it cannot load a worker looks at in a second, where it has the choice.
MOST_OFFERS = 500
LONGEST_CROWD = 3600.0
# Seconds after its time limit when an attempt that nobody could end costs its process the life.
LONGEST_OVERRUN = 5.0

type MakeNotepad = Callable[[Claim, dict[str, Any], float], Notepad]


class Loaded(NamedTuple):
    """A task as its jobs carry it, and what runs around it."""

    task: DjangoTask
    stack: Stack


class Calls:
    """Makes calls of claims. Safe from any thread, as long as no two make the same claim.

    `running` holds the notepad of every attempt under way; the heartbeat reads it. With
    `is_last_chance` no other worker is to come: what cannot be imported here fails at once.
    """

    def __init__(
        self,
        alias: str,
        poke: Callable[[], None],
        is_stopping: Callable[[], bool],
        make_notepad: MakeNotepad = Notepad,
        marks: Marks | None = None,
        limits: TimeLimits | None = None,
        *,
        is_last_chance: bool = False,
    ) -> None:
        self.alias = alias
        self.running: dict[int, Notepad] = {}
        self._stacks = stacks_of(alias)
        self._tasks: dict[tuple[str, int, str, str | None], Loaded] = {}
        self._async_paths: dict[str, bool] = {}
        self._poke = poke
        self._is_stopping = is_stopping
        self._make_notepad = make_notepad
        self._marks = marks or NoMarks()
        self._limits = limits
        backend: Any = task_backends[alias]
        self._default_limit: float | None = backend.settings.timeout
        self._grace: float = 0.0 if is_last_chance else backend.settings.unloadable_grace
        self._told: dict[str, float] = {}
        self._next_offer = 0.0

    def make(self, claim: Claim) -> Call | Ended:
        """Return a claim ready to run, or its end where it cannot be loaded."""
        started = monotonic()
        try:
            task, stack = self._load(claim)
            args = _read(claim.args, list, "arguments")
            kwargs = _read(claim.kwargs, dict, "keyword arguments")
        except JobUnloadable as error:
            return self._missing(claim, started, error)
        except Exception as error:  # whatever is wrong with a row, it ends that job alone
            return self._unloadable(claim, started, error)
        started_at = claim.store_time(started)
        earlier: list[str] = readable(claim.worker_ids, []) if claim.worker_ids else []
        result = make_result(
            task,
            claim.id,
            self.alias,
            TaskResultStatus.RUNNING,
            claim.enqueued_at,
            args,
            kwargs,
            started_at=claim.started_at or started_at,
            last_attempted_at=started_at,
            errors=claim.errors,
            worker_ids=[*earlier, claim.worker_id],
        )
        metadata: dict[str, Any] = readable(claim.metadata, {}) if claim.metadata else {}
        notepad = self._make_notepad(claim, metadata, started)
        job = JobContext(
            task_result=result,
            tenant=claim.tenant,
            _notepad=notepad,
            _poke=self._poke,
            _is_stopping=self._is_stopping,
        )
        layers = stack.plain if claim.start_by is None else stack.rated
        return Call(claim, task, result, notepad, job, self._limit_of(task), layers, stack.tries)

    def is_async(self, claim: Claim) -> bool:
        """Tell whether a claim is to run on an event loop; one that cannot be loaded is not."""
        known = self._async_paths.get(claim.task)
        if known is None:
            # To import a task may be what takes the process down.
            mark = self._marks.start(claim)
            try:
                known = iscoroutinefunction(load_task(claim.task).func)
            except JobUnloadable:
                return False
            finally:
                self._marks.end(mark)
            self._async_paths[claim.task] = known
        return known

    def enter(self, call: Call) -> None:
        """Note that an attempt is under way."""
        deadline = 0.0
        if call.limit is not None:
            call.limit.start()
            deadline = call.limit.deadline + LONGEST_OVERRUN
            if self._limits is not None:
                self._limits.enter(call)
        call.notepad.mark = self._marks.start(call.claim, deadline)
        self.running[call.claim.seq] = call.notepad

    def leave(self, call: Call) -> bool:
        """Note that an attempt is over; return whether the caller is to tell how it ended.

        An attempt that is ended by its time limit has two ends, of which the first counts.
        """
        if call.limit is not None:
            if not call.limit.take_end():
                return False
            if self._limits is not None:
                self._limits.leave(call)
        self._marks.end(call.notepad.mark)
        # A worker that lost its lease may run the same job again, as a later attempt.
        if self.running.get(call.claim.seq) is call.notepad:
            del self.running[call.claim.seq]
        return True

    def _limit_of(self, task: DjangoTask) -> TimeLimit | None:
        own: float | timedelta | None = getattr(task, "timeout", None)
        seconds = self._default_limit if own is None else in_seconds(own)
        return None if seconds is None else TimeLimit(seconds)

    def _load(self, claim: Claim) -> Loaded:
        key = (claim.task, claim.priority, claim.queue, claim.options)
        known = self._tasks.get(key)
        if known is not None and claim.run_after is None:
            return known
        changes = {
            "priority": claim.priority,
            "queue_name": claim.queue,
            "backend": self.alias,
            "run_after": claim.run_after,
        }
        task = load_task(claim.task)
        try:
            task = with_changes(task, changes, claim.options)
        except InvalidOptions as error:
            # What the options of the job must be, only a middleware knows that cannot be had.
            return Loaded(task, broken_stack(error))
        loaded = Loaded(task, self._stacks.build(task))
        if claim.run_after is None and not loaded.stack.is_broken:
            if len(self._tasks) >= MOST_TASKS:
                self._tasks.clear()
            self._tasks[key] = loaded
        return loaded

    def _missing(self, claim: Claim, started: float, error: JobUnloadable) -> Ended:
        outcome = outcomes.missing(
            claim, claim.store_time(started), error, self._grace, self._crowd(started)
        )
        self._warn(claim, outcome)
        return self._ended(claim, outcome, error)

    def _crowd(self, now: float) -> float:
        """Return the seconds until one more job that cannot be loaded may come again.

        Threads may overwrite one another's place in the line; it is no promise.
        """
        place = min(max(now, self._next_offer) + 1 / MOST_OFFERS, now + LONGEST_CROWD)
        self._next_offer = place
        return place - now

    def _warn(self, claim: Claim, outcome: Outcome) -> None:
        now = monotonic()
        if outcome.verdict is not Verdict.RELEASED or now < self._told.get(claim.task, 0.0):
            return
        if len(self._told) >= MOST_TASKS:
            self._told.clear()
        self._told[claim.task] = now + QUIET
        logger.warning(
            "Job %s, and maybe more of its task, is given back. %s", claim.id, outcome.reason
        )

    def _unloadable(self, claim: Claim, started: float, error: Exception) -> Ended:
        outcome = outcomes.unloadable(claim, claim.store_time(started), error)
        return self._ended(claim, outcome, error)

    def _ended(self, claim: Claim, outcome: Outcome, error: Exception) -> Ended:
        """Return the end of a claim that was never called."""
        result: TaskResult = make_result(
            load_or_stand_in(claim.task, claim.queue, self.alias),
            claim.id,
            self.alias,
            TaskResultStatus.RUNNING,
            claim.enqueued_at,
            readable(claim.args, []),
            readable(claim.kwargs, {}),
            started_at=claim.started_at,
            errors=claim.errors,
            worker_ids=readable(claim.worker_ids or "[]", []),
        )
        kept = None if outcome.verdict is Verdict.RELEASED else error
        return Ended(claim, outcome, result, kept, 0.0)


def _read[T: (list[Any], dict[str, Any])](text: str, shape: type[T], what: str) -> T:
    value = payload.decode(text)
    if not isinstance(value, shape):
        raise ValueError(f"Expected the stored {what} to be a {shape.__name__}, got {value!r:.80}.")
    return value
