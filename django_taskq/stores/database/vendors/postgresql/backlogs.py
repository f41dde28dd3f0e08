"""Backlogs on PostgreSQL: lanes go in as arrays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django_taskq.stores.database.vendors.postgresql.arrays import literal
from django_taskq.stores.database.vendors.postgresql.claims import TRIPLES
from django_taskq.stores.database.vendors.stepping import SteppingBacklogs
from django_taskq.stores.database.window import Triple

_GIVEN = """unnest(%s::text[], %s::integer[], %s::text[], %s::text[])
    AS given (queue, band, gate, tenant)"""


class PostgresqlBacklogs(SteppingBacklogs):
    """Counts with a statement each."""

    parked: ClassVar[str] = "is_parked"
    among: ClassVar[str] = "tenant = ANY (%s::text[])"
    in_lanes: ClassVar[str] = "job.state = 'READY' AND NOT job.is_parked"

    def triples(self) -> list[Triple]:
        """Return the queues, bands and gates with ready jobs."""
        # The first row stands before them all.
        statement = f"{TRIPLES} SELECT queue, band, gate FROM triple WHERE band >= 0"
        return [Triple(*row) for row in self.rows(statement, {"backend": self.place.backend})]

    def names(self, tenants: Sequence[str]) -> Any:
        """Return names as an array."""
        return literal(list(tenants), "text")

    def given(self, lanes: Sequence[tuple[str, int, str, str]]) -> tuple[str, list[Any]]:
        """Return a source of lanes, and its inputs."""
        types = ("text", "integer", "text", "text")
        columns = zip(*lanes, strict=True)
        return _GIVEN, [literal(c, type) for c, type in zip(columns, types, strict=True)]

    def moment(self, value: Any) -> datetime | None:
        """Read a time, which comes with its zone."""
        moment: datetime | None = value
        return moment
