"""What of an SQLite database slows its queue down."""

from collections.abc import Iterator
from typing import Any

from django_taskq.jobs.hindrance import Hindrance, LateLock
from django_taskq.stores.database.place import Place


def deferred_transactions(place: Place) -> Iterator[Hindrance]:
    """Tell where the project's transactions begin without the write lock; asks nobody."""
    connection: Any = place.connection
    if (connection.transaction_mode or "").upper() not in {"IMMEDIATE", "EXCLUSIVE"}:
        yield LateLock(place.database)
