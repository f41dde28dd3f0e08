"""Transactions that see what others have committed, whatever the project's isolation is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections, transaction

_READ_COMMITTED = "read committed"

# What each connection begins its transactions with, asked once.
_defaults = WeakKeyDictionary[Any, str]()


@contextmanager
def committed(database: str) -> Iterator[None]:
    """Begin a transaction in which each statement sees what is committed by then.

    Who counts after it has locked must not count by an older snapshot. Inside a caller's
    transaction its isolation stays as it is.
    """
    connection = connections[database]
    is_own = not connection.in_atomic_block
    if is_own:
        connection.ensure_connection()
    with transaction.atomic(using=database):
        if is_own and _default_of(connection) != _READ_COMMITTED:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        yield


def _default_of(connection: Any) -> str:
    driver = connection.connection
    if driver not in _defaults:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            _defaults[driver] = cursor.fetchone()[0]
    return _defaults[driver]
