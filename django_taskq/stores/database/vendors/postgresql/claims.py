"""Claims on PostgreSQL: one statement finds the lanes, one takes the jobs.

The first walks the index of ready jobs from one distinct value to the next, so that neither the
length of a lane nor the number of ended jobs costs anything. The fewer subqueries it has the
better: statements are not prepared, for a transaction pooler may be in between, and planning is
most of what it costs.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django_taskq.jobs.claim import Claim
from django_taskq.stores.database.claims import Claims
from django_taskq.stores.database.taken import COLUMNS, Taken
from django_taskq.stores.database.turns import AFTER_ALL, Turns, Visit
from django_taskq.stores.database.vendors.postgresql.arrays import literal
from django_taskq.stores.database.window import Look, Rings, Triple, rings_of, within_room

# The condition of the partial index, as literals: only so can the planner tell that it holds.
_READY = "state = 'READY' AND NOT is_parked AND backend = %(backend)s"

# All (queue, band, gate) triples with ready jobs, each found by one step along the index from the
# one before; the first row stands before them all.
TRIPLES = f"""
WITH RECURSIVE triple (queue, band, gate) AS (
    SELECT '' COLLATE "C", -1, '' COLLATE "C"
    UNION ALL
    SELECT further.queue, further.band, further.gate
    FROM triple CROSS JOIN LATERAL (
        SELECT queue::text, band::integer, gate::text FROM taskq_job
        WHERE {_READY} AND (queue, band, gate) > (triple.queue, triple.band, triple.gate)
        ORDER BY taskq_job.queue, taskq_job.band, taskq_job.gate LIMIT 1
    ) AS further
)"""

# The same for named queues: each is probed, whatever else there is; the first rows have no gate.
_NAMED_TRIPLES = f"""
WITH RECURSIVE triple (queue, band, gate) AS (
    SELECT named.queue, bands.band, NULL COLLATE "C"
    FROM unnest(%(queues)s::text[]) AS named (queue) CROSS JOIN (VALUES (0), (1)) AS bands (band)
    UNION ALL
    SELECT triple.queue, triple.band, further.gate
    FROM triple CROSS JOIN LATERAL (
        SELECT gate::text FROM taskq_job
        WHERE {_READY} AND queue = triple.queue AND band = triple.band
            AND gate >= COALESCE(triple.gate || chr(1), '')
        ORDER BY taskq_job.gate LIMIT 1
    ) AS further
)"""

# The ring of `{row}`, which has queue, band, and as tenant where the worker stands; `{gate}` is the
# gate. It starts at that tenant, as lap -1, and goes on to the next tenant each time: the
# smallest text greater than t is t with chr(1) behind it. Where none is left comes a row of NULL,
# and behind it the second lap, from the first tenant up to and including the one served last.
_RING = f"""
WITH RECURSIVE lane (tenant, lap) AS (
    SELECT {{row}}.tenant COLLATE "C", -1
    UNION ALL
    SELECT further.tenant, GREATEST(lane.lap, 0) + (further.tenant IS NULL)::integer
    FROM lane CROSS JOIN LATERAL (
        SELECT (
            SELECT tenant::text FROM taskq_job
            WHERE {_READY} AND queue = {{row}}.queue AND band = {{row}}.band
                AND gate = {{gate}} AND tenant >= COALESCE(lane.tenant || chr(1), '')
            ORDER BY taskq_job.tenant LIMIT 1
        ) AS tenant
        OFFSET 0
    ) AS further
    WHERE lane.lap < 1 OR lane.lap = 1 AND COALESCE(lane.tenant < {{row}}.tenant, true)
)
SELECT tenant FROM lane
WHERE tenant IS NOT NULL AND (lap = 0 OR lap = 1 AND tenant <= {{row}}.tenant)
    AND tenant <> ALL (%(left_out)s::text[])
LIMIT %(most)s"""

# Find the plain lanes whose turn it is, and the gates. Inputs: backend, queues, those excluded,
# the queue served last, where the worker stands in each ring, most, tenants to leave out. Result:
# (queue, band, gate, tenant), plain lanes in serving order; for a gate no tenant.
_LANES = f"""
SELECT lane.queue, lane.band, '' AS gate, lane.tenant
FROM (VALUES (0), (1)) AS bands (band)
CROSS JOIN LATERAL (
    SELECT pair.queue, pair.band, ring.tenant
    FROM (
        SELECT
            triple.queue, triple.band, COALESCE(stand.tenant, %(after_all)s) COLLATE "C" AS tenant
        FROM triple LEFT JOIN unnest(
            %(stand_queues)s::text[], %(stand_bands)s::integer[], %(stand_tenants)s::text[]
        ) AS stand (queue, band, tenant) USING (queue, band)
        WHERE triple.band = bands.band AND triple.gate = ''
            AND triple.queue <> ALL (%(excluded)s::text[])
        ORDER BY triple.queue <= %(last_queue)s, triple.queue
    ) AS pair
    CROSS JOIN LATERAL ({_RING.format(row="pair", gate="''")}) AS ring
    LIMIT %(most)s
) AS lane
UNION ALL
SELECT queue, band, gate, NULL FROM triple
WHERE gate <> '' AND queue <> ALL (%(excluded)s::text[])
"""

# Find the tenants behind gates. Inputs: backend, queues, bands, gates and where the worker stands
# (arrays), most, tenants to leave out. Result: (queue, band, gate, tenant), each ring in turn.
_GATED = f"""
SELECT gated.queue, gated.band, gated.gate, ring.tenant
FROM unnest(%(queues)s::text[], %(bands)s::integer[], %(gates)s::text[], %(stand)s::text[])
    AS gated (queue, band, gate, tenant)
CROSS JOIN LATERAL ({_RING.format(row="gated", gate="gated.gate")}) AS ring
"""

# Find the lanes of named tenants. Inputs: backend, queues, those excluded, names. Result: (queue,
# band, gate, tenant), in no order.
_NAMED_LANES = f"""
SELECT triple.queue, triple.band, triple.gate, named.tenant
FROM triple CROSS JOIN unnest(%(names)s::text[]) AS named (tenant)
CROSS JOIN LATERAL (
    SELECT 1 FROM taskq_job
    WHERE {_READY} AND queue = triple.queue AND band = triple.band AND gate = triple.gate
        AND tenant = named.tenant
    LIMIT 1
) AS found
WHERE triple.queue <> ALL (%(excluded)s::text[])
"""


def _returned(name: str) -> str:
    if name.endswith("_at") or name in ("run_after", "scheduled_for"):
        return f"job.{name} AT TIME ZONE 'UTC'"
    return f"job.{name}::text" if name in ("public_id", "run_id") else f"job.{name}"


# Take jobs from plain lanes. Inputs: backend, queue, band, tenants and shares (arrays), worker.
# Result: the rows taken, in no order. Rows that others have locked are passed over.
_TAKE = f"""
WITH clock AS MATERIALIZED (SELECT {{now}} AS at),
picked AS MATERIALIZED (
    SELECT job.seq
    FROM unnest(%(tenants)s::text[], %(shares)s::integer[]) AS visit (tenant, share)
    CROSS JOIN LATERAL (
        SELECT seq FROM taskq_job
        WHERE {_READY} AND queue = %(queue)s AND band = %(band)s AND gate = ''
            AND tenant = visit.tenant
        ORDER BY rank, seq LIMIT visit.share
        FOR UPDATE SKIP LOCKED
    ) AS job
)
UPDATE taskq_job AS job
SET state = 'RUNNING', attempt = job.attempt + 1, worker_id = %(worker)s, claimed_at = clock.at
FROM clock
WHERE job.seq = ANY (ARRAY(SELECT seq FROM picked))
RETURNING {", ".join(map(_returned, COLUMNS))}
"""


class PostgresqlClaims(Claims):
    """Finds lanes and takes jobs with a statement each."""

    def find(self, look: Look) -> list[Rings]:
        """Return the rings of tenants that a look asks for, in serving order."""
        values = {
            "backend": self.place.backend,
            "most": look.most,
            "excluded": literal(list(look.excluded_queues), "text"),
            "left_out": literal(list(look.excluded_tenants), "text"),
        }
        triples = TRIPLES
        if look.queues is not None:
            triples = _NAMED_TRIPLES
            values["queues"] = literal(look.queues, "text")
        if look.names is not None:
            values["names"] = literal(look.names, "text")
            rows = self._rows(triples + _NAMED_LANES, values)
            return rings_of([row for row in rows if look.sees(row[2])], look)
        rows = self._rows(triples + _LANES, values | _stand(look.turns))
        # Triples of gates come without a tenant, behind all others.
        if not rows or rows[-1][3] is not None:
            return rings_of(rows, look)
        gated = [Triple._make(row[:3]) for row in rows if row[3] is None and look.sees(row[2])]
        plain = [row for row in rows if row[3] is not None]
        return rings_of([*plain, *self._gated(look, within_room(gated, plain, look), values)], look)

    def _gated(self, look: Look, triples: Sequence[Triple], values: dict[str, Any]) -> list[Any]:
        if not triples:
            return []
        stand = [look.turns.last_tenant(queue, band) for queue, band, _ in triples]
        return self._rows(_GATED, values | {
            "most": look.most_gated,
            "queues": literal([triple.queue for triple in triples], "text"),
            "bands": literal([triple.band for triple in triples], "integer"),
            "gates": literal([triple.gate for triple in triples], "text"),
            "stand": literal(stand, "text"),
        })  # fmt: skip

    def _take(self, worker_id: str, visits: Sequence[Visit]) -> list[Taken]:
        lane, clock = visits[0].lane, self.place.clock
        values = {
            "backend": self.place.backend,
            "queue": lane.queue,
            "band": lane.band,
            "tenants": literal([visit.lane.tenant for visit in visits], "text"),
            "shares": literal([visit.share for visit in visits], "integer"),
            "worker": worker_id,
            **clock.parameters(),
        }
        rows = self._rows(_TAKE.format(now=clock.sql), values)
        if not rows:
            return []
        read_at = time.monotonic()
        claimed_at = rows[0][15].replace(tzinfo=UTC)
        return [_taken_of(row, claimed_at, read_at) for row in rows]

    def _rows(self, statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        with self.place.connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _stand(turns: Turns) -> dict[str, Any]:
    served = turns.served()
    return {
        "after_all": AFTER_ALL,
        "last_queue": turns.last_queue,
        "stand_queues": literal([queue for queue, _, _ in served], "text"),
        "stand_bands": literal([band for _, band, _ in served], "integer"),
        "stand_tenants": literal([tenant for _, _, tenant in served], "text"),
    }


def _taken_of(row: tuple[Any, ...], claimed_at: datetime, read_at: float) -> Taken:
    run_after, started_at, scheduled_for = row[14], row[16], row[25]
    claim = Claim._make((
        *row[:13], row[13].replace(tzinfo=UTC), run_after and run_after.replace(tzinfo=UTC),
        claimed_at, started_at and started_at.replace(tzinfo=UTC), *row[17:25],
        scheduled_for and scheduled_for.replace(tzinfo=UTC), row[26], read_at, (), None,
    ))  # fmt: skip
    return Taken(row[-1], row[0], claim)
