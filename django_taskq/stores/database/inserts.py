"""Storing new jobs."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

from django_taskq.jobs.spec import Inserted, JobSpec
from django_taskq.jobs.states import State
from django_taskq.models import Job
from django_taskq.stores.database.clock import storable
from django_taskq.stores.database.place import Place

# Rows per statement.
CHUNK = 500

type Announce = Callable[[], None]


class Inserts:
    """Stores jobs inside the transaction of the caller."""

    def __init__(self, place: Place, announce: Announce) -> None:
        self.place = place
        self._announce = announce

    def insert(self, specs: Sequence[JobSpec]) -> list[Inserted]:
        """Store jobs, all or none, and announce them once they can be seen."""
        if not specs:
            return []
        enqueued_at = self.store(specs)
        self._announce()
        return [Inserted(spec.id, enqueued_at) for spec in specs]

    def store(self, specs: Sequence[JobSpec]) -> datetime:
        """Write the rows and return when that was."""
        place = self.place
        now = place.clock.read(place.connection)
        rows = [self._row(spec, now) for spec in specs]
        with place.transaction():
            Job._default_manager.using(place.database).bulk_create(rows, batch_size=CHUNK)
        return now

    def _row(self, spec: JobSpec, now: datetime) -> Job:
        is_due = is_due_at(spec, now)
        return Job(
            public_id=uuid.UUID(spec.id),
            backend=self.place.backend,
            task=spec.task,
            queue=spec.queue,
            tenant=spec.tenant,
            args=spec.args,
            kwargs=spec.kwargs,
            options=spec.options,
            metadata=spec.metadata,
            max_tries=spec.max_tries,
            priority=spec.priority,
            band=spec.band,
            rank=spec.rank(self.place.options.priority_aging, now),
            gate=spec.gate,
            task_id=spec.task_id,
            unique_key=spec.unique_key,
            trace=spec.trace,
            run_after=storable(spec.run_after),
            state=State.READY if is_due else State.SCHEDULED,
            enqueued_at=storable(now),
            eligible_at=storable(now) if is_due else None,
            due_at=None if is_due else storable(spec.run_after),
        )


def is_due_at(spec: JobSpec, now: datetime) -> bool:
    """Tell whether a job may run at once."""
    return spec.run_after is None or spec.run_after <= now
