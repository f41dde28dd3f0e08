"""What makes a commit on PostgreSQL cheap or dear, and whether workers can be woken."""

import secrets
import time
from typing import Any

from django_taskq.stores.database.place import Place
from django_taskq.stores.database.vendors.postgresql.wakeups import Listener
from django_taskq.stores.wakeup import Wakeup

# Seconds in which a notification must come.
LONGEST_CALL = 2.0

_SETTINGS = ("synchronous_commit", "fsync", "default_transaction_isolation")


def postgresql_settings(place: Place) -> dict[str, Any]:
    """Return the session's settings, and whether a notification reaches one that listens."""
    found: dict[str, Any] = {}
    with place.connection.cursor() as cursor:
        for name in _SETTINGS:
            cursor.execute("SELECT current_setting(%s)", [name])
            found[name] = cursor.fetchone()[0]
    return {**found, "LISTEN works": hears_notifications(place)}


def hears_notifications(place: Place, timeout: float = LONGEST_CALL) -> bool:
    """Tell whether LISTEN works here, by trying: behind a transaction pooler nothing says not.

    Takes `timeout` seconds where it does not.
    """
    channel = f"taskq_try_{secrets.token_hex(8)}"
    listener = Listener(place, channel)
    if not listener.open():
        return False
    try:
        with place.connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [channel])
        deadline = time.monotonic() + timeout
        listener.wait(Wakeup(), timeout)
        return listener.is_open and time.monotonic() < deadline
    finally:
        listener.close()
