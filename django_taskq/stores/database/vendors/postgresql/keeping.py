"""Jobs that ended in another store on PostgreSQL: one statement a batch, columns as arrays."""

from collections.abc import Sequence
from typing import Any

from django_taskq.stores.database.keeping import Keeping
from django_taskq.stores.database.vendors.postgresql.arrays import given_rows

# The columns that are no text.
_TYPES = {
    "public_id": "uuid", "run_id": "uuid", "rank": "bigint", "schedule_id": "bigint",
    "priority": "smallint", "band": "smallint", "lost": "smallint", "max_tries": "integer",
    "map_index": "integer", "attempt": "integer", "tries": "integer",
}  # fmt: skip


class PostgresqlKeeping(Keeping):
    """Writes the rows of a batch by one statement."""

    def write(self, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Write values into columns of these names."""
        types = {name: _type_of(name) for name in names}
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        values: dict[str, Any] = {}
        given = given_rows(types, columns, values)
        listed = ", ".join(names)
        with self.place.connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO taskq_job ({listed}) SELECT {listed} FROM {given}", values)


def _type_of(name: str) -> str:
    is_moment = name.endswith("_at") or name in ("run_after", "scheduled_for")
    return _TYPES.get(name, "timestamptz" if is_moment else "text")
