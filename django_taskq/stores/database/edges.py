"""Writing edges: one statement for hundreds of them, since a pipeline may have thousands."""

from collections.abc import Sequence

from django_taskq.models import Dependency
from django_taskq.stores.database.place import Place

# Edges per statement: SQLite takes 32,766 parameters, older ones 999.
CHUNK = 150

_COLUMNS = (
    "downstream_id", "upstream_id", "upstream_public_id", "upstream_task_id", "pending_key",
    "counted_as",
)  # fmt: skip
# Store edges. Inputs: the columns, as often as there are edges.
_INSERT = f"INSERT INTO taskq_dependency ({', '.join(_COLUMNS)}) VALUES "
_VALUES = f"({', '.join(['%s'] * len(_COLUMNS))})"


def write_edges(place: Place, edges: Sequence[Dependency]) -> None:
    """Write new edges, in their order, in the caller's transaction."""
    connection = place.connection
    stored = Dependency._meta.get_field("upstream_public_id").get_db_prep_value
    rows = [
        (
            edge.downstream_id, edge.upstream_id, stored(edge.upstream_public_id, connection),
            edge.upstream_task_id, edge.pending_key, edge.counted_as,
        )
        for edge in edges
    ]  # fmt: skip
    with connection.cursor() as cursor:
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            values = [value for row in chunk for value in row]
            cursor.execute(_INSERT + ", ".join([_VALUES] * len(chunk)), values)
