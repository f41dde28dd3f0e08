"""Every error that django_taskq raises or records on a job."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.tasks.exceptions import InvalidTask, TaskException, TaskResultDoesNotExist


class TaskqError(TaskException):
    """Base of the errors of django_taskq."""


class InvalidOptions(ImproperlyConfigured):
    """An OPTIONS entry of TASKS is unknown or has a value that cannot be used."""


class InvalidTaskOption(InvalidTask, TypeError):
    """A task option is unknown, has a bad value, or is not available on this backend."""


class InvalidPipeline(TaskqError):
    """A pipeline or a dependency cannot be stored: nothing of it was."""


class InvalidSchedule(TaskqError, ValueError):
    """A schedule cannot be stored as it was given: nothing of it was.

    `option` names what is wrong with it, where a single one is.
    """

    def __init__(self, message: str = "", option: str = "") -> None:
        self.option = option
        super().__init__(message)


class RunDoesNotExist(TaskqError, TaskResultDoesNotExist):
    """There is no job of this pipeline run."""


class DuplicateJob(TaskqError):
    """An unfinished job holds this `task_id` already.

    `job_id` is its id, None where it is another call of the same batch, which was not stored.
    """

    def __init__(self, message: str = "", job_id: str | None = None, task_id: str = "") -> None:
        self.job_id = job_id
        self.task_id = task_id
        super().__init__(message)


class JobStateError(TaskqError):
    """The job is in a state that does not allow what was asked for."""


class RetryError(TaskqError):
    """Raise it in a task to run again later; it counts as a try.

    `delay` is in seconds or a timedelta; None leaves it to the task's backoff rule. Raise
    TypeError for any other.
    """

    def __init__(self, delay: float | timedelta | None = None, reason: str = "") -> None:
        self.delay = None if delay is None else _seconds(delay)
        self.reason = reason
        super().__init__(reason or "The task asked to run again.")

    def __reduce__(self) -> Any:
        # What it was made with is not what it shows.
        return type(self), (self.delay, self.reason), self.__dict__


class RejectError(TaskqError):
    """Raise it in a task to end the job as FAILED now, whatever tries are left."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__(reason or "The task rejected the job.")


class ReleaseError(TaskqError):
    """Raise it in a middleware, before the task is called, to give the job back at no cost.

    `delay` is in seconds or a timedelta; without one the job is ready again at once. Raise
    TypeError for any other. Once the function was called it is an error like any other.
    """

    def __init__(self, delay: float | timedelta = 0.0, reason: str = "") -> None:
        self.delay = _seconds(delay)
        self.reason = reason
        super().__init__(reason or "A middleware gave the job back.")

    def __reduce__(self) -> Any:
        return type(self), (self.delay, self.reason), self.__dict__


class JobExpired(RejectError):
    """Recorded on a job that was older than its `max_age` when an attempt began."""


class TaskTimeout(TaskqError, TimeoutError):
    """An attempt took longer than its `timeout`."""


class WaitTimeout(TaskqError, TimeoutError):
    """`wait` gave up before the job had finished."""


class JobCanceled(TaskqError):
    """Recorded on a job that was canceled before it ended by itself."""


class JobSkipped(TaskqError):
    """Recorded on a job whose trigger rule can no longer become true."""


class JobLost(TaskqError):
    """Recorded on an attempt whose worker died while it ran."""


class JobUnloadable(TaskqError):
    """Recorded on a job whose task or arguments cannot be read."""


class StandIn(Exception):
    """Stands for an exception that a job raised in another process.

    It has the name, the module and the text of that one, but none of its attributes, and is no
    instance of its class: to build one would run code that never ran in this process.
    """


class BenchmarkError(TaskqError):
    """A benchmark could not be carried out, or left something behind; its text says why."""


class XComDoesNotExist(TaskqError, KeyError):
    """No XCom value is stored under this key, or it has expired."""

    def __str__(self) -> str:
        # KeyError shows the repr of what it was made with: a sentence in quotes.
        return " ".join(map(str, self.args))


class XComTooLarge(TaskqError, ValueError):
    """An XCom value has more bytes than XCOM_MAX_BYTES allows."""


def _seconds(delay: object) -> float:
    if isinstance(delay, timedelta):
        return delay.total_seconds()
    if isinstance(delay, int | float):
        return float(delay)
    raise TypeError(f"delay: expected seconds or a timedelta, got {delay!r}.")
