"""From a schedule and a due instant to the job that is stored."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.tasks import task_backends
from django.tasks.base import Task as DjangoTask
from django.utils.crypto import salted_hmac

from django_taskq.jobs import payload
from django_taskq.jobs.limits import gate_within
from django_taskq.jobs.origin import Origin
from django_taskq.jobs.spec import JobSpec
from django_taskq.loading import load_task, with_changes
from django_taskq.models import Schedule
from django_taskq.scheduling.jitter import jitter_of


class Call:
    """What a schedule enqueues: its task with all options, read once for many jobs.

    Raise JobUnloadable where the task cannot be imported, and InvalidTask, TypeError or
    ValueError where the row holds what no task takes.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.task = _task_of(
            schedule.task,
            schedule.backend,
            schedule.queue,
            schedule.priority,
            schedule.tenant,
            schedule.options,
        )
        self._schedule = schedule
        self._args: list[Any] = _read("args", schedule.args, list)
        self._kwargs: dict[str, Any] = _read("kwargs", schedule.kwargs, dict)
        backend: Any = task_backends[schedule.backend]
        self._backend = backend
        self._is_derived = not backend.store.is_transactional

    def spec(self, due: datetime, max_running: int | None = None) -> JobSpec:
        """Return the job of a due instant, of which so many of the schedule run at once.

        Outside of a transaction its id follows from the instant: it is stored once however often
        it is tried.
        """
        schedule = self._schedule
        spec: JobSpec = self._backend.spec_of(self.task, self._args, self._kwargs)
        origin = Origin(schedule_id=schedule.pk, scheduled_for=due)
        changes: dict[str, Any] = {"origin": origin}
        if schedule.jitter:
            changes["run_after"] = due + jitter_of(schedule.name, due, schedule.jitter)
        if max_running is not None:
            changes["gate"] = gate_within(spec.gate, spec.task, schedule.pk, max_running)
        if self._is_derived:
            changes["id"] = _id_of(schedule.pk, due)
        return spec._replace(**changes)


def _read(column: str, text: str, kind: type[list[Any]] | type[dict[str, Any]]) -> Any:
    stored = payload.decode(text)
    if not isinstance(stored, kind):
        raise ValueError(f"{column}: expected JSON of a {kind.__name__}, got {text[:100]!r}.")
    return stored


@lru_cache(maxsize=10_000)
def _task_of(
    path: str,
    backend: str,
    queue: str | None,
    priority: int | None,
    tenant: str | None,
    options: str | None,
) -> DjangoTask:
    given = {"queue_name": queue, "priority": priority}
    changes = {name: value for name, value in given.items() if value is not None}
    if tenant is not None:
        options = payload.encode({**payload.decode(options or "{}"), "tenant": tenant}, "options")
    return with_changes(load_task(path), {"backend": backend, **changes}, options)


def _id_of(schedule: int, due: datetime) -> str:
    """Return an id that nobody guesses: as time-ordered as all others."""
    drawn = salted_hmac("django_taskq.tick", f"{schedule} {due.isoformat()}", algorithm="sha256")
    millis = int(due.timestamp() * 1000)
    digits = (millis << 80) | int.from_bytes(drawn.digest()[:10])
    return str(UUID(int=digits & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)))
