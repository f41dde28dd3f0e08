"""Rows of jobs as values: which columns are read, and what they become."""

from collections.abc import Sequence
from typing import Any

from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.sighting import waiting_reason
from django_taskq.jobs.states import WAITING, Failure, State
from django_taskq.stores.database.clock import aware

# Columns of the row, and the fields of JobRecord in the same order.
RECORD_COLUMNS = (
    "seq", "public_id", "backend", "task", "args", "kwargs", "queue", "tenant", "priority",
    "state", "failure", "reason", "attempt", "tries", "lost", "max_tries",
    "run_after", "enqueued_at", "eligible_at", "due_at", "claimed_at", "started_at",
    "last_attempted_at", "finished_at", "cancel_asked_at",
    "worker_id", "worker_ids", "result", "metadata", "progress", "options", "task_id",
    "parked_for", "gate", "trace", "run_id", "node", "map_index", "schedule_id", "scheduled_for",
    "is_blocked", "blocked_for", "trigger_rule", "ctx",
)  # fmt: skip
_RENAMED = {
    "public_id": "id",
    "worker_ids": "worker_ids_json",
    "metadata": "metadata_json",
    "progress": "progress_json",
}
_FIELDS = tuple(_RENAMED.get(column, column) for column in RECORD_COLUMNS)
_MOMENTS = (*(field for field in _FIELDS if field.endswith("_at")), "run_after", "scheduled_for")
_STATES: dict[str, State] = {state.value: state for state in State}
_FAILURES: dict[str, Failure] = {failure.value: failure for failure in Failure}


def state_of(stored: str) -> State | str:
    """Return the state a row names; one of a later release stays text."""
    return _STATES.get(stored, stored)


def failure_of(stored: str | None) -> Failure | str | None:
    """Return the failure a row names; one of a later release stays text."""
    return None if stored is None else _FAILURES.get(stored, stored)


def record_of(row: Sequence[Any]) -> JobRecord:
    """Make a record of RECORD_COLUMNS as the ORM reads them."""
    values = dict(zip(_FIELDS, row, strict=True))
    values["id"] = str(values["id"])
    values["run_id"] = values["run_id"] and str(values["run_id"])
    values["state"] = state_of(values["state"])
    values["failure"] = failure_of(values["failure"])
    for field in _MOMENTS:
        values[field] = aware(values[field])
    ctx = values.pop("ctx")
    if ctx is not None and values["state"] in WAITING:
        values["reason"] = values["reason"] or waiting_reason(ctx)
    return JobRecord(**values)
