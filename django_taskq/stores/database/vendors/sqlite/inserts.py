"""New jobs on SQLite: one statement for one job, one transaction for many."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django_taskq.jobs.origin import NO_ORIGIN, rule_of
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.subjects import subject_of
from django_taskq.stores.database.inserts import Inserts, Numbered, Stored, is_due_at
from django_taskq.stores.database.vendors.sqlite.moments import text_of, zone_of

# Store a job. Inputs: its columns.
_INSERT = """
INSERT INTO taskq_job (
    public_id, task, queue, tenant, args, kwargs, options, metadata, max_tries, priority, band,
    rank, gate, task_id, unique_key, trace, run_after, backend, state, enqueued_at, eligible_at,
    due_at
) VALUES (
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
)
"""

# Store a job that says where it comes from, or what it is about. Inputs: as above, then the rest of
# its columns.
_INSERT_RARE = """
INSERT INTO taskq_job (
    public_id, task, queue, tenant, args, kwargs, options, metadata, max_tries, priority, band,
    rank, gate, task_id, unique_key, trace, run_after, backend, state, enqueued_at, eligible_at,
    due_at, run_id, node, map_index, schedule_id, scheduled_for, trigger_rule, upstream_total,
    upstream_successful, upstream_failed, upstream_skipped, about
) VALUES (
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
)
"""

# Store a job whose key is free. Inputs: as above. Result: a changed row where it is.
_INSERT_FREE = f"{_INSERT} ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING"


class SqliteInserts(Inserts):
    """Stores jobs with plain statements."""

    # The write lock lets nobody commit between a write and the look after it.
    sees_commits: ClassVar[bool] = True
    enters_at_once: ClassVar[bool] = True

    def store(self, specs: Sequence[JobSpec]) -> datetime:
        """Write the rows and return when that was."""
        place = self.place
        connection = place.connection
        if len(specs) == 1:
            with connection.cursor() as cursor:
                now = place.clock.read(connection)
                cursor.execute(_INSERT, self._values(specs[0], now))
            return now
        with place.transaction(), connection.cursor() as cursor:
            now = place.clock.read(connection)
            cursor.executemany(_INSERT, [self._values(spec, now) for spec in specs])
        return now

    def store_numbered(self, specs: Sequence[JobSpec]) -> Stored:
        """Write the rows and return what became of them: numbers follow one another."""
        now, aging = self.store(specs), self.place.options.priority_aging
        with self.place.connection.cursor() as cursor:
            # Of this connection, so nobody's who has written since.
            cursor.execute("SELECT last_insert_rowid()")
            ((last,),) = cursor.fetchall()
        return Stored(
            now,
            [
                Numbered(seq, spec.rank(aging, now), now, is_due_at(spec, now))
                for seq, spec in enumerate(specs, last - len(specs) + 1)
            ],
        )

    def store_rare(self, specs: Sequence[JobSpec]) -> datetime:
        """Write rows with what only jobs of pipelines, of schedules and about objects have."""
        place = self.place
        with place.transaction(), place.connection.cursor() as cursor:
            now = place.clock.read(place.connection)
            rows = [(*self._values(spec, now), *self._origin(spec)) for spec in specs]
            cursor.executemany(_INSERT_RARE, rows)
        return now

    def _origin(self, spec: JobSpec) -> tuple[Any, ...]:
        origin = spec.origin or NO_ORIGIN
        run_id = None if origin.run_id is None else origin.run_id.replace("-", "")
        moment = text_of(origin.scheduled_for, zone_of(self.place.connection))
        count = len(set(origin.upstreams))
        score = (count, 0, 0, 0) if count else (None, None, None, None)
        return (
            run_id, origin.node, origin.map_index, origin.schedule_id, moment, rule_of(origin),
            *score, subject_of(spec.metadata),
        )  # fmt: skip

    def enter(self, specs: Sequence[JobSpec]) -> tuple[datetime, set[str]]:
        """Write those rows whose keys are free; return when that was, and the ids of these."""
        entered: set[str] = set()
        with self.place.connection.cursor() as cursor:
            now = self.place.clock.read(self.place.connection)
            for spec in specs:
                cursor.execute(_INSERT_FREE, self._values(spec, now))
                if cursor.rowcount:
                    entered.add(spec.id)
        return now, entered

    def _values(self, spec: JobSpec, now: datetime) -> tuple[Any, ...]:
        zone = zone_of(self.place.connection)
        stamp = text_of(now, zone)
        run_after = text_of(spec.run_after, zone)
        times: tuple[str | None, ...]
        if spec.origin is not None and spec.origin.upstreams:
            times = ("DEFERRED", stamp, None, None)
        elif is_due_at(spec, now):
            times = ("READY", stamp, stamp, None)
        else:
            times = ("SCHEDULED", stamp, None, run_after)
        return (
            spec.id.replace("-", ""), spec.task, spec.queue, spec.tenant, spec.args, spec.kwargs,
            spec.options, spec.metadata, spec.max_tries, spec.priority, spec.band,
            spec.rank(self.place.options.priority_aging, now), spec.gate, spec.task_id,
            spec.unique_key, spec.trace, run_after, self.place.backend, *times,
        )  # fmt: skip
