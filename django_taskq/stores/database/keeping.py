"""Rows of jobs that ended in another store: this one keeps them, and reads them as its own."""

import uuid
from collections.abc import Sequence
from typing import Any

from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.origin import NO_ORIGIN, Origin
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.unique import unique_key
from django_taskq.models import Attempt, Job
from django_taskq.stores.archive import KeptJob
from django_taskq.stores.database.attempts import attempts_of
from django_taskq.stores.database.clock import aware, storable
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.rows import failure_of, state_of
from django_taskq.stores.database.upkeep import delete_jobs

# Rows per statement.
CHUNK = 500


class Keeping:
    """Writes and reads jobs as an archive does."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def keep(self, jobs: Sequence[KeptJob]) -> None:
        """Write jobs, all or none, in the place of what is kept of them from an earlier attempt."""
        if jobs:
            self.place.settle(self._keep, jobs)

    def take_out(self, ids: Sequence[str]) -> list[KeptJob]:
        """Return jobs as they were put in, in the order asked; they stay in it."""
        wanted = [uuid.UUID(id) for id in map(parse_id, ids) if id is not None]
        rows = {row.public_id: row for row in self.place.jobs().filter(public_id__in=wanted)}
        attempts = attempts_of(self.place, [row.pk for row in rows.values()])
        return [_kept_of(rows[id], attempts.get(rows[id].pk, ())) for id in wanted if id in rows]

    def _keep(self, jobs: Sequence[KeptJob]) -> None:
        place = self.place
        with place.transaction():
            newest = self._make_room({uuid.UUID(job.spec.id): job for job in jobs})
            rows = [self._row(id, job) for id, job in newest.items()]
            Job._default_manager.using(place.database).bulk_create(rows, batch_size=CHUNK)
            tried = {id: job.attempts for id, job in newest.items() if job.attempts}
            if tried:
                self._keep_attempts(tried)

    def _make_room(self, jobs: dict[uuid.UUID, KeptJob]) -> dict[uuid.UUID, KeptJob]:
        """Delete older rows of these jobs; return those of which no newer one is kept."""
        known = self.place.jobs().filter(public_id__in=list(jobs))
        older, newer = [], set()
        for seq, id, attempt in known.values_list("pk", "public_id", "attempt"):
            if attempt > jobs[id].attempt:
                newer.add(id)
            else:
                older.append(seq)
        delete_jobs(self.place, older)
        return {id: job for id, job in jobs.items() if id not in newer}

    def _keep_attempts(self, tried: dict[uuid.UUID, tuple[AttemptRecord, ...]]) -> None:
        jobs = self.place.jobs().filter(public_id__in=list(tried))
        seqs = dict(jobs.values_list("public_id", "pk"))
        rows = [
            Attempt(
                job_id=seqs[id],
                **(
                    kept._asdict()
                    | {
                        "started_at": storable(kept.started_at),
                        "finished_at": storable(kept.finished_at),
                    }
                ),
            )
            for id, attempts in tried.items()
            for kept in attempts
        ]
        manager = Attempt._default_manager.using(self.place.database)
        manager.bulk_create(rows, batch_size=CHUNK)

    def _row(self, id: uuid.UUID, job: KeptJob) -> Job:
        spec = job.spec
        origin = spec.origin or NO_ORIGIN
        return Job(
            public_id=id,
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
            rank=job.rank,
            gate=spec.gate,
            task_id=spec.task_id,
            trace=spec.trace,
            run_id=origin.run_id,
            node=origin.node,
            map_index=origin.map_index,
            schedule_id=origin.schedule_id,
            scheduled_for=storable(origin.scheduled_for),
            run_after=storable(spec.run_after),
            state=job.state,
            attempt=job.attempt,
            tries=job.tries,
            lost=job.lost,
            enqueued_at=storable(job.enqueued_at),
            eligible_at=storable(job.eligible_at),
            claimed_at=storable(job.claimed_at),
            started_at=storable(job.started_at),
            last_attempted_at=storable(job.last_attempted_at),
            finished_at=storable(job.finished_at),
            cancel_asked_at=storable(job.cancel_asked_at),
            failure=job.failure,
            reason=job.reason,
            result=job.result,
            worker_id=job.worker_id,
            worker_ids=job.worker_ids,
            progress=job.progress,
            ctx=job.ctx,
        )


def _kept_of(row: Any, attempts: tuple[AttemptRecord, ...]) -> KeptJob:
    run_id = None if row.run_id is None else str(row.run_id)
    origin = Origin(
        run_id, row.node, row.map_index, schedule_id=row.schedule_id,
        scheduled_for=aware(row.scheduled_for),
    )  # fmt: skip
    key = None
    if row.task_id is not None:
        key = unique_key(row.backend, row.tenant, row.task_id, run_id)
    spec = JobSpec(
        str(row.public_id), row.task, row.args, row.kwargs, row.queue, row.tenant, row.priority,
        aware(row.run_after), row.max_tries, row.metadata, row.options, row.gate, row.task_id, key,
        trace=row.trace, origin=None if origin == NO_ORIGIN else origin,
    )  # fmt: skip
    return KeptJob(
        spec=spec,
        state=state_of(row.state),
        rank=row.rank,
        attempt=row.attempt,
        tries=row.tries,
        lost=row.lost,
        enqueued_at=aware(row.enqueued_at),
        eligible_at=aware(row.eligible_at),
        claimed_at=aware(row.claimed_at),
        started_at=aware(row.started_at),
        last_attempted_at=aware(row.last_attempted_at),
        finished_at=aware(row.finished_at),
        cancel_asked_at=aware(row.cancel_asked_at),
        failure=failure_of(row.failure),
        reason=row.reason,
        result=row.result,
        worker_id=row.worker_id,
        worker_ids=row.worker_ids,
        progress=row.progress,
        ctx=row.ctx,
        attempts=attempts,
    )
