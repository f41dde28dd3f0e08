"""Rows of jobs as values: which columns are read, and what they become."""

from collections.abc import Iterable, Sequence
from typing import Any

from django_taskq.jobs.claim import TryError
from django_taskq.jobs.record import JobRecord
from django_taskq.jobs.states import Failure, State
from django_taskq.models import Attempt
from django_taskq.stores.database.clock import aware
from django_taskq.stores.database.place import Place

# Columns of the row, and the fields of JobRecord in the same order.
RECORD_COLUMNS = (
    "seq", "public_id", "backend", "task", "args", "kwargs", "queue", "tenant", "priority",
    "state", "failure", "reason", "attempt", "tries", "lost", "max_tries",
    "run_after", "enqueued_at", "eligible_at", "due_at", "claimed_at", "started_at",
    "last_attempted_at", "finished_at", "cancel_asked_at",
    "worker_id", "worker_ids", "result", "metadata", "progress", "options", "task_id",
    "parked_for", "gate",
)  # fmt: skip
_RENAMED = {
    "public_id": "id",
    "worker_ids": "worker_ids_json",
    "metadata": "metadata_json",
    "progress": "progress_json",
}
_FIELDS = tuple(_RENAMED.get(column, column) for column in RECORD_COLUMNS)
_MOMENTS = (*(field for field in _FIELDS if field.endswith("_at")), "run_after")
_STATES: dict[str, State] = {state.value: state for state in State}
_FAILURES: dict[str, Failure] = {failure.value: failure for failure in Failure}

# States in which a job of one attempt has no failed try behind it.
_UNTRIED = frozenset({State.RUNNING, State.SUCCESSFUL})


def state_of(stored: str) -> State | str:
    """Return the state a row names; one of a later release stays text."""
    return _STATES.get(stored, stored)


def record_of(row: Sequence[Any], errors: tuple[TryError, ...] = ()) -> JobRecord:
    """Make a record of RECORD_COLUMNS as the ORM reads them."""
    values = dict(zip(_FIELDS, row, strict=True))
    values["id"] = str(values["id"])
    values["state"] = state_of(values["state"])
    values["failure"] = _FAILURES.get(values["failure"], values["failure"])
    for field in _MOMENTS:
        values[field] = aware(values[field])
    return JobRecord(**values, errors=errors)


def may_have_errors(state: str, attempt: int) -> bool:
    """Tell whether tries of the job may have failed, so that their rows are worth reading."""
    return attempt > 1 or (attempt == 1 and state not in _UNTRIED)


def errors_of(place: Place, seqs: Iterable[int]) -> dict[int, tuple[TryError, ...]]:
    """Return the errors of these jobs' tries, oldest first, by one query; none where none."""
    wanted = list(seqs)
    if not wanted:
        return {}
    rows = (
        Attempt._default_manager.using(place.database)
        .filter(job_id__in=wanted, exception_class__isnull=False)
        .order_by("job_id", "attempt")
        .values_list("job_id", "exception_class", "traceback")
    )
    errors: dict[int, tuple[TryError, ...]] = {}
    for seq, path, traceback in rows:
        errors[seq] = (*errors.get(seq, ()), TryError(path or "", traceback or ""))
    return errors
