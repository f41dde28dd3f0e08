"""Attaching on PostgreSQL: an array of ids is written and read in no time, a long list is not."""

import uuid
from collections.abc import Sequence
from typing import Any

from django_taskq.stores.database.attaching import COLUMNS, Attaching
from django_taskq.stores.database.vendors.postgresql.arrays import literal
from django_taskq.stores.database.vendors.postgresql.sessions import ask

# The jobs with some ids. Inputs: backend, ids.
_JOBS = f"""
SELECT {", ".join(COLUMNS)} FROM taskq_job
WHERE public_id = ANY(%s::uuid[]) AND backend = %s
"""


class PostgresqlAttaching(Attaching):
    """As generic, but for the read of the jobs, of which a pipeline may have thousands."""

    def rows_of(self, ids: Sequence[uuid.UUID]) -> list[Any]:
        """Return the jobs with these ids, with the columns of `Found`."""
        return ask(self.place, _JOBS, [literal(ids, "uuid"), self.place.backend])
