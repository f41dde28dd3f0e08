"""The value that counts under each of many keys, by one statement.

A key that thousands of jobs push to has thousands of rows, of which the last one that may be read
is wanted: one step along an index for each key, where a grouping would read them all.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from django_taskq.jobs.states import WAITING
from django_taskq.models import Job, XCom
from django_taskq.stores.database.place import Place

# Inputs: backend, tenant, each namespace and each key, the time where it is not the server's, maybe
# who pushed it. Result: the number of the namespace, the key, its value or NULL.
_PULL = """
SELECT space.place, wanted.name, (
    SELECT xcom.value FROM {xcoms} xcom
    WHERE xcom.backend = %(backend)s AND xcom.tenant = %(tenant)s
        AND xcom.namespace = space.name AND xcom.{key} = wanted.name{by}
        AND (xcom.expires_at IS NULL OR xcom.expires_at > {now})
        AND (xcom.job_seq IS NULL OR EXISTS (
            SELECT 1 FROM {jobs} job
            WHERE job.seq = xcom.job_seq AND job.attempt = xcom.attempt
                AND job.state NOT IN ({waiting})
        ))
    ORDER BY xcom.id DESC LIMIT 1
) AS value
FROM ({spaces}) space CROSS JOIN ({wanted}) wanted
"""
_BY = " AND xcom.pushed_by = %(by)s"


class Newest:
    """Reads the values of a place, at most `most` keys at a time."""

    # SQLite takes no more than 500 selects in one.
    most: ClassVar[int] = 400

    def __init__(self, place: Place) -> None:
        self.place = place

    def under(
        self, tenant: str, namespaces: Sequence[str], keys: Sequence[str], by: str | None
    ) -> dict[str, str]:
        """Return values by key, each from the first namespace that has one."""
        connection = self.place.connection
        values: dict[str, Any] = {"backend": self.place.backend, "tenant": tenant, "by": by}
        now = self._now(values)
        statement = _PULL.format(
            xcoms=_quoted(connection, XCom._meta.db_table),
            jobs=_quoted(connection, Job._meta.db_table),
            key=_quoted(connection, "key"),
            by=_BY if by is not None else "",
            now=now,
            waiting=", ".join(f"'{state}'" for state in sorted(WAITING)),
            spaces=self.listed("space", namespaces, values),
            wanted=self.listed("key", keys, values),
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows = cursor.fetchall()
        found = [row for row in rows if row[-1] is not None]
        # The first namespace comes last, over the others.
        return {key: value for _, key, value in sorted(found, key=_place, reverse=True)}

    def listed(self, name: str, texts: Sequence[str], values: dict[str, Any]) -> str:
        """Return a query for these texts, numbered, and add them to the parameters.

        There is no shorter way that all databases understand.
        """
        for number, text in enumerate(texts):
            values[f"{name}{number}"] = text
        return " UNION ALL ".join(
            f"SELECT {number} AS place, %({name}{number})s AS name" for number in range(len(texts))
        )

    def _now(self, values: dict[str, Any]) -> str:
        """Return the present in SQL, and add what it refers to."""
        connection = self.place.connection
        # Only this way says it on every database; neither kind asks for a compiler.
        now: Any = self.place.clock.expression(connection)
        sql, parameters = now.as_sql(None, connection)
        if not parameters:
            return str(sql)
        values["now"] = parameters[0]
        return "%(now)s"


def _quoted(connection: Any, name: str) -> str:
    return str(connection.ops.quote_name(name))


def _place(row: Sequence[Any]) -> int:
    return int(row[0])
