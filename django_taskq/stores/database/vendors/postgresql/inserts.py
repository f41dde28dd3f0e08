"""New jobs on PostgreSQL: a plain statement for one job, one statement a batch for many."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import Any, ClassVar

from django_taskq.jobs.origin import NO_ORIGIN, rule_of
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.subjects import subject_of
from django_taskq.jobs.upstreams import upstreams_of
from django_taskq.stores.database.attaching import Attaching
from django_taskq.stores.database.inserts import Announce, Inserts, Numbered, Stored
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.vendors.postgresql.arrays import given_rows

CHUNK = 5000

_TYPES = {
    "id": "uuid", "task": "text", "queue": "text", "tenant": "text", "args": "text",
    "kwargs": "text", "options": "text", "metadata": "text", "max_tries": "integer",
    "priority": "smallint", "band": "smallint", "rank": "bigint", "gate": "text",
    "task_id": "text", "unique_key": "text", "trace": "text", "run_after": "timestamptz",
}  # fmt: skip
_RARE_TYPES = _TYPES | {
    "run_id": "uuid", "node": "text", "map_index": "integer", "schedule_id": "bigint",
    "scheduled_for": "timestamptz", "trigger_rule": "text", "upstream_total": "integer",
    "about": "text",
}  # fmt: skip
_COLUMNS = """
    public_id, task, queue, tenant, args, kwargs, options, metadata, max_tries, priority, band,
    rank, gate, task_id, unique_key, trace, run_after, backend, state, enqueued_at, eligible_at,
    due_at"""

# What PRIORITY_AGING adds to the priority's part of a rank; see JobSpec.rank.
_AGED = "(extract(epoch FROM GREATEST({now}, %(run_after)s::timestamptz)) * 1000)::bigint + "
_ALL_AGED = "(extract(epoch FROM GREATEST({now}, run_after)) * 1000)::bigint + "

# Store a job that may run at once. Inputs: the fields of a spec, backend. Result: when that was,
# and its number and rank.
_INSERT_READY = f"""
INSERT INTO taskq_job ({_COLUMNS}) VALUES (
    {", ".join("{aged}%(rank)s" if name == "rank" else f"%({name})s" for name in _TYPES)},
    %(backend)s, 'READY', {{now}}, {{now}}, NULL
)
RETURNING enqueued_at AT TIME ZONE 'UTC', seq, rank
"""

# Store jobs. Inputs: as above, arrays where they differ. Result: when that was, one row; with
# _TOLD, for each its number, rank, id, and whether it is ready.
_INSERT = f"""
WITH stored AS (
    INSERT INTO taskq_job ({_COLUMNS})
    SELECT
        id, task, queue, tenant, args, kwargs, options, metadata, max_tries, priority, band,
        {{aged}}rank, gate, task_id, unique_key, trace, run_after, %(backend)s,
        CASE WHEN run_after > {{now}} THEN 'SCHEDULED' ELSE 'READY' END,
        {{now}},
        CASE WHEN run_after > {{now}} THEN NULL ELSE {{now}} END,
        CASE WHEN run_after > {{now}} THEN run_after END
    FROM {{given}}
    {{returning}}
)
SELECT {{now}} AT TIME ZONE 'UTC' {{told}}
"""
_TOLD = {
    "returning": "RETURNING seq, rank, public_id::text AS id, state = 'READY' AS is_due",
    "told": ", seq, rank, id, is_due FROM stored",
}
_UNTOLD = {"returning": "", "told": ""}

# Store jobs of pipelines and schedules, those that wait for others, and those about objects. Inputs
# and result as above, with what only they have.
_INSERT_RARE = f"""
WITH stored AS (
    INSERT INTO taskq_job (
        {_COLUMNS}, run_id, node, map_index, schedule_id, scheduled_for, trigger_rule,
        upstream_total, upstream_successful, upstream_failed, upstream_skipped, about
    )
    SELECT
        id, task, queue, tenant, args, kwargs, options, metadata, max_tries, priority, band,
        {{aged}}rank, gate, task_id, unique_key, trace, run_after, %(backend)s,
        CASE
            WHEN trigger_rule IS NOT NULL THEN 'DEFERRED'
            WHEN run_after > {{now}} THEN 'SCHEDULED'
            ELSE 'READY'
        END,
        {{now}},
        CASE WHEN trigger_rule IS NULL AND COALESCE(run_after <= {{now}}, true) THEN {{now}} END,
        CASE WHEN trigger_rule IS NULL AND run_after > {{now}} THEN run_after END,
        run_id, node, map_index, schedule_id, scheduled_for, trigger_rule, upstream_total,
        upstream_total * 0, upstream_total * 0, upstream_total * 0, about
    FROM {{given}}
)
SELECT {{now}} AT TIME ZONE 'UTC'
"""

# Store jobs whose keys are free, and wait for those who are about to take one. The keys are taken
# in their own order, so that nobody waits in a circle; the jobs are numbered in that of the batch.
# Inputs: as above. Result: when that was, and the id, of each that was stored.
_INSERT_FREE = f"""
WITH numbered AS MATERIALIZED (
    SELECT
        nextval(pg_get_serial_sequence('taskq_job', 'seq')) AS seq, given.*
    FROM {{given}}
)
INSERT INTO taskq_job (seq, {_COLUMNS})
SELECT
    seq, id, task, queue, tenant, args, kwargs, options, metadata, max_tries, priority, band,
    {{aged}}rank, gate, task_id, unique_key, trace, run_after, %(backend)s,
    CASE WHEN run_after > {{now}} THEN 'SCHEDULED' ELSE 'READY' END,
    {{now}},
    CASE WHEN run_after > {{now}} THEN NULL ELSE {{now}} END,
    CASE WHEN run_after > {{now}} THEN run_after END
FROM numbered
ORDER BY unique_key
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING
RETURNING enqueued_at AT TIME ZONE 'UTC', public_id
"""


class PostgresqlInserts(Inserts):
    """Stores jobs with one statement per 5,000, those of a batch with predictable ids with one."""

    sees_commits: ClassVar[bool] = True
    enters_at_once: ClassVar[bool] = True

    def __init__(self, place: Place, announce: Announce, attaching: Attaching) -> None:
        super().__init__(place, announce, attaching)
        aging = place.options.priority_aging
        self._point = 1 if aging is None else aging * 1000
        self._aged = "" if aging is None else _AGED
        self._all_aged = "" if aging is None else _ALL_AGED

    def store(self, specs: Sequence[JobSpec]) -> datetime:
        """Write the rows and return when that was."""
        if len(specs) == 1 and specs[0].run_after is None:
            return self._store_ready(specs[0]).at
        if len(specs) <= CHUNK:
            return self._store_chunk(specs)
        with self.place.transaction():
            first, *_ = [self._store_chunk(chunk) for chunk in batched(specs, CHUNK)]
        return first

    def store_numbered(self, specs: Sequence[JobSpec]) -> Stored:
        """Write the rows and return what became of them."""
        if len(specs) == 1 and specs[0].run_after is None:
            row = self._store_ready(specs[0])
            return Stored(row.at, [row])
        if len(specs) <= CHUNK:
            rows = self._store_told(specs)
        else:
            with self.place.transaction():
                chunks = [self._store_told(chunk) for chunk in batched(specs, CHUNK)]
            rows = [row for chunk in chunks for row in chunk]
        return Stored(rows[0].at, rows)

    def store_rare(self, specs: Sequence[JobSpec]) -> datetime:
        """Write rows with what only jobs of pipelines, of schedules and about objects have."""
        if len(specs) <= CHUNK:
            # One statement is all or nothing by itself.
            return self._store_rare_chunk(specs)
        with self.place.transaction():
            times = [
                self._store_rare_chunk(specs[start : start + CHUNK])
                for start in range(0, len(specs), CHUNK)
            ]
        return times[0]

    def enter(self, specs: Sequence[JobSpec]) -> tuple[datetime, set[str]]:
        """Write those rows whose keys are free; return when that was, and the ids of these."""
        rows = self._rows(*self._statement_of(_INSERT_FREE, specs))
        if not rows:
            return self.place.clock.read(self.place.connection), set()
        return rows[0][0].replace(tzinfo=UTC), {str(id) for _, id in rows}

    def _store_ready(self, spec: JobSpec) -> Numbered:
        values = dict(zip(_TYPES, self._values(spec), strict=True))
        ((at, seq, rank),) = self._rows(self._filled(_INSERT_READY, self._aged), values)
        return Numbered(seq, rank, at.replace(tzinfo=UTC), is_due=True)

    def _store_chunk(self, specs: Sequence[JobSpec]) -> datetime:
        return self._execute(*self._statement_of(_INSERT, specs, **_UNTOLD))

    def _store_told(self, specs: Sequence[JobSpec]) -> list[Numbered]:
        rows = self._rows(*self._statement_of(_INSERT, specs, **_TOLD))
        at = rows[0][0].replace(tzinfo=UTC)
        # In no order that PostgreSQL promises.
        told = {id: Numbered(seq, rank, at, is_due) for _, seq, rank, id, is_due in rows}
        return [told[spec.id] for spec in specs]

    def _store_rare_chunk(self, specs: Sequence[JobSpec]) -> datetime:
        rows = zip(*((*self._values(spec), *_origin_of(spec)) for spec in specs), strict=True)
        columns = dict(zip(_RARE_TYPES, rows, strict=True))
        values: dict[str, Any] = {}
        given = given_rows(_RARE_TYPES, columns, values)
        return self._execute(self._filled(_INSERT_RARE, self._all_aged, given=given), values)

    def _statement_of(
        self, text: str, specs: Sequence[JobSpec], **parts: str
    ) -> tuple[str, dict[str, Any]]:
        columns = dict(zip(_TYPES, zip(*map(self._values, specs), strict=True), strict=True))
        values: dict[str, Any] = {}
        given = given_rows(_TYPES, columns, values)
        return self._filled(text, self._all_aged, given=given, **parts), values

    def _execute(self, statement: str, values: dict[str, Any]) -> datetime:
        moment: datetime = self._rows(statement, values)[0][0]
        return moment.replace(tzinfo=UTC)

    def _filled(self, template: str, aged: str, **parts: str) -> str:
        now = self.place.clock.steady_sql
        return template.format(now=now, aged=aged.format(now=now), **parts)

    def _rows(self, statement: str, values: dict[str, Any]) -> list[Any]:
        values["backend"] = self.place.backend
        values.update(self.place.clock.parameters())
        with self.place.connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows: list[Any] = cursor.fetchall()
        return rows

    def _values(self, spec: JobSpec) -> tuple[Any, ...]:
        return (
            spec.id, spec.task, spec.queue, spec.tenant, spec.args, spec.kwargs, spec.options,
            spec.metadata, spec.max_tries, spec.priority, spec.band,
            -int(spec.priority * self._point), spec.gate, spec.task_id, spec.unique_key, spec.trace,
            spec.run_after,
        )  # fmt: skip


def _origin_of(spec: JobSpec) -> tuple[Any, ...]:
    """Return what only jobs of pipelines, of schedules, about objects and waiting ones have."""
    origin = spec.origin or NO_ORIGIN
    rule = rule_of(origin)
    return (
        origin.run_id, origin.node, origin.map_index, origin.schedule_id, origin.scheduled_for,
        rule and rule.value, len(upstreams_of(spec)) if rule else None,
        subject_of(spec.metadata),
    )  # fmt: skip
