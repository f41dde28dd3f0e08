"""One claim made ready to run, and what came of it."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

from django.tasks.base import Task as DjangoTask
from django.tasks.base import TaskResult

from django_taskq.context import JobContext, Notepad
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.outcome import Outcome
from django_taskq.middleware.max_tries import MaxTries
from django_taskq.middleware.stack import Layers


class TimeLimit:
    """How long one attempt may take. Whoever takes its end first, tells how it ended."""

    __slots__ = ("_end", "deadline", "seconds", "thread")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.deadline = float("inf")
        self.thread = 0
        self._end = threading.Lock()

    def start(self) -> None:
        """Have the time run from now on, in this thread."""
        self.deadline = monotonic() + self.seconds
        self.thread = threading.get_ident()

    def take_end(self) -> bool:
        """Return whether nobody has taken the end before. Safe from any thread."""
        return self._end.acquire(blocking=False)


class Call(NamedTuple):
    """A claim with its task loaded and its arguments read, and the middlewares around it.

    `tries` is asked whether the job runs again where the attempt fails.
    """

    claim: Claim
    task: DjangoTask
    result: TaskResult
    notepad: Notepad
    job: JobContext
    limit: TimeLimit | None = None
    layers: Layers = ()
    tries: MaxTries | None = None

    @property
    def function(self) -> Callable[..., Any]:
        """What to call for a sync task: the function itself, unless its class has its own way."""
        task = self.task
        return task.func if type(task).call is DjangoTask.call else task.call

    @property
    def positional(self) -> list[Any]:
        """The arguments of the function, the job's context first where it is taken."""
        args: list[Any] = self.result.args
        return [self.job, *args] if self.task.takes_context else args


class Ended(NamedTuple):
    """An attempt that is over, on its way to the store.

    `result` and `exception` are for the signals that follow the write; both are None where the
    task could not be loaded and the exception could not be kept.
    """

    claim: Claim
    outcome: Outcome
    result: TaskResult
    exception: BaseException | None
    duration: float
