"""Django's view of a job: TaskResult, and waiting for its end."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.tasks.base import Task as DjangoTask
from django.tasks.base import TaskError, TaskResult, TaskResultStatus

from django_taskq.jobs import payload
from django_taskq.jobs.claim import TryError
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import State
from django_taskq.loading import task_of

_STATUS: dict[State | str, TaskResultStatus] = {
    State.SCHEDULED: TaskResultStatus.READY,
    State.DEFERRED: TaskResultStatus.READY,
    State.READY: TaskResultStatus.READY,
    State.RUNNING: TaskResultStatus.RUNNING,
    State.SUCCESSFUL: TaskResultStatus.SUCCESSFUL,
    State.FAILED: TaskResultStatus.FAILED,
    State.CANCELED: TaskResultStatus.FAILED,
    State.SKIPPED: TaskResultStatus.FAILED,
}
_ENDED_BY: dict[State | str, str] = {
    State.CANCELED: "django_taskq.exceptions.JobCanceled",
    State.SKIPPED: "django_taskq.exceptions.JobSkipped",
}


class _Draft(TaskResult):
    """A result while it is written: it takes values until it becomes a TaskResult.

    The constructor walks the arguments again and passes every field through
    object.__setattr__: a fifth of the cost of a job in memory.
    """

    __slots__ = ()
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__


def status_of(state: State | str, finished_at: datetime | None) -> TaskResultStatus:
    """Return the status that Django knows for a state; a state of a later release is guessed."""
    known = _STATUS.get(state)
    if known is not None:
        return known
    return TaskResultStatus.READY if finished_at is None else TaskResultStatus.FAILED


def make_result(
    task: DjangoTask,
    id: str,
    backend: str,
    status: TaskResultStatus,
    enqueued_at: datetime | None,
    args: list[Any],
    kwargs: dict[str, Any],
    *,
    started_at: datetime | None = None,
    last_attempted_at: datetime | None = None,
    finished_at: datetime | None = None,
    errors: Iterable[TryError] = (),
    worker_ids: Sequence[str] = (),
    return_value: Any = None,
) -> TaskResult:
    """Build a TaskResult from values that were read back from strict JSON."""
    draft: Any = object.__new__(_Draft)
    draft.task = task
    draft.id = id
    draft.status = status
    draft.enqueued_at = enqueued_at
    draft.started_at = started_at
    draft.finished_at = finished_at
    draft.last_attempted_at = last_attempted_at
    draft.args = args
    draft.kwargs = kwargs
    draft.backend = backend
    draft.errors = [TaskError(exception_class_path=path, traceback=text) for path, text in errors]
    draft.worker_ids = list(worker_ids)
    draft._return_value = return_value
    draft.__class__ = TaskResult
    result: TaskResult = draft
    return result


def result_of(record: JobRecord) -> TaskResult:
    """Return the TaskResult of a stored job. Unreadable JSON reads as empty."""
    status = status_of(record.state, record.finished_at)
    is_successful = status is TaskResultStatus.SUCCESSFUL
    return make_result(
        task_of(record),
        record.id,
        record.backend,
        status,
        record.enqueued_at,
        readable(record.args, []),
        readable(record.kwargs, {}),
        started_at=record.started_at,
        last_attempted_at=record.last_attempted_at,
        finished_at=record.finished_at,
        errors=_errors_of(record),
        worker_ids=readable(record.worker_ids_json or "[]", []),
        return_value=readable(record.result or "null", None) if is_successful else None,
    )


def _errors_of(record: JobRecord) -> tuple[TryError, ...]:
    ended_by = _ENDED_BY.get(record.state)
    errors = record.errors
    if ended_by is not None and not (errors and errors[-1].exception_class_path == ended_by):
        errors += (TryError(ended_by, record.reason or ""),)
    return errors


def readable[T](text: str, otherwise: T) -> T:
    """Read stored JSON of a certain shape; return `otherwise` where it cannot be read."""
    try:
        value = payload.decode(text)
    except ValueError:
        return otherwise
    return value if otherwise is None or isinstance(value, type(otherwise)) else otherwise
