"""Backlogs on SQLite, which steps along an index by subqueries and reads lists as JSON."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django_taskq.stores.database.vendors.sqlite.moments import moment_of, zone_of
from django_taskq.stores.database.vendors.stepping import SteppingBacklogs
from django_taskq.stores.database.window import Triple

# In the words of the index, as for claims.
_READY = "job.is_parked = 0 AND job.state = 'READY' AND job.backend = %s"

# Find all (queue, band, gate) with ready jobs, each by one step from the first job of the one
# before. Inputs: the backend, four times.
_TRIPLES = f"""
WITH RECURSIVE head (seq) AS (
    SELECT (
        SELECT job.seq FROM taskq_job AS job WHERE {_READY}
        ORDER BY job.queue, job.band, job.gate LIMIT 1
    )
    UNION ALL
    SELECT COALESCE(
        (
            SELECT job.seq FROM taskq_job AS job WHERE {_READY}
                AND job.queue = last.queue AND job.band = last.band AND job.gate > last.gate
            ORDER BY job.gate LIMIT 1
        ),
        (
            SELECT job.seq FROM taskq_job AS job WHERE {_READY}
                AND job.queue = last.queue AND job.band > last.band
            ORDER BY job.band, job.gate LIMIT 1
        ),
        (
            SELECT job.seq FROM taskq_job AS job WHERE {_READY} AND job.queue > last.queue
            ORDER BY job.queue, job.band, job.gate LIMIT 1
        )
    )
    FROM head JOIN taskq_job AS last ON last.seq = head.seq
)
SELECT first.queue, first.band, first.gate FROM head JOIN taskq_job AS first ON first.seq = head.seq
"""
_GIVEN = """(
    SELECT value ->> 0 AS queue, value ->> 1 AS band, value ->> 2 AS gate, value ->> 3 AS tenant
    FROM json_each(%s)
) AS given"""


class SqliteBacklogs(SteppingBacklogs):
    """Counts with a statement each."""

    parked: ClassVar[str] = "is_parked = 1"
    among: ClassVar[str] = "tenant IN (SELECT value FROM json_each(%s))"
    in_lanes: ClassVar[str] = "job.is_parked = 0 AND job.state = 'READY'"

    def triples(self) -> list[Triple]:
        """Return the queues, bands and gates with ready jobs."""
        return [Triple(*row) for row in self.rows(_TRIPLES, [self.place.backend] * 4)]

    def names(self, tenants: Sequence[str]) -> Any:
        """Return names as JSON."""
        return json.dumps(list(tenants))

    def given(self, lanes: Sequence[tuple[str, int, str, str]]) -> tuple[str, list[Any]]:
        """Return a source of lanes, and its inputs."""
        return _GIVEN, [json.dumps(lanes)]

    def moment(self, value: Any) -> datetime | None:
        """Read a time that came as text."""
        text: str | None = value
        return moment_of(text, zone_of(self.place.connection))
