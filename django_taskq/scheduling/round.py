"""One look at schedules that are due: decide, write the ticks and their jobs, move on."""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.tasks.base import Task as DjangoTask

from django_taskq.control import cancel_known, tell_canceled
from django_taskq.exceptions import JobUnloadable
from django_taskq.jobs.spec import JobSpec
from django_taskq.models import Schedule, Tick
from django_taskq.models.schedule import Decision, Overlap
from django_taskq.scheduling.calls import Call
from django_taskq.scheduling.decisions import Verdict, decide, is_catching_up
from django_taskq.scheduling.dues import dues_of
from django_taskq.scheduling.writing import insert_jobs, tick_of
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import aware, storable
from django_taskq.stores.database.many import write_columns
from django_taskq.stores.database.place import Place

logger = logging.getLogger("django_taskq.scheduling")

CHUNK = 500
LONGEST_REASON = 1000
# What a scheduler changes of a schedule; the rest is the operator's.
_COLUMNS = (
    "next_at", "last_due_at", "enabled", "reason", "failing_since", "last_job_id", "earlier_job_id",
)  # fmt: skip


class Planned(NamedTuple):
    """A tick to write, and the job that is made of it, if any."""

    tick: Tick
    task: DjangoTask | None = None
    spec: JobSpec | None = None


class Looked(NamedTuple):
    """What a look at one schedule comes to; `cancels` are jobs to cancel where it fires."""

    planned: list[Planned]
    cancels: list[str]


class Round:
    """Fires schedules whose rows the caller has locked, inside of its transaction."""

    def __init__(self, place: Place, store: Store, now: datetime) -> None:
        self._place = place
        self._store = store
        self._now = now
        # Schedules that wait until some worker has their task.
        self.resting: list[int] = []

    def fire(self, rows: Sequence[Schedule]) -> None:
        """Decide about all that is due of these schedules and write it.

        A schedule that cannot be fired is switched off with the reason, and the others go on.
        """
        unfinished = self._unfinished(rows)
        looked = [self._look(row, unfinished) for row in rows]
        wanted = [item for each in looked for item in each.planned]
        planned = self._write_ticks(self._without_held(wanted))
        fired = {item.tick.schedule_id for item in planned}
        self._cancel(
            [
                id
                for row, each in zip(rows, looked, strict=True)
                if row.pk in fired
                for id in each.cancels
            ]
        )
        self._insert(planned)
        self._move(rows, planned)

    def _unfinished(self, rows: Iterable[Schedule]) -> frozenset[str]:
        ids = [
            str(id)
            for row in rows
            if row.overlap != Overlap.ALLOW
            for id in (row.last_job_id, row.earlier_job_id)
            if id is not None
        ]
        return self._store.unfinished(ids) if ids else frozenset()

    def _look(self, row: Schedule, unfinished: frozenset[str]) -> Looked:
        try:
            looked = self._decide(row, unfinished)
        except JobUnloadable as error:
            self._wait_for_task(row, error)
        except Exception as error:
            switch_off(row, error)
        else:
            row.failing_since = row.reason = None
            return looked
        return Looked([], [])

    def _decide(self, row: Schedule, unfinished: frozenset[str]) -> Looked:
        first = aware(row.next_at)
        if first is None:
            return Looked([], [])
        dues = dues_of(row, first, self._now)
        latest = [str(id) for id in (row.last_job_id, row.earlier_job_id) if id is not None]
        running = [id for id in latest if id in unfinished]
        verdicts = decide(dues, row.catchup, row.overlap, len(running))
        is_gated = row.overlap != Overlap.ALLOW and (
            row.overlap != Overlap.SKIP or is_catching_up(dues, row.catchup)
        )
        planned = self._plan(row, verdicts, 1 if is_gated else None)
        cancels = running if row.overlap == Overlap.CANCEL else []
        row.next_at = storable(dues.next_at)
        if dues.instants:
            row.last_due_at = storable(dues.instants[-1])
        return Looked(planned, cancels)

    def _plan(
        self, row: Schedule, verdicts: Sequence[Verdict], max_running: int | None
    ) -> list[Planned]:
        call = Call(row) if any(verdict.has_job for verdict in verdicts) else None
        planned = []
        for verdict in verdicts:
            tick = tick_of(row, verdict, self._now)
            if call is None or not verdict.has_job:
                planned.append(Planned(tick))
                continue
            spec = call.spec(verdict.due_at, max_running)
            tick.job_id = UUID(spec.id)
            planned.append(Planned(tick, call.task, spec))
        return planned

    def _wait_for_task(self, row: Schedule, error: Exception) -> None:
        """Leave a schedule to workers of another release for a while."""
        since = aware(row.failing_since) or self._now
        ends_at = since + timedelta(seconds=self._store.options.unloadable_grace)
        if ends_at <= self._now:
            switch_off(row, error)
            return
        row.failing_since = storable(since)
        row.reason = (
            f"{error} Without a worker that has it the schedule is switched off at "
            f"{ends_at.isoformat(timespec='seconds')}."
        )
        self.resting.append(row.pk)

    def _without_held(self, planned: list[Planned]) -> list[Planned]:
        """Skip ticks whose predictable id an unfinished job has, or an earlier tick."""
        keys = [item.spec.unique_key for item in planned if item.spec and item.spec.unique_key]
        if not keys:
            return planned
        holders = self._store.holders(list(dict.fromkeys(keys)))
        taken = {key: holder.id for key, holder in holders.items()}
        return [_skip_held(item, taken) for item in planned]

    def _write_ticks(self, planned: Sequence[Planned]) -> list[Planned]:
        """Write ticks; return those with jobs whose instant nobody had decided before."""
        if not planned:
            return []
        ticks = Tick._default_manager.using(self._place.database)
        ticks.bulk_create((item.tick for item in planned), CHUNK, ignore_conflicts=True)
        wanted = [item for item in planned if item.spec is not None]
        if not wanted:
            return []
        found = ticks.filter(
            schedule_id__in={item.tick.schedule_id for item in wanted},
            due_at__in={item.tick.due_at for item in wanted},
            is_by_hand=False,
        )
        written = set(found.values_list("schedule_id", "job_id"))
        return [item for item in wanted if (item.tick.schedule_id, item.tick.job_id) in written]

    def _cancel(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        backend, database = self._place.backend, self._place.database
        if self._store.is_local:
            transaction.on_commit(partial(cancel_known, ids, backend), using=database)
        else:
            changes = self._store.cancel(ids)
            transaction.on_commit(partial(tell_canceled, changes, backend), using=database)

    def _insert(self, planned: Sequence[Planned]) -> None:
        insert_jobs(
            self._place,
            self._store,
            [(item.task, item.spec) for item in planned if item.task and item.spec],
        )

    def _move(self, rows: Sequence[Schedule], planned: Iterable[Planned]) -> None:
        made: dict[int, list[UUID]] = {}
        for item in planned:
            if item.tick.job_id is not None:
                made.setdefault(item.tick.schedule_id, []).append(item.tick.job_id)
        for row in rows:
            for id in made.get(row.pk, ())[-2:]:
                row.earlier_job_id, row.last_job_id = row.last_job_id, id
        write_columns(self._place, rows, _COLUMNS)


def _skip_held(item: Planned, taken: dict[str, str]) -> Planned:
    key = None if item.spec is None else item.spec.unique_key
    if item.spec is None or key is None:
        return item
    if taken.setdefault(key, item.spec.id) == item.spec.id:
        # Nobody's, or that of its own job, stored by who died before the row was written.
        return item
    tick = item.tick
    tick.decision, tick.job_id = Decision.SKIPPED, None
    tick.reason = f"A job with the task_id {item.spec.task_id!r} had not ended."
    return Planned(tick)


def switch_off(row: Schedule, error: Exception) -> None:
    """Have a schedule fire no more, and say why."""
    told = str(error) or type(error).__name__
    row.enabled = False
    row.failing_since = None
    row.reason = told[:LONGEST_REASON]
    logger.error("The schedule %r is switched off, since it cannot be fired: %s", row.name, told)
