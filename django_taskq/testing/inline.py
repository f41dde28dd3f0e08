"""Jobs that run where they are enqueued."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import transaction
from django.tasks import TaskResult, task_backends
from django.tasks.exceptions import TaskResultDoesNotExist
from django.tasks.signals import task_enqueued

from django_taskq.backends.base import TaskqBackend
from django_taskq.testing.pools import held, pools
from django_taskq.testing.worker import CallersWorker


@contextmanager
def inline(*aliases: str) -> Iterator[None]:
    """Have `enqueue` run jobs at once, in its own thread; of all aliases where none is named.

    The result that it returns tells how the job ended; what is not due, or may not start yet,
    stays. With ENQUEUE_ON_COMMIT a job runs once it is stored, that is after the commit.
    """
    runs = _Inline(frozenset(aliases))
    of_pools = [alias for alias in pools() if not aliases or alias in aliases]
    with held(*of_pools) if of_pools else _nothing():
        task_enqueued.connect(runs.hear)
        try:
            yield
        finally:
            task_enqueued.disconnect(runs.hear)
    runs.check()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


class _Inline:
    """Hears of new jobs and runs what is due in their alias.

    What keeps jobs from running is raised at the end: whoever sends a signal only logs it.
    """

    def __init__(self, aliases: frozenset[str]) -> None:
        self._aliases = aliases
        self._error: Exception | None = None

    def hear(self, sender: type, task_result: TaskResult, **kwargs: Any) -> None:
        """Run a job that was enqueued, now or when it is stored."""
        backend = task_backends[task_result.backend]
        if self._aliases and task_result.backend not in self._aliases:
            return
        if not isinstance(backend, TaskqBackend):
            return
        try:
            if backend.store.get([task_result.id]):
                self._run(task_result)
            else:
                on_commit = backend.settings.enqueue_on_commit
                using = on_commit if isinstance(on_commit, str) else None
                transaction.on_commit(partial(self._run, task_result), using=using)
        except Exception as error:
            self._error = self._error or error
            raise

    def check(self) -> None:
        """Raise what kept jobs from running."""
        if self._error is not None:
            raise self._error

    @staticmethod
    def _run(result: TaskResult) -> None:
        CallersWorker(result.backend).run()
        try:
            result.refresh()
        except TaskResultDoesNotExist:
            # More results came after it than the pool keeps.
            return
