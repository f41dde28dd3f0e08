"""What makes a commit on SQLite cheap or dear."""

from typing import Any

from django_taskq.stores.database.place import Place

_SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


def sqlite_settings(place: Place) -> dict[str, Any]:
    """Return how this process's connections use the file."""
    connection: Any = place.connection
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        journal_mode = cursor.fetchone()[0]
        cursor.execute("PRAGMA synchronous")
        synchronous = cursor.fetchone()[0]
    return {
        "journal_mode": journal_mode,
        "synchronous": _SYNCHRONOUS.get(synchronous, synchronous),
        "transaction_mode": connection.transaction_mode or "DEFERRED",
    }
