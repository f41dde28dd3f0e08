"""Jobs that nobody wants any more once they are old: `max_age`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.exceptions import JobExpired
from django_taskq.jobs.durations import check_duration, in_seconds, told
from django_taskq.middleware.base import Middleware, Rule
from django_taskq.tasks import Task


class MaxAge(Middleware):
    """Ends a job as expired that is older than its task allows when an attempt begins."""

    options: ClassVar[Mapping[str, Rule]] = {"max_age": check_duration}

    def concerns(self, task: DjangoTask) -> bool:
        """Tell whether the task has a `max_age`."""
        return _allowed(task) is not None

    @contextmanager
    def __call__(self, job: JobContext, task: DjangoTask) -> Iterator[None]:
        """Raise JobExpired instead of running a job that is too old."""
        allowed, age = _allowed(task), job.age.total_seconds()
        if allowed is not None and age > allowed:
            raise JobExpired(f"The job was {told(age)} old, and max_age allows {told(allowed)}.")
        yield


def _allowed(task: DjangoTask) -> float | None:
    max_age = task.max_age if isinstance(task, Task) else None
    return None if max_age is None else in_seconds(max_age)
