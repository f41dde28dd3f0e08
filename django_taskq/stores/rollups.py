"""Roll-ups as rows of a database, for every store that has one."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet, Sum

from django_taskq.jobs.counts import Counts, Histogram, TaskFailures, by_task
from django_taskq.jobs.rollups import (
    KEPT,
    Rollup,
    Span,
    Trend,
    kept_since,
    moment_of,
    most_failed_first,
    second_of,
    start_of,
)
from django_taskq.models import FailureRollup
from django_taskq.models import Rollup as Row
from django_taskq.models.rollup import ENDING_COLUMNS, RUN_COLUMNS, WAIT_COLUMNS

_FIXED = ("span", "start", "queue", "leases_lost", "wait_seconds", "run_seconds")
_COUNTED = (*ENDING_COLUMNS, *WAIT_COLUMNS, *RUN_COLUMNS)
_COLUMNS = (*_FIXED, *_COUNTED)
_SUMMED = ("leases_lost", "wait_seconds", "run_seconds", *_COUNTED)


class RollupRows:
    """Adds to the rows of one alias, and reads them.

    Nothing is read before it is written, so two workers lose nothing of each other's. All lock
    rows in one order.
    """

    def __init__(self, database: str, backend: str) -> None:
        self._database = database
        self._backend = backend
        self._pruned: datetime | None = None

    def add(self, counted: Sequence[Counts], now: datetime) -> None:
        """Add to the minute, to the hour and to all time, in one transaction."""
        with transaction.atomic(using=self._database):
            for counts in sorted(counted):
                for span in Span:
                    self._add(counts, span, second_of(start_of(span, now)))
            for failures in by_task(each for counts in counted for each in counts.failures):
                for span in KEPT:
                    self._add_failures(failures, span, second_of(start_of(span, now)))
        self._prune(now)

    def read(self, span: Span, since: datetime | None = None) -> list[Rollup]:
        """Return the roll-ups of a span that began at a moment or later, the oldest first."""
        found = self._rows(span)
        if since is not None:
            found = found.filter(start__gte=second_of(since))
        rows = found.order_by("start", "queue").values_list(*_COLUMNS)
        return [_rollup_of(dict(zip(_COLUMNS, row, strict=True))) for row in rows]

    def trend(self, span: Span, since: datetime) -> Trend:
        """Return how all queues together went since a moment: two statements, which add up."""
        start = second_of(since)
        rows = self._rows(span).filter(start__gte=start).order_by("start").values_list("start")
        # Under names of their own, since an alias may not be that of a column.
        summed = rows.annotate(**{f"sum_{name}": Sum(name) for name in _SUMMED})
        rollups = tuple(_summed_up(span, at, sums) for at, *sums in summed)
        # Who counts a failure counts its end too.
        return Trend(rollups, self._failed_since(span, start)) if rollups else Trend()

    def _failed_since(self, span: Span, start: int) -> tuple[TaskFailures, ...]:
        rows = self._failures(span).filter(start__gte=start).order_by("task").values_list("task")
        return most_failed_first(
            TaskFailures(task, int(failed), int(retried))
            for task, failed, retried in rows.annotate(Sum("failed"), Sum("retried"))
        )

    def _failures(self, span: Span) -> QuerySet[FailureRollup]:
        rows = FailureRollup._default_manager.using(self._database)
        return rows.filter(backend=self._backend, span=span.value)

    def _add_failures(self, failures: TaskFailures, span: Span, start: int) -> None:
        row = self._failures(span).filter(start=start, task=failures.task)
        more: dict[str, Any] = {
            "failed": F("failed") + failures.failed, "retried": F("retried") + failures.retried
        }  # fmt: skip
        if row.update(**more):
            return
        new = FailureRollup(backend=self._backend, task=failures.task, span=span.value, start=start)
        FailureRollup._default_manager.using(self._database).bulk_create(
            [new], ignore_conflicts=True
        )
        row.update(**more)

    def _rows(self, span: Span) -> QuerySet[Row]:
        rows = Row._default_manager.using(self._database)
        return rows.filter(backend=self._backend, span=span.value)

    def _add(self, counts: Counts, span: Span, start: int) -> None:
        row = self._rows(span).filter(start=start, queue=counts.queue)
        more = {name: F(name) + number for name, number in _numbers(counts) if number}
        if not more or row.update(**more):
            return
        new = Row(backend=self._backend, queue=counts.queue, span=span.value, start=start)
        # Somebody else may have made it in between.
        Row._default_manager.using(self._database).bulk_create([new], ignore_conflicts=True)
        row.update(**more)

    def _prune(self, now: datetime) -> None:
        """Delete what is too old, once an hour in each process."""
        hour = start_of(Span.HOUR, now)
        if hour == self._pruned:
            return
        for span in KEPT:
            before = second_of(kept_since(span, now))
            self._rows(span).filter(start__lt=before).delete()
            self._failures(span).filter(start__lt=before).delete()
        self._pruned = hour


def _summed_up(span: Span, start: int, sums: Sequence[Any]) -> Rollup:
    known = dict(zip(_SUMMED, map(_number, sums), strict=True))
    return _rollup_of({"span": span, "start": start, "queue": "", **known})


def _number(total: Any) -> int | float:
    """Return a sum as what was summed: databases make decimals of whole numbers."""
    return total if isinstance(total, float) else int(total)


def _numbers(counts: Counts) -> Iterator[tuple[str, float]]:
    yield from zip(ENDING_COLUMNS, counts.endings, strict=True)
    yield from zip(WAIT_COLUMNS, counts.waits.buckets, strict=True)
    yield from zip(RUN_COLUMNS, counts.runs.buckets, strict=True)
    yield "wait_seconds", counts.waits.seconds
    yield "run_seconds", counts.runs.seconds
    yield "leases_lost", counts.leases_lost


def _rollup_of(row: dict[str, Any]) -> Rollup:
    counts = Counts(
        row["queue"],
        tuple(row[name] for name in ENDING_COLUMNS),
        Histogram(tuple(row[name] for name in WAIT_COLUMNS), row["wait_seconds"]),
        Histogram(tuple(row[name] for name in RUN_COLUMNS), row["run_seconds"]),
        row["leases_lost"],
    )
    return Rollup(Span(row["span"]), moment_of(row["start"]), counts)
