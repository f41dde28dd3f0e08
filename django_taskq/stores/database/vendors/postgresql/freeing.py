"""Successes that free jobs, on PostgreSQL: the end, the count and the hand-over in one statement.

It does what nearly every step of a pipeline needs, and leaves alone what it cannot do: a success
for which a job waits by a rule that this may decide otherwise than to run, or to wait on.
"""

import time
from datetime import UTC
from functools import lru_cache
from typing import Any, NamedTuple

from django_taskq.stores.database.heirs import Heir
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.taken import COLUMNS, Taken
from django_taskq.stores.database.vendors.postgresql.arrays import literal
from django_taskq.stores.database.vendors.postgresql.claims import READY, returned, taken_from
from django_taskq.stores.database.vendors.postgresql.sessions import ask

# That a success does nothing to those that wait for the job but to count and maybe to free them.
# Scalar subqueries: looked up in the index row by row, whatever the planner thinks of the tables.
# That few wait for it: the planner takes any number of them for one, and joins them accordingly.
_SIMPLE = """AND (
    SELECT 1 FROM taskq_dependency WHERE upstream_id = job.seq LIMIT 1 OFFSET {most}
) IS NULL AND (
    SELECT 1 FROM taskq_dependency AS edge
    WHERE edge.upstream_id = job.seq AND (edge.counted_as <> 'successful' OR (
        SELECT waiting.state = 'DEFERRED' AND (
            waiting.run_after IS NOT NULL OR waiting.trigger_rule NOT IN (
                'all_success', 'all_done', 'none_failed', 'none_failed_min_one_success'
            )
        )
        FROM taskq_job AS waiting WHERE waiting.seq = edge.downstream_id
    ))
    LIMIT 1
) IS NULL"""

# That a job waits, in words that no partial index is made for: as long as the table is not
# analysed, the planner would walk the index of all that wait, to find one by its key.
_WAITS = "COALESCE(state, '') = 'DEFERRED'"

# That an edge counts nothing yet, in words of which the planner thinks that they hold for most:
# whose key it expects to look up in vain, it would rather read the whole table.
_IS_OPEN = "num_nulls(own.counted_as) <> 0"

# End jobs by `ended`, count them for those that wait, which are locked in the order of seq before
# their edges are, and free those that have waited for the last one. Inputs: those of `ended`.
# What is free is READY, or RUNNING where it `fits` the heir. A failed or skipped upstream that a
# rule does not bear with has decided about the job before, but for one that is blocked.
_FREE = f"""
WITH ended AS ({{ended}}),
edge AS MATERIALIZED (
    SELECT id, downstream_id
    FROM ended CROSS JOIN LATERAL (
        SELECT id, downstream_id, counted_as FROM taskq_dependency
        WHERE upstream_id = ended.seq
        OFFSET 0
    ) AS edge
    WHERE counted_as IS NULL
),
told AS MATERIALIZED (
    SELECT told.* FROM (SELECT DISTINCT downstream_id FROM edge ORDER BY 1) AS each
    CROSS JOIN LATERAL (
        SELECT
            seq,
            upstream_total - upstream_successful - upstream_failed - upstream_skipped AS left_over,
            upstream_failed = 0 OR trigger_rule = 'all_done' AS may_run, {{fits}} AS fits
        FROM taskq_job
        WHERE seq = each.downstream_id AND {_WAITS} AND backend = %(backend)s
        FOR UPDATE
    ) AS told
),
counted AS (
    UPDATE taskq_dependency AS own SET counted_as = 'successful'
    FROM edge
    WHERE own.id = edge.id AND {_IS_OPEN}
        AND edge.downstream_id = ANY (ARRAY(SELECT seq FROM told))
    RETURNING own.downstream_id
),
score AS MATERIALIZED (
    SELECT
        told.seq, count(*) AS count, may_run AND count(*) >= left_over AS is_free,
        may_run AND count(*) >= left_over AND {{may_have}} AS is_handed
    FROM counted JOIN told ON told.seq = counted.downstream_id
    GROUP BY told.seq, left_over, may_run, fits
),
freed AS (
    UPDATE taskq_job AS job
    SET
        upstream_successful = job.upstream_successful + score.count,
        eligible_at = CASE WHEN is_free THEN {{now}} END,
        state = CASE WHEN is_handed THEN 'RUNNING' WHEN is_free THEN 'READY' ELSE job.state END
        {{handed}}
    FROM score
    WHERE job.seq = score.seq
    RETURNING {{returned}}
)
"""

# Result: seq and attempt of those that were ended, and whether any has dependents; a row for each
# job that is ready now, with its seq behind that.
_TOLD = """
SELECT NULL::bigint, NULL::integer, true, seq FROM freed WHERE state = 'READY'
UNION ALL
SELECT ended.seq, ended.attempt, EXISTS (SELECT 1 FROM edge), NULL::bigint FROM ended
"""

# That the heir may have what is free: there is room for all, and nobody's turn before it.
_MAY_HAVE = f"""fits AND (SELECT count(*) FROM told) <= %(room)s::bigint AND (
    SELECT 1 FROM taskq_job WHERE {READY}
    ORDER BY queue, band, gate, tenant, rank, seq LIMIT 1
) IS NULL"""

_HANDED = """,
        attempt = job.attempt + is_handed::integer,
        worker_id = CASE WHEN is_handed THEN %(worker)s END,
        claimed_at = CASE WHEN is_handed THEN {now} END"""

# Result: as above, and a row for each job that was handed over, with the columns of a claim. All of
# it is short enough that drivers keep how they have taken it apart: longer than 4,096 characters
# they would do it anew for each step.
_TOLD_AND_HANDED = """
SELECT NULL::bigint, NULL::integer, true, NULL::bigint, handed.* FROM freed AS handed
WHERE state = 'RUNNING'
UNION ALL
SELECT NULL, NULL, true, ready.seq, none.*
FROM freed AS ready LEFT JOIN freed AS none ON false
WHERE ready.state = 'READY'
UNION ALL
SELECT ended.seq, ended.attempt, EXISTS (SELECT 1 FROM edge), NULL, none.*
FROM ended LEFT JOIN freed AS none ON false
"""
_RETURNED = ", ".join(["job.state", *map(returned, COLUMNS)])
_CLAIMED_AT = 5 + COLUMNS.index("claimed_at")


# Jobs that may wait for all that one statement ends, for one of these, and for one of many.
MOST_WAITING = 1000
MOST_OF_ONE = 100
LEAST_MOST = 2


class Freed(NamedTuple):
    """Which attempts were ended, what was handed over, and what else has become of it.

    `has_edges` tells whether anything waited, `ready` which jobs may be claimed now.
    """

    fences: list[tuple[int, int]]
    taken: list[Taken]
    has_edges: bool
    ready: list[int]


def simple(count: int) -> str:
    """Return the condition under which one of so many successes is ended by `end_and_free`.

    Where many wait for a job the ripples count it, who know how many those are.
    """
    return _SIMPLE.format(most=max(LEAST_MOST, min(MOST_OF_ONE, MOST_WAITING // count)))


def end_and_free(
    place: Place, ended: str, values: dict[str, Any], heir: Heir | None, *, is_one: bool
) -> Freed:
    """End jobs by the statement `ended`, which is `simple`, and free others.

    `is_one` tells that it ends one job: so chains do, again and again.
    """
    fits = None if heir is None else _fits(heir, values)
    statement = _statement(ended, place.clock.sql, fits)
    rows = ask(place, statement, values, is_often=is_one)
    read_at = time.monotonic()
    told = [row for row in rows if row[0] is not None]
    taken = [
        taken_from(row[5:], row[_CLAIMED_AT].replace(tzinfo=UTC), read_at)
        for row in rows
        if row[0] is None and row[3] is None
    ]
    return Freed(
        [row[:2] for row in told],
        taken,
        any(row[2] for row in rows),
        [row[3] for row in rows if row[3] is not None],
    )


@lru_cache(maxsize=64)
def _statement(ended: str, now: str, fits: str | None) -> str:
    """Return the whole statement on one line: drivers take apart a short one but once."""
    if fits is None:
        statement = _TOLD
        parts = {
            "fits": "false",
            "may_have": "false",
            "handed": "",
            "returned": "job.state, job.seq",
        }
    else:
        statement = _TOLD_AND_HANDED
        parts = {
            "fits": fits, "may_have": _MAY_HAVE, "handed": _HANDED.format(now=now),
            "returned": _RETURNED,
        }  # fmt: skip
    return " ".join((_FREE.format(ended=ended, now=now, **parts) + statement).split())


def _fits(heir: Heir, values: dict[str, Any]) -> str:
    """Return the condition under which an heir may be handed a job, and add its parameters."""
    values["room"] = heir.room
    conditions = ["gate = ''"]
    for column, names, left_out in (
        ("queue", heir.queues, heir.queues_left_out),
        ("tenant", heir.tenants, heir.tenants_left_out),
    ):
        if names is not None:
            values[f"{column}s"] = literal(names, "text")
            conditions.append(f"{column} = ANY (%({column}s)s::text[])")
        if left_out:
            values[f"{column}s_left_out"] = literal(left_out, "text")
            conditions.append(f"{column} <> ALL (%({column}s_left_out)s::text[])")
    return f"({' AND '.join(conditions)})"
