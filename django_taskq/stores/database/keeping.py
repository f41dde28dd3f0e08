"""Rows of jobs that ended in another store: this one keeps them, and reads them as its own."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError

from django_taskq.jobs.attempt import AttemptRecord
from django_taskq.jobs.ids import parse_id
from django_taskq.jobs.origin import NO_ORIGIN, Origin
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.subjects import subject_of
from django_taskq.jobs.unique import unique_key
from django_taskq.models import Attempt, Job
from django_taskq.stores.archive import KeptJob
from django_taskq.stores.database.attempts import attempts_of
from django_taskq.stores.database.clock import aware, storable
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.ripples import Ripples
from django_taskq.stores.database.rows import failure_of, state_of
from django_taskq.stores.database.upkeep import delete_jobs

# Rows of attempts per statement.
CHUNK = 500

COLUMNS = (
    "public_id", "backend", "task", "queue", "tenant", "args",
    "kwargs", "options", "metadata", "max_tries", "priority", "band",
    "rank", "gate", "task_id", "trace", "about",
    "run_id",
    "node", "map_index", "schedule_id", "scheduled_for",
    "run_after", "state", "attempt", "tries", "lost",
    "enqueued_at", "eligible_at", "claimed_at",
    "started_at", "last_attempted_at", "finished_at",
    "cancel_asked_at", "failure", "reason",
    "result", "worker_id", "worker_ids", "progress", "ctx",
)  # fmt: skip


class Keeping:
    """Writes and reads jobs as an archive does."""

    def __init__(self, place: Place, ripples: Ripples) -> None:
        self.place = place
        self._ripples = ripples

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
        try:
            with self.place.transaction():
                self._write(jobs)
        except IntegrityError:
            # Seldom: one of them is kept already. To ask before would take as long as to write.
            with self.place.transaction():
                self._write(self._make_room(jobs))

    def _write(self, jobs: Sequence[KeptJob]) -> None:
        if jobs:
            self._insert(jobs)
        tried = {uuid.UUID(job.spec.id): job.attempts for job in jobs if job.attempts}
        if tried:
            self._keep_attempts(tried)

    def _make_room(self, jobs: Sequence[KeptJob]) -> list[KeptJob]:
        """Delete older rows of these jobs; return those of which no newer one is kept."""
        given = {uuid.UUID(job.spec.id): job for job in jobs}
        known = self.place.jobs().filter(public_id__in=list(given))
        older, newer = [], set()
        for seq, id, attempt in known.values_list("pk", "public_id", "attempt"):
            if attempt > given[id].attempt:
                newer.add(id)
            else:
                older.append(seq)
        delete_jobs(self.place, older, self._ripples)
        return [job for id, job in given.items() if id not in newer]

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

    def _insert(self, jobs: Sequence[KeptJob]) -> None:
        """Write rows past the ORM: a model of fifty fields takes five times as long to make."""
        prepare = _Preparing(self.place)
        rows = [prepare.row(job) for job in jobs]
        # Most columns of most jobs are empty; what is left out is NULL, or as the table has it.
        columns = list(zip(*rows, strict=True))
        used = [n for n, column in enumerate(columns) if column.count(None) < len(rows)]
        names = [COLUMNS[n] for n in used]
        self.write(names, list(zip(*[columns[n] for n in used], strict=True)))

    def write(self, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Write values into columns of these names."""
        connection = self.place.connection
        quote = connection.ops.quote_name
        into = f"INSERT INTO {quote(Job._meta.db_table)} ({', '.join(map(quote, names))})"
        with connection.cursor() as cursor:
            cursor.executemany(f"{into} VALUES ({', '.join(['%s'] * len(names))})", rows)


class _Preparing:
    """Makes rows of jobs, each value as the database takes it."""

    def __init__(self, place: Place) -> None:
        self._backend = place.backend
        self._connection = place.connection
        self._has_uuids = place.connection.features.has_native_uuid_field
        # Jobs of one batch have many moments in common, and one takes longer to write than to find.
        self._known: dict[datetime, Any] = {}

    def row(self, job: KeptJob) -> tuple[Any, ...]:
        """Return the values of COLUMNS."""
        spec = job.spec
        origin = spec.origin or NO_ORIGIN
        moment = self._moment
        failure = job.failure
        return (
            self._uuid(spec.id), self._backend, spec.task, spec.queue, spec.tenant, spec.args,
            spec.kwargs, spec.options, spec.metadata, spec.max_tries, spec.priority, spec.band,
            job.rank, spec.gate, spec.task_id, spec.trace, subject_of(spec.metadata),
            None if origin.run_id is None else self._uuid(origin.run_id),
            origin.node, origin.map_index, origin.schedule_id, moment(origin.scheduled_for),
            moment(spec.run_after), str(job.state), job.attempt, job.tries, job.lost,
            moment(job.enqueued_at), moment(job.eligible_at), moment(job.claimed_at),
            moment(job.started_at), moment(job.last_attempted_at), moment(job.finished_at),
            moment(job.cancel_asked_at), None if failure is None else str(failure), job.reason,
            job.result, job.worker_id, job.worker_ids, job.progress, job.ctx,
        )  # fmt: skip

    def _uuid(self, id: str) -> Any:
        # As UUIDField does, of which half would be the way through a UUID.
        return uuid.UUID(id) if self._has_uuids else id.replace("-", "")

    def _moment(self, moment: datetime | None) -> Any:
        if moment is None:
            return None
        known = self._known.get(moment)
        if known is None:
            known = self._connection.ops.adapt_datetimefield_value(storable(moment))
            self._known[moment] = known
        return known


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
