"""SQLite: one file on one host, one writer at a time, a read costs next to nothing."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

from django.db import connections, transaction

from django_taskq.stores.database.ripples import Ripples
from django_taskq.stores.database.vendors.generic import GENERIC
from django_taskq.stores.database.vendors.sqlite.backlogs import SqliteBacklogs
from django_taskq.stores.database.vendors.sqlite.claims import SqliteClaims
from django_taskq.stores.database.vendors.sqlite.finishes import SqliteFinishes
from django_taskq.stores.database.vendors.sqlite.hindrances import deferred_transactions
from django_taskq.stores.database.vendors.sqlite.inserts import SqliteInserts
from django_taskq.stores.database.vendors.sqlite.settings import sqlite_settings
from django_taskq.stores.database.vendors.sqlite.wakeups import SqliteWakeups


@contextmanager
def immediately(database: str) -> Iterator[None]:
    """Begin a transaction that holds the write lock from its start.

    One that reads first and then writes fails at once, without waiting, where somebody else has
    written in between. A project may have left its transactions that way; ours must not be.
    """
    connection: Any = connections[database]
    if connection.in_atomic_block:
        with transaction.atomic(using=database):
            yield
        return
    # Opening the connection sets the mode that the project chose.
    connection.ensure_connection()
    with ExitStack() as stack:
        chosen, connection.transaction_mode = connection.transaction_mode, "IMMEDIATE"
        try:
            stack.enter_context(transaction.atomic(using=database))
        finally:
            connection.transaction_mode = chosen
        yield


class SqliteRipples(Ripples):
    """As generic, without the second looks: there is one writer at a time."""

    is_serial: ClassVar[bool] = True


SQLITE = GENERIC._replace(
    begin=immediately,
    ripples=SqliteRipples,
    inserts=SqliteInserts,
    backlogs=SqliteBacklogs,
    claims=SqliteClaims,
    finishes=SqliteFinishes,
    wakeups=SqliteWakeups,
    settings=sqlite_settings,
    hindrances=deferred_transactions,
)
