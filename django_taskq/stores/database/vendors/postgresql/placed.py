"""New jobs of pipelines and schedules on PostgreSQL: one statement a batch."""

from collections.abc import Sequence
from typing import Any

from django_taskq.jobs.origin import NO_ORIGIN, rule_of
from django_taskq.jobs.spec import JobSpec
from django_taskq.stores.database.vendors.postgresql.arrays import given_rows

TYPES = {
    "id": "uuid", "task": "text", "queue": "text", "tenant": "text", "args": "text",
    "kwargs": "text", "options": "text", "metadata": "text", "max_tries": "integer",
    "priority": "smallint", "band": "smallint", "rank": "bigint", "gate": "text",
    "task_id": "text", "unique_key": "text", "trace": "text", "run_after": "timestamptz",
    "run_id": "uuid", "node": "text", "map_index": "integer", "schedule_id": "bigint",
    "scheduled_for": "timestamptz", "trigger_rule": "text", "upstream_total": "integer",
}  # fmt: skip

# Store jobs, in the order given. Inputs: the fields of specs and their origins, backend. Result:
# when that was, one row. A job that waits for others has neither a time nor a place in a lane.
INSERT = """
WITH stored AS (
    INSERT INTO taskq_job (
        public_id, task, queue, tenant, args, kwargs, options, metadata, max_tries, priority, band,
        rank, gate, task_id, unique_key, trace, run_after, run_id, node, map_index, schedule_id,
        scheduled_for, trigger_rule, upstream_total, upstream_successful, upstream_failed,
        upstream_skipped, backend, state, enqueued_at, eligible_at, due_at
    )
    SELECT
        id, task, queue, tenant, args, kwargs, options, metadata, max_tries, priority, band,
        {aged}rank, gate, task_id, unique_key, trace, run_after, run_id, node, map_index,
        schedule_id, scheduled_for, trigger_rule, upstream_total,
        CASE WHEN upstream_total > 0 THEN 0 END, CASE WHEN upstream_total > 0 THEN 0 END,
        CASE WHEN upstream_total > 0 THEN 0 END, %(backend)s,
        CASE WHEN upstream_total > 0 THEN 'DEFERRED' WHEN run_after > {now} THEN 'SCHEDULED'
            ELSE 'READY' END,
        {now},
        CASE WHEN upstream_total > 0 OR run_after > {now} THEN NULL ELSE {now} END,
        CASE WHEN upstream_total IS NULL AND run_after > {now} THEN run_after END
    FROM {given}
)
SELECT {now} AT TIME ZONE 'UTC'
"""


def given_of(
    specs: Sequence[JobSpec], rows: Sequence[tuple[Any, ...]], values: dict[str, Any]
) -> str:
    """Return the subquery of jobs and their origins, and add its parameters to `values`.

    `rows` are the jobs' columns without those of their origins.
    """
    placed = [(*row, *_origin_of(spec)) for spec, row in zip(specs, rows, strict=True)]
    columns = dict(zip(TYPES, zip(*placed, strict=True), strict=True))
    return given_rows(TYPES, columns, values)


def _origin_of(spec: JobSpec) -> tuple[Any, ...]:
    origin = spec.origin or NO_ORIGIN
    return (
        origin.run_id, origin.node, origin.map_index, origin.schedule_id, origin.scheduled_for,
        rule_of(origin), len(set(origin.upstreams)) or None,
    )  # fmt: skip
