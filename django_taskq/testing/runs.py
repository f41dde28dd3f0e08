"""Running, inside of a test, what a worker would run."""

from collections.abc import Sequence

from asgiref.sync import sync_to_async
from django.tasks import TaskResult
from django.tasks.base import DEFAULT_TASK_BACKEND_ALIAS

from django_taskq.testing.worker import CallersWorker


def run_jobs(
    backend: str = DEFAULT_TASK_BACKEND_ALIAS,
    limit: int | None = None,
    *,
    queues: Sequence[str] | None = None,
    raise_exceptions: bool = False,
) -> list[TaskResult]:
    """Run what is due in this thread, and what that enqueues; return a result for each attempt.

    Exceptions of jobs are recorded in the results as a worker records them; with
    `raise_exceptions` the first comes out, once it is recorded. `limit` is in attempts. Safe
    inside of a TestCase: no connection is opened, closed or dropped.
    """
    return CallersWorker(backend, queues).run(limit, raise_exceptions=raise_exceptions)


async def arun_jobs(
    backend: str = DEFAULT_TASK_BACKEND_ALIAS,
    limit: int | None = None,
    *,
    queues: Sequence[str] | None = None,
    raise_exceptions: bool = False,
) -> list[TaskResult]:
    """Do what `run_jobs` does from an async test; async jobs run on its event loop."""
    return await sync_to_async(run_jobs)(
        backend, limit, queues=queues, raise_exceptions=raise_exceptions
    )
