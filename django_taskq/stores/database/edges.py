"""Writing edges: one statement for hundreds of them, since a pipeline may have thousands."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django_taskq.models import Dependency
from django_taskq.stores.database.place import Place

# Edges per statement: SQLite takes 32,766 parameters, older ones 999.
CHUNK = 150


class NewEdge(NamedTuple):
    """The columns of an edge that counts nothing yet."""

    downstream_id: int
    upstream_id: int | None = None
    upstream_public_id: UUID | None = None
    upstream_task_id: str | None = None
    pending_key: str | None = None


# Store edges. Inputs: the columns, as often as there are edges.
_INSERT = f"INSERT INTO taskq_dependency ({', '.join(NewEdge._fields)}) VALUES "
_VALUES = f"({', '.join(['%s'] * len(NewEdge._fields))})"


def write_edges(place: Place, edges: Sequence[NewEdge]) -> None:
    """Write new edges, in their order, in the caller's transaction."""
    connection = place.connection
    stored = Dependency._meta.get_field("upstream_public_id").get_db_prep_value
    rows = [
        edge._replace(upstream_public_id=stored(edge.upstream_public_id, connection))
        for edge in edges
    ]
    with connection.cursor() as cursor:
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            values = [value for row in chunk for value in row]
            cursor.execute(_INSERT + ", ".join([_VALUES] * len(chunk)), values)
