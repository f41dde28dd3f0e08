"""Rows as they are handed over, on PostgreSQL: one plain statement for some of them."""

from collections.abc import Sequence

from django_taskq.jobs.handed import HandedJob
from django_taskq.stores.database.handing import COLUMNS, Handing
from django_taskq.stores.database.vendors.postgresql.arrays import literal

# Read jobs, in the order of their numbers. Inputs: the backend, and numbers or public ids.
_READ = f"""
SELECT {", ".join(COLUMNS)} FROM taskq_job
WHERE backend = %s AND {{column}} = ANY(%s::{{type}}[])
ORDER BY seq {{lock}}
"""


class PostgresqlHanding(Handing):
    """As generic; the ORM takes longer to write such a statement than it takes to run."""

    def by_seqs(self, seqs: Sequence[int], *, is_locked: bool) -> list[HandedJob]:
        """Return the jobs with these numbers, in their order."""
        return self._read("seq", "bigint", literal(seqs, "bigint"), is_locked=is_locked)

    def by_ids(self, ids: Sequence[str], *, is_locked: bool) -> list[HandedJob]:
        """Return the jobs with these public ids, in the order of their numbers."""
        return self._read("public_id", "uuid", literal(ids, "uuid"), is_locked=is_locked)

    def _read(self, column: str, type: str, wanted: str, *, is_locked: bool) -> list[HandedJob]:
        lock = "FOR UPDATE" if is_locked else ""
        statement = _READ.format(column=column, type=type, lock=lock)
        with self.place.connection.cursor() as cursor:
            cursor.execute(statement, (self.place.backend, wanted))
            return self.handed_of(cursor.fetchall())
