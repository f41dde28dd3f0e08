"""From a definition to the columns of a schedule's row, and back."""

from typing import Any

from django.tasks.base import DEFAULT_TASK_BACKEND_ALIAS
from django.tasks.base import Task as DjangoTask

from django_taskq.exceptions import InvalidSchedule, JobUnloadable
from django_taskq.jobs import payload
from django_taskq.loading import load_task
from django_taskq.models.schedule import Catchup, Schedule
from django_taskq.scheduling.call_faults import options_to_store
from django_taskq.scheduling.definition import ALL, Definition
from django_taskq.stores.database.clock import aware, storable

LARGEST_CATCHUP = 100_000
# Fields that a definition and a row have under the same name: moments, and all others.
MOMENTS = ("at", "start_at", "end_at")
SAME = (
    "name", "task", "expression", "every", "timezone", "jitter", "backend", "queue", "tenant",
    "priority", "overlap",
)  # fmt: skip


def columns_of(whole: Definition) -> dict[str, Any]:
    """Return a definition without gaps as a row has it."""
    task = _task_of(whole.task)
    catchup, limit = read_catchup(whole.catchup)
    return {
        **{name: getattr(whole, name) for name in SAME},
        **{name: storable(getattr(whole, name)) for name in MOMENTS},
        "backend": whole.backend or (task.backend if task else DEFAULT_TASK_BACKEND_ALIAS),
        "every": None if whole.every is None else float(whole.every),
        "jitter": float(whole.jitter),
        "args": payload.encode(list(whole.args), "args"),
        "kwargs": payload.encode(dict(whole.kwargs), "kwargs"),
        "options": options_to_store(task, whole.options),
        "catchup": catchup,
        "catchup_limit": limit,
    }


def _task_of(path: str) -> DjangoTask | None:
    try:
        return load_task(path)
    except JobUnloadable:
        return None


def definition_of(row: Schedule) -> Definition:
    """Return a stored schedule as it could be given again.

    Raise InvalidSchedule for JSON that cannot be read, which somebody has written by hand.
    """
    limit = row.catchup_limit
    return Definition(
        **{name: getattr(row, name) for name in SAME},
        **{name: aware(getattr(row, name)) for name in MOMENTS},
        args=_read("args", row.args),
        kwargs=_read("kwargs", row.kwargs),
        options=_read("options", row.options or "{}"),
        catchup=row.catchup if limit is None else f"{row.catchup}:{limit}",
    )


def _read(field: str, text: str) -> Any:
    try:
        return payload.decode(text)
    except ValueError as error:
        raise InvalidSchedule(
            f"{field}: expected JSON in the row, got {text!r}: {error}", option=field
        ) from error


def read_catchup(text: str) -> tuple[str, int | None]:
    """Return a policy and its limit. Raise ValueError for what is none."""
    word, colon, limit = text.partition(":")
    if word not in Catchup.values or (colon and word != ALL):
        raise ValueError(text)
    if not colon:
        return word, None
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= LARGEST_CATCHUP):
        raise ValueError(text)
    return word, int(limit)
