"""Looking for those who wait, on PostgreSQL: an array is read in no time, a long list is not."""

from collections.abc import Sequence

from django_taskq.stores.database.ripples import Ripples

# Tell whether anything waits for one of these jobs. Input: seqs.
_HAS_EDGES = "SELECT 1 FROM taskq_dependency WHERE upstream_id = ANY(%s::bigint[]) LIMIT 1"


class PostgresqlRipples(Ripples):
    """As generic, but for the look after each finish."""

    def has_edges(self, seqs: Sequence[int]) -> bool:
        """Tell whether anything waits, or has waited, for one of these jobs."""
        with self.place.connection.cursor() as cursor:
            cursor.execute(_HAS_EDGES, [f"{{{','.join(map(str, seqs))}}}"])
            return cursor.fetchone() is not None
