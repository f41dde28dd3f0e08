"""Looking for those who wait, on PostgreSQL: an array is read in no time, a long list is not."""

from collections.abc import Sequence
from typing import Any

from django_taskq.stores.database.edges import NewEdge
from django_taskq.stores.database.ripples import STANDS, Ripples
from django_taskq.stores.database.vendors.postgresql.arrays import given_rows
from django_taskq.stores.database.vendors.postgresql.sessions import ask

# Tell whether anything waits for one of these jobs. Input: seqs.
_HAS_EDGES = "SELECT 1 FROM taskq_dependency WHERE upstream_id = ANY(%s::bigint[]) LIMIT 1"

# Tell whether one of these jobs counts otherwise than it stands. Input: seqs. How it stands is
# looked up by its key, whatever the planner thinks of the tables.
_HAS_STALE = f"""
SELECT 1 FROM taskq_dependency
WHERE upstream_id = ANY(%s::bigint[]) AND COALESCE(counted_as, '') <> (
    SELECT {STANDS} FROM taskq_job AS job WHERE job.seq = upstream_id
)
LIMIT 1
"""

_TYPES = {
    "downstream_id": "bigint", "upstream_id": "bigint", "upstream_public_id": "uuid",
    "upstream_task_id": "text", "pending_key": "text",
}  # fmt: skip
# Store edges. Inputs: the columns, as arrays where they differ.
_INSERT = f"INSERT INTO taskq_dependency ({', '.join(_TYPES)}) SELECT * FROM {{given}}"
CHUNK = 10_000


class PostgresqlRipples(Ripples):
    """As generic, but for the look after each finish, and for new edges."""

    def add(self, edges: Sequence[NewEdge]) -> None:
        """Store new edges, in their order, in a transaction."""
        with self.place.connection.cursor() as cursor:
            for start in range(0, len(edges), CHUNK):
                chunk = edges[start : start + CHUNK]
                columns = dict(zip(_TYPES, zip(*chunk, strict=True), strict=True))
                values: dict[str, Any] = {}
                given = given_rows(_TYPES, columns, values)
                cursor.execute(_INSERT.format(given=given), values)

    def has_edges(self, seqs: Sequence[int]) -> bool:
        """Tell whether anything waits, or has waited, for one of these jobs."""
        return bool(ask(self.place, _HAS_EDGES, [f"{{{','.join(map(str, seqs))}}}"]))

    def has_stale(self, sources: Sequence[int]) -> bool:
        """Tell whether one of these jobs counts otherwise than it stands."""
        seqs = [f"{{{','.join(map(str, sources))}}}"]
        return bool(ask(self.place, _HAS_STALE, seqs, is_often=len(sources) == 1))
