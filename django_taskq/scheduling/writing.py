"""What a tick leaves behind: its row, and its job in the store."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.tasks import task_backends
from django.tasks.base import Task as DjangoTask

from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.models import Schedule, Tick
from django_taskq.scheduling.decisions import Verdict
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.place import Place


def tick_of(row: Schedule, verdict: Verdict, now: datetime) -> Tick:
    """Return the row of what was decided."""
    return Tick(
        schedule_id=row.pk,
        due_at=storable(verdict.due_at),
        decision=verdict.decision,
        late=max(0.0, (now - verdict.due_at).total_seconds()),
        reason=verdict.reason,
        decided_at=storable(now),
    )


def insert_jobs(place: Place, store: Store, jobs: Sequence[tuple[DjangoTask, JobSpec]]) -> None:
    """Store the jobs of ticks, within the caller's transaction if the store can.

    A local store gets them after the commit: they are gone with its process anyway.
    """
    if not jobs:
        return
    if store.is_local:
        transaction.on_commit(partial(_insert_now, place, store, jobs), using=place.database)
    else:
        _insert_now(place, store, jobs)


def _insert_now(place: Place, store: Store, jobs: Sequence[tuple[DjangoTask, JobSpec]]) -> None:
    backend: Any = task_backends[place.backend]
    # A pool may not have started yet.
    insert = backend.accept if store.is_local else store.insert
    inserted: list[Inserted] = insert([spec for _, spec in jobs])
    stored = [(task, spec, item) for (task, spec), item in zip(jobs, inserted, strict=True)]
    transaction.on_commit(partial(backend.report, stored), using=place.database)
