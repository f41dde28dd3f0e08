"""Whether an SQLite file has changed, without reading it."""

from django_taskq.stores.database.place import Place

# Changes whenever another connection has committed. Result: a number that means something to
# this connection alone.
_DATA_VERSION = "PRAGMA data_version"


def data_version(place: Place) -> int:
    """Return a number that changes when another connection has committed.

    Past Django's cursors, which take as long as the look itself and, where queries are logged,
    would log a hundred of them a second.
    """
    connection = place.connection
    connection.ensure_connection()
    with connection.wrap_database_errors:
        version: int = connection.connection.execute(_DATA_VERSION).fetchone()[0]
    return version
