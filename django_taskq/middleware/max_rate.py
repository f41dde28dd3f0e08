"""Jobs that come too late for the start that a rate had counted for them: `max_rate`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from django.tasks.base import Task as DjangoTask

from django_taskq.context import JobContext
from django_taskq.exceptions import ReleaseError
from django_taskq.jobs.rate import check_rate
from django_taskq.middleware.base import Middleware, Rule


class MaxRate(Middleware):
    """Gives a job back whose start is late, so that no window ever sees more starts than allowed.

    The store hands a job out at its time; it waits there for another.
    """

    options: ClassVar[Mapping[str, Rule]] = {"max_rate": check_rate}
    only_rated: ClassVar[bool] = True

    @contextmanager
    def __call__(self, job: JobContext, task: DjangoTask) -> Iterator[None]:
        """Raise ReleaseError instead of running a job that is late."""
        if job.is_late:
            raise ReleaseError(reason="It came too late for its rate, and waits for another start.")
        yield
