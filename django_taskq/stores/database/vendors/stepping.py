"""Backlogs where one statement can step along the lanes: what SQLite and PostgreSQL share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from itertools import product
from typing import Any, ClassVar

from django_taskq.jobs.backlogs import share_out
from django_taskq.jobs.states import State
from django_taskq.stores.database.backlogs import MOST_WAITING, BacklogReads, Counted
from django_taskq.stores.database.window import Triple

# Ready jobs that one read counts in the index, and rows that it reads to find the oldest.
COUNTED, LOOKED_AT = 20_000, 500
LEAST, MOST = 50, 10_000
# Triples whose tenants are looked for where none are named.
MOST_RINGS = 20

# Count what has not ended and stands in no lane. Inputs: the tenants that are told apart, the queue
# or NULL for all; the backend four times. Result: (state, tenant, how many, since when the
# oldest is ready); those of others come together, without a tenant.
_APART = """
SELECT state, told, COUNT(*), MIN(eligible_at)
FROM (
    SELECT state, eligible_at,
        CASE WHEN {among} AND queue = COALESCE(%s, queue) THEN tenant END AS told
    FROM (
        SELECT * FROM (
            SELECT state, queue, tenant, eligible_at FROM taskq_job
            WHERE state = 'SCHEDULED' AND backend = %s ORDER BY due_at LIMIT {most}
        ) AS scheduled
        UNION ALL SELECT * FROM (
            SELECT state, queue, tenant, eligible_at FROM taskq_job
            WHERE state = 'DEFERRED' AND backend = %s ORDER BY seq LIMIT {most}
        ) AS deferred
        UNION ALL SELECT * FROM (
            SELECT state, queue, tenant, eligible_at FROM taskq_job
            WHERE state = 'RUNNING' AND backend = %s ORDER BY worker_id LIMIT {most}
        ) AS running
        UNION ALL SELECT * FROM (
            SELECT state, queue, tenant, eligible_at FROM taskq_job
            WHERE {parked} AND state = 'READY' AND backend = %s ORDER BY parked_for LIMIT {most}
        ) AS parked
    ) AS few
) AS waiting
GROUP BY state, told
"""

# Count the ready jobs of lanes. Inputs: those of `given`; the backend, how many to count; the
# backend, how many to look at. Result: (queue, tenant, how many, since when the oldest is ready).
_COUNT = """
SELECT given.queue, given.tenant,
    (
        SELECT COUNT(*) FROM (
            SELECT 1 FROM taskq_job AS job
            WHERE {ready} AND job.queue = given.queue AND job.band = given.band
                AND job.gate = given.gate AND job.tenant = given.tenant LIMIT %s
        ) AS counted
    ),
    (
        SELECT MIN(eligible_at) FROM (
            SELECT job.eligible_at FROM taskq_job AS job
            WHERE {ready} AND job.queue = given.queue AND job.band = given.band
                AND job.gate = given.gate AND job.tenant = given.tenant
            ORDER BY job.rank, job.seq LIMIT %s
        ) AS oldest
    )
FROM {given}
"""

# Find the first tenants of a ring, each by one step. Inputs: the backend and a triple, twice; most.
_TENANTS = """
SELECT tenant FROM (
WITH RECURSIVE lane (tenant) AS (
    SELECT (
        SELECT job.tenant FROM taskq_job AS job
        WHERE {ready} AND job.queue = %s AND job.band = %s AND job.gate = %s
        ORDER BY job.tenant LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT job.tenant FROM taskq_job AS job
        WHERE {ready} AND job.queue = %s AND job.band = %s AND job.gate = %s
            AND job.tenant > lane.tenant
        ORDER BY job.tenant LIMIT 1
    )
    FROM lane WHERE lane.tenant IS NOT NULL
)
SELECT tenant FROM lane WHERE tenant IS NOT NULL LIMIT %s
) AS ring_{number}
"""


class SteppingBacklogs(BacklogReads, ABC):
    """Counts each lane to a bound, so that what all of them cost is bounded too.

    `in_lanes` and `parked` are conditions of indexes, as the database wants them.
    """

    in_lanes: ClassVar[str]
    parked: ClassVar[str]
    # Whether a tenant is among some names.
    among: ClassVar[str]

    @abstractmethod
    def names(self, tenants: Sequence[str]) -> Any:
        """Return names as the input of `among`."""

    @abstractmethod
    def given(self, lanes: Sequence[tuple[str, int, str, str]]) -> tuple[str, list[Any]]:
        """Return a source of (queue, band, gate, tenant) named `given`, and its inputs."""

    @abstractmethod
    def moment(self, value: Any) -> datetime | None:
        """Read a time as such a statement returns it."""

    def apart(self, tenants: Sequence[str], queue: str | None) -> list[Counted]:
        """Count what stands in no lane, at most MOST_WAITING jobs of each state."""
        statement = _APART.format(most=MOST_WAITING, parked=self.parked, among=self.among)
        values = [self.names(tenants), queue, *[self.place.backend] * 4]
        return [
            Counted(state, queue or "", tenant, count, self.moment(oldest))
            for state, tenant, count, oldest in self.rows(statement, values)
        ]

    def ready(self, triples: Sequence[Triple], tenants: Sequence[str]) -> list[Counted]:
        """Count the ready jobs of these tenants, each lane as far as the budget goes."""
        lanes = [(*triple, tenant) for triple, tenant in product(triples, tenants)]
        if not lanes:
            return []
        most, looked = share_out(COUNTED, lanes, LEAST, MOST), share_out(LOOKED_AT, lanes, 1, MOST)
        source, inputs = self.given(lanes)
        ready = f"{self.in_lanes} AND job.backend = %s"
        statement = _COUNT.format(given=source, ready=ready)
        backend = self.place.backend
        rows = self.rows(statement, [backend, most, backend, looked, *inputs])
        return [
            Counted(
                State.READY, queue, tenant, count, self.moment(oldest), count >= most,
                has_older=count > looked,
            )
            for queue, tenant, count, oldest in rows
            if count
        ]  # fmt: skip

    def waiting_tenants(self, triples: Sequence[Triple], most: int) -> list[str]:
        """Return the first tenants of each of the first rings."""
        ready = f"{self.in_lanes} AND job.backend = %s"
        rings = triples[:MOST_RINGS]
        if not rings:
            return []
        parts = [_TENANTS.format(ready=ready, number=number) for number in range(len(rings))]
        values: list[Any] = []
        for triple in rings:
            values += [*[self.place.backend, *triple] * 2, most]
        found = {tenant for (tenant,) in self.rows(" UNION ALL ".join(parts), values)}
        return sorted(found)[:most]

    def rows(self, statement: str, values: Any) -> list[Any]:
        """Return what a statement finds."""
        with self.place.connection.cursor() as cursor:
            cursor.execute(statement, values)
            found: list[Any] = cursor.fetchall()
        return found
