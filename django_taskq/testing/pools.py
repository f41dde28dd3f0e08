"""Pools under test: their threads and children take nothing, the test runs their jobs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings
from django.tasks import task_backends
from django.tasks.exceptions import InvalidTaskBackend
from django.test import override_settings

from django_taskq.backends.pool import PoolBackend
from django_taskq.worker.holds import hold


@contextmanager
def held(*aliases: str) -> Iterator[None]:
    """Hold pools, all of them where none is named: only `run_jobs` runs their jobs.

    They begin without a job. At the end what still waits is canceled, and all results are gone.
    Raise InvalidTaskBackend for an alias that is no pool.
    """
    chosen = _checked(aliases) if aliases else pools()
    with hold(chosen), override_settings(TASKS=settings.TASKS):
        # The changed setting, here and at the end, makes Django and django_taskq drop all that
        # they have made from TASKS.
        yield


def pools() -> list[str]:
    """Return the aliases whose jobs live in this process."""
    return [alias for alias in task_backends if _is_pool(alias)]


def _is_pool(alias: str) -> bool:
    return isinstance(task_backends[alias], PoolBackend)


def _checked(aliases: Sequence[str]) -> Sequence[str]:
    for alias in aliases:
        if not _is_pool(alias):
            raise InvalidTaskBackend(
                f"Expected the alias of a thread or process pool, got {alias!r}. The jobs of a "
                "durable backend wait for a worker by themselves: they need no holding."
            )
    return aliases
