"""Jobs as commands print them."""

from collections.abc import Iterator
from typing import Any

from django_taskq.jobs import payload
from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.limits import words_of
from django_taskq.jobs.reasons import parked_reason
from django_taskq.jobs.record import JobRecord, visible, visible_options
from django_taskq.management import tables

COLUMNS = (
    "id", "state", "task", "queue", "tenant", "priority", "tries", "enqueued", "backend", "task_id",
)  # fmt: skip

_TIMES = (
    "enqueued_at", "run_after", "due_at", "eligible_at", "claimed_at", "started_at",
    "last_attempted_at", "finished_at", "cancel_asked_at", "scheduled_for",
)  # fmt: skip


def row_of(record: JobRecord) -> tuple[Any, ...]:
    """Return a job as a line of a table, in the order of COLUMNS."""
    return (
        record.id, record.state, record.task, record.queue, record.tenant, record.priority,
        record.tries, record.enqueued_at, record.backend, record.task_id,
    )  # fmt: skip


def summary_of(record: JobRecord) -> dict[str, Any]:
    """Return what a list tells of a job."""
    return {
        "id": record.id,
        "backend": record.backend,
        "task": record.task,
        "state": str(record.state),
        "failure": None if record.failure is None else str(record.failure),
        "queue": record.queue,
        "tenant": record.tenant,
        "priority": record.priority,
        "task_id": record.task_id,
        "tries": record.tries,
        "enqueued_at": record.enqueued_at,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
    }


def details_of(record: JobRecord, why: str | None) -> dict[str, Any]:
    """Return everything of a job and why it has not ended; unreadable JSON is the text it is."""
    return {
        **summary_of(record),
        "run_id": record.run_id,
        "node": record.node,
        "map_index": record.map_index,
        "why": why,
        "reason": record.reason,
        "parked_for": record.parked_for,
        "trigger_rule": record.trigger_rule,
        "blocked_for": record.blocked_for,
        "limits": words_of(record.gate),
        "attempt": record.attempt,
        "max_tries": record.max_tries,
        "lost": record.lost,
        **{name: getattr(record, name) for name in _TIMES},
        "schedule_id": record.schedule_id,
        "wait": record.wait,
        "worker_id": record.worker_id,
        "worker_ids": value_of(record.worker_ids_json),
        "args": value_of(record.args),
        "kwargs": value_of(record.kwargs),
        "options": visible_options(value_of(record.options)),
        "metadata": visible(value_of(record.metadata_json)),
        "progress": _progress(record.progress_json),
        "result": value_of(record.result),
        "errors": [error._asdict() for error in record.errors],
        "attempts": [attempt._asdict() for attempt in record.attempts],
    }


def text_of(record: JobRecord, why: str | None) -> str:
    """Return everything of a job for people to read."""
    details = details_of(record, why)
    del details["errors"], details["attempts"]
    details["parked_for"] = parked_reason(record.parked_for)
    parts = [tables.fields(_readable(details))]
    for attempt in record.attempts:
        parts.extend(_attempt_lines(attempt))
    return "\n".join(parts)


def _attempt_lines(attempt: AttemptRecord) -> Iterator[str]:
    """Yield a try: how it ended, its traceback and its log."""
    verdict = (
        attempt.verdict if attempt.failure is None else f"{attempt.verdict}, {attempt.failure}"
    )
    took = None if attempt.started_at is None else attempt.finished_at - attempt.started_at
    worker = tables.clean(attempt.worker_id)
    yield (
        f"\nattempt {attempt.attempt}: {tables.clean(verdict)} on {worker}, "
        f"{tables.shown(attempt.finished_at)} ({tables.shown(took)})"
    )
    if attempt.exception_class is not None:
        yield f"error: {tables.clean(attempt.exception_class)}"
        yield tables.clean_lines(attempt.traceback or "").rstrip()
    if attempt.log is not None:
        yield "log:"
        yield tables.clean_lines(attempt.log)


def value_of(text: str | None) -> Any:
    """Return stored JSON as a value, as the text that it is where it cannot be read."""
    if text is None:
        return None
    try:
        return payload.decode(text)
    except ValueError:
        return text


def _progress(text: str | None) -> Any:
    value = value_of(text)
    names = ("done", "total", "message")
    if isinstance(value, list) and len(value) == len(names):
        return dict(zip(names, value, strict=True))
    return value


def _readable(details: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (name, tables.compact(value) if isinstance(value, list | dict) else value)
        for name, value in details.items()
    ]
