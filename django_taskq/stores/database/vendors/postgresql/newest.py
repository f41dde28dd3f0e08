"""XCom values on PostgreSQL: keys are handed over as one array."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django_taskq.stores.database.newest import Newest
from django_taskq.stores.database.vendors.postgresql.arrays import literal


class PostgresqlNewest(Newest):
    """As generic, but for the keys: a SELECT for each took most of the time to plan."""

    most: ClassVar[int] = 10_000

    def listed(self, name: str, texts: Sequence[str], values: dict[str, Any]) -> str:
        """Return a query for these texts, numbered, and add them to the parameters."""
        values[name] = literal(texts, "text")
        return (
            f"SELECT ordinality - 1 AS place, name FROM unnest(%({name})s::text[])"
            " WITH ORDINALITY AS listed (name, ordinality)"
        )
