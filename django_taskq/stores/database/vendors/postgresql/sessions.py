"""Statements that the server plans once a connection, where a connection has a session of its own.

Behind a transaction pooler it has not: many connections share the sessions of the server, each
with statements of its own under the same names, and one could run another's. Notifications never
come there, so one that has come tells that a session is its connection's own.
"""

from typing import Any

from django_taskq.stores.database.place import Place

# The databases from which a notification has come.
_own = set[str]()


def note_own_session(database: str) -> None:
    """Take note that a notification has come from a database."""
    _own.add(database)


def ask(place: Place, statement: str, values: Any, *, is_often: bool = False) -> list[Any]:
    """Return what a statement selects. One that `is_often` is planned once, where that is safe.

    Only for a statement whose best plan does not depend on its values.
    """
    connection: Any = place.connection
    if not is_often or not _may_prepare(connection, place.database):
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows: list[Any] = cursor.fetchall()
        return rows
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    driver = connection.connection
    with connection.wrap_database_errors, connection.Database.Cursor(driver) as cursor:
        # Django has connections prepare nothing, unless a project says otherwise.
        chosen, driver.prepare_threshold = driver.prepare_threshold, 0
        try:
            rows = cursor.execute(statement, values, prepare=True).fetchall()
        finally:
            driver.prepare_threshold = chosen
    return rows


def _may_prepare(connection: Any, database: str) -> bool:
    # Who listens to statements is told of each, and psycopg 2 prepares none.
    is_watched = connection.execute_wrappers or connection.queries_logged
    return database in _own and not is_watched and hasattr(connection.Database, "Cursor")
