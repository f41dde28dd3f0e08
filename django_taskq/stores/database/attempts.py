"""The rows about attempts: reading them, and keeping to the bound of how many a job has."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from django_taskq.jobs.attempt import FIRST_KEPT, LAST_KEPT, AttemptRecord
from django_taskq.jobs.claim import TryError
from django_taskq.jobs.states import State
from django_taskq.models import Attempt
from django_taskq.stores.database.clock import aware
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.rows import failure_of

# States in which a job of one attempt has no failed try behind it.
_UNTRIED = frozenset({State.RUNNING, State.SUCCESSFUL})


def may_have_errors(state: str, attempt: int) -> bool:
    """Tell whether tries of the job may have failed, so that their rows are worth reading."""
    return attempt > 1 or (attempt == 1 and state not in _UNTRIED)


def may_have_attempts(state: str, attempt: int) -> bool:
    """Tell whether any attempt of the job may have ended and left a row."""
    return attempt > 1 or (attempt == 1 and state != State.RUNNING)


def errors_of(place: Place, seqs: Iterable[int]) -> dict[int, tuple[TryError, ...]]:
    """Return the errors of these jobs' tries, oldest first, by one query; none where none."""
    wanted = list(seqs)
    if not wanted:
        return {}
    rows = _rows_of(place, wanted).filter(exception_class__isnull=False)
    return _grouped(
        (seq, TryError(path or "", traceback or ""))
        for seq, path, traceback in rows.values_list("job_id", "exception_class", "traceback")
    )


def attempts_of(place: Place, seqs: Iterable[int]) -> dict[int, tuple[AttemptRecord, ...]]:
    """Return what is kept of these jobs' attempts, oldest first, by one query."""
    wanted = list(seqs)
    if not wanted:
        return {}
    rows = _rows_of(place, wanted).values_list("job_id", *AttemptRecord._fields)
    return _grouped((seq, _attempt_of(values)) for seq, *values in rows)


def trim_attempts(place: Place, seqs: Sequence[int]) -> None:
    """Delete what is too much of these jobs' attempts, from the middle, by one statement."""
    numbered = _rows_of(place, seqs).annotate(
        nth=Window(RowNumber(), partition_by=F("job_id"), order_by=F("attempt").asc()),
        nth_from_end=Window(RowNumber(), partition_by=F("job_id"), order_by=F("attempt").desc()),
    )
    surplus = numbered.filter(nth__gt=FIRST_KEPT, nth_from_end__gt=LAST_KEPT).order_by()
    Attempt._default_manager.using(place.database).filter(pk__in=surplus.values("pk"))._raw_delete(
        place.database
    )


def _rows_of(place: Place, seqs: Sequence[int]) -> Any:
    rows = Attempt._default_manager.using(place.database).filter(place.among("job_id", seqs))
    return rows.order_by("job_id", "attempt")


def _grouped[T](pairs: Iterable[tuple[int, T]]) -> dict[int, tuple[T, ...]]:
    found: dict[int, list[T]] = {}
    for seq, value in pairs:
        found.setdefault(seq, []).append(value)
    return {seq: tuple(values) for seq, values in found.items()}


def _attempt_of(values: Iterable[Any]) -> AttemptRecord:
    kept = AttemptRecord._make(values)
    return kept._replace(
        failure=failure_of(kept.failure),
        started_at=aware(kept.started_at),
        finished_at=aware(kept.finished_at),
    )
