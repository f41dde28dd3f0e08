"""Rows as they are handed to a store that hands them out."""

import uuid
from collections.abc import Iterator, Sequence
from itertools import batched
from typing import Any

from django.db.models import Q

from django_taskq.jobs.handed import HandedJob
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.origin import NO_ORIGIN, Origin
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import unique_key
from django_taskq.stores.database.attempts import attempts_of, may_have_errors
from django_taskq.stores.database.clock import aware
from django_taskq.stores.database.inserts import Numbered
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.rows import state_of

# Rows per statement.
CHUNK = 1000

COLUMNS = (
    "seq", "public_id", "task", "args", "kwargs", "queue", "tenant", "priority", "run_after",
    "max_tries", "metadata", "options", "gate", "task_id", "trace",
    "run_id", "node", "map_index", "schedule_id", "scheduled_for",
    "state", "rank", "attempt", "tries", "lost", "enqueued_at", "eligible_at", "due_at",
    "started_at", "cancel_asked_at", "worker_ids", "ctx", "parked_for",
)  # fmt: skip


class Handing:
    """Reads jobs for who hands them out."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def read(self, keys: Sequence[int | str], *, is_locked: bool) -> Iterator[list[HandedJob]]:
        """Return jobs by their numbers or public ids, a chunk at a time; unknown ones are left out.

        Locked ones stand as they were read until the caller's transaction ends.
        """
        for chunk in batched(dict.fromkeys(keys), CHUNK):
            seqs = [key for key in chunk if isinstance(key, int)]
            ids = [id for key in chunk if isinstance(key, str) and (id := parse_id(key))]
            found = self.by_seqs(seqs, is_locked=is_locked) if seqs else []
            if ids:
                found += self.by_ids(ids, is_locked=is_locked)
            yield found

    def by_seqs(self, seqs: Sequence[int], *, is_locked: bool) -> list[HandedJob]:
        """Return the jobs with these numbers, in their order."""
        return self.select(Q(self.place.among("seq", seqs)), is_locked=is_locked)

    def by_ids(self, ids: Sequence[str], *, is_locked: bool) -> list[HandedJob]:
        """Return the jobs with these public ids, in the order of their numbers."""
        return self.select(Q(public_id__in=[uuid.UUID(id) for id in ids]), is_locked=is_locked)

    def select(
        self, which: Q, limit: int | None = None, *, is_locked: bool = False
    ) -> list[HandedJob]:
        """Return the jobs that match, in the order of their numbers, at most `limit`."""
        jobs = self.place.jobs().filter(which).order_by("pk")
        if is_locked:
            jobs = jobs.select_for_update()
        return self.handed_of(list(jobs.values_list(*COLUMNS)[:limit]))

    def handed_of(self, rows: Sequence[Sequence[Any]]) -> list[HandedJob]:
        """Return the jobs of rows, whose values stand as in COLUMNS."""
        handed = [_handed_of(row, self.place.backend) for row in rows]
        tried = [job.seq for job in handed if may_have_errors(job.state, job.attempt)]
        attempts = attempts_of(self.place, tried)
        if not attempts:
            return handed
        return [job._replace(attempts=attempts.get(job.seq, ())) for job in handed]


def _handed_of(row: Sequence[Any], backend: str) -> HandedJob:
    (
        seq, id, task, args, kwargs, queue, tenant, priority, run_after, max_tries, metadata,
        options, gate, task_id, trace, run, node, map_index, schedule_id, scheduled_for,
        state, rank, attempt, tries, lost, enqueued_at, eligible_at, due_at, started_at,
        cancel_asked_at, worker_ids, ctx, parked_for,
    ) = row  # fmt: skip
    run_id = None if run is None else str(run)
    origin = None
    if run is not None or schedule_id is not None or node is not None:
        origin = Origin(
            run_id, node, map_index, schedule_id=schedule_id, scheduled_for=aware(scheduled_for)
        )
    key = None if task_id is None else unique_key(backend, tenant, task_id, run_id)
    spec = JobSpec(
        str(id), task, args, kwargs, queue, tenant, priority, aware(run_after), max_tries,
        metadata, options, gate, task_id, key, trace=trace,
        origin=None if origin == NO_ORIGIN else origin,
    )  # fmt: skip
    return HandedJob(
        seq, spec, state_of(state), rank, attempt, tries, lost, aware(enqueued_at),
        aware(eligible_at), aware(due_at), aware(started_at), aware(cancel_asked_at), worker_ids,
        ctx, parked_for,
    )  # fmt: skip


def handed_new(spec: JobSpec, row: Numbered) -> HandedJob:
    """Return a job that has just been stored, as it would be read."""
    return HandedJob(
        row.seq, spec, State.READY if row.is_due else State.SCHEDULED, row.rank,
        attempt=0, tries=0, lost=0, enqueued_at=row.at,
        eligible_at=row.at if row.is_due else None, due_at=None if row.is_due else spec.run_after,
        started_at=None, cancel_asked_at=None, worker_ids=None, ctx=None, parked_for=None,
    )  # fmt: skip
