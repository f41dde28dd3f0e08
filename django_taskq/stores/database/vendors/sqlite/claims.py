"""Claims on SQLite: reads find the jobs, one statement takes them.

The reads need no lock, so that a worker that finds nothing never stands in a writer's way. The
one UPDATE commits by itself and takes only what is still ready.
"""

import json
import time
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any
from weakref import WeakKeyDictionary

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.stores.database.claims import Claims
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.taken import COLUMNS, Taken, with_errors
from django_taskq.stores.database.turns import AFTER_ALL, Visit
from django_taskq.stores.database.vendors.sqlite.changed import data_version
from django_taskq.stores.database.vendors.sqlite.moments import (
    id_of,
    moment_of,
    text_of,
    zone_of,
)
from django_taskq.stores.database.window import Triple

# The condition of the partial index in the very words of its definition: only so does SQLite
# see that it holds.
READY = "is_parked = 0 AND state = 'READY' AND backend = %s"

# Find the next (queue, band, gate) with ready jobs. Inputs: backend, queue, band, gate; backend,
# queue, band; backend, queue. In three steps: for a comparison of whole rows the index would be
# read from the first job of the queue on.
_NEXT_TRIPLE = f"""
SELECT * FROM (
    SELECT queue, band, gate FROM taskq_job
    WHERE {READY} AND queue = %s AND band = %s AND gate > %s
    ORDER BY gate LIMIT 1
)
UNION ALL SELECT * FROM (
    SELECT queue, band, gate FROM taskq_job WHERE {READY} AND queue = %s AND band > %s
    ORDER BY band, gate LIMIT 1
)
UNION ALL SELECT * FROM (
    SELECT queue, band, gate FROM taskq_job WHERE {READY} AND queue > %s
    ORDER BY queue, band, gate LIMIT 1
)
LIMIT 1
"""

# Find the tenants behind a gate of a queue, each by one step along the index. Inputs: backend,
# queue, band, gate and a tenant, twice; the last tenant to look at; tenants to leave out, as
# JSON; most.
_RING = f"""
WITH RECURSIVE lane (tenant) AS (
    SELECT (
        SELECT tenant FROM taskq_job
        WHERE {READY} AND queue = %s AND band = %s AND gate = %s AND tenant {{start}} %s
        ORDER BY tenant LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT tenant FROM taskq_job
        WHERE {READY} AND queue = %s AND band = %s AND gate = %s AND tenant > lane.tenant
        ORDER BY tenant LIMIT 1
    )
    FROM lane WHERE lane.tenant IS NOT NULL
)
SELECT tenant FROM lane
WHERE tenant IS NOT NULL AND tenant <= %s AND tenant NOT IN (SELECT value FROM json_each(%s))
LIMIT %s
"""
_RING_AFTER = _RING.format(start=">")
_RING_FROM = _RING.format(start=">=")

# Find those of some tenants that have ready jobs. Inputs: tenants as JSON, backend, queue, band,
# gate.
_NAMED = f"""
SELECT named.value FROM json_each(%s) AS named
WHERE EXISTS (
    SELECT 1 FROM taskq_job
    WHERE {READY} AND queue = %s AND band = %s AND gate = %s AND tenant = named.value
)
"""

# Find the first jobs of lanes. Inputs: tenants as JSON, backend, queue, band, jobs of each.
_FIRST = f"""
SELECT first.seq FROM json_each(%s) AS visit CROSS JOIN taskq_job AS first
WHERE first.seq IN (
    SELECT seq FROM taskq_job
    WHERE {READY} AND queue = %s AND band = %s AND gate = '' AND tenant = visit.value
    ORDER BY rank, seq LIMIT %s
)
"""

# Take jobs. Inputs: worker, time, seqs as JSON. Result: the rows that were still ready.
_TAKE = f"""
UPDATE taskq_job
SET state = 'RUNNING', attempt = attempt + 1, worker_id = %s, claimed_at = %s
WHERE seq IN (SELECT value FROM json_each(%s)) AND state = 'READY'
RETURNING {", ".join(COLUMNS)}
"""


class SqliteClaims(Claims):
    """Finds lanes with reads and takes jobs with one statement.

    A worker that found nothing does not read again until the file has changed: `data_version`
    tells of the others' writes, `total_changes` of this connection's own.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._empty = WeakKeyDictionary[Any, tuple[Any, ...]]()

    def claim(self, request: ClaimRequest) -> list[Claim]:
        """Hand out at most `limit` ready jobs in the order they should start."""
        connection = self.place.connection
        if connection.in_atomic_block:
            return super().claim(request)
        version = data_version(self.place)
        # The connection itself is part of it: another one counts anew.
        opened = connection.connection
        asked = request._replace(limit=1, free=request.free and 1, slots=None)
        stamp = (asked, self.rules, opened, version, opened.total_changes)
        if self._empty.get(connection) == stamp:
            self.books.of(request.worker_id).opens_in = None
            return []
        taken, is_blank = self.hand_out(request)
        # Where lanes are closed, or a tenant holds its share, more than a write may open them.
        if is_blank:
            self._empty[connection] = stamp
        return with_errors(self.place, [row.claim for row in taken])

    def next_triple(self, triple: Triple) -> Triple | None:
        """Return the first (queue, band, gate) behind this one that has ready jobs."""
        backend = self.place.backend
        values = (backend, *triple, backend, *triple[:2], backend, triple.queue)
        rows = self._rows(_NEXT_TRIPLE, values)
        return Triple._make(rows[0]) if rows else None

    def ring(self, triple: Triple, after: str, most: int, without: frozenset[str]) -> list[str]:
        """Return the next tenants of a ring, round the corner to the one served last."""
        lanes = (self.place.backend, *triple)
        left_out = json.dumps(list(without))
        found: list[Any] = []
        if after != AFTER_ALL:
            values = (*lanes, after, *lanes, AFTER_ALL, left_out, most)
            found = self._rows(_RING_AFTER, values)
        if len(found) < most:
            values = (*lanes, "", *lanes, after, left_out, most - len(found))
            found += self._rows(_RING_FROM, values)
        return [tenant for (tenant,) in found]

    def named(self, triple: Triple, names: Sequence[str]) -> list[str]:
        """Return those of some tenants that have such jobs."""
        values = (json.dumps(names), self.place.backend, *triple)
        return [tenant for (tenant,) in self._rows(_NAMED, values)]

    def _take(self, worker_id: str, visits: Sequence[Visit]) -> list[Taken]:
        place = self.place
        connection = place.connection
        queue, band, _ = visits[0].lane
        seqs: list[int] = []
        with connection.cursor() as cursor:
            for share, tenants in _by_share(visits).items():
                values = (json.dumps(tenants), place.backend, queue, band, share)
                cursor.execute(_FIRST, values)
                seqs.extend(seq for (seq,) in cursor.fetchall())
            if not seqs:
                return []
            zone = zone_of(connection)
            now = place.clock.read(connection)
            cursor.execute(_TAKE, (worker_id, text_of(now, zone), json.dumps(seqs)))
            rows = cursor.fetchall()
        read_at = time.monotonic()
        return [taken_from(row, zone, now, read_at) for row in rows]

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        with self.place.connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows: list[Any] = cursor.fetchall()
        return rows


def _by_share(visits: Sequence[Visit]) -> dict[int, list[str]]:
    tenants: dict[int, list[str]] = {}
    for lane, share in visits:
        tenants.setdefault(share, []).append(lane.tenant)
    return tenants


def taken_from(row: tuple[Any, ...], zone: tzinfo, now: datetime, read_at: float) -> Taken:
    """Make a claim of COLUMNS as they stand after it was written."""
    claim = Claim._make((
        row[0], id_of(row[1]), *row[2:13], moment_of(row[13], zone), moment_of(row[14], zone),
        now, moment_of(row[16], zone), *row[17:22], row[22] and id_of(row[22]), *row[23:25],
        moment_of(row[25], zone), row[26], read_at, (), None,
    ))  # fmt: skip
    return Taken(row[-1], row[0], claim)
