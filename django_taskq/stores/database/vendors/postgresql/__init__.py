"""PostgreSQL: arrays in, RETURNING out, SKIP LOCKED, LISTEN and NOTIFY."""

from django_taskq.stores.database.clock import ServerClock
from django_taskq.stores.database.vendors.generic import GENERIC
from django_taskq.stores.database.vendors.postgresql.arrays import any_of
from django_taskq.stores.database.vendors.postgresql.attaching import PostgresqlAttaching
from django_taskq.stores.database.vendors.postgresql.backlogs import PostgresqlBacklogs
from django_taskq.stores.database.vendors.postgresql.claims import PostgresqlClaims
from django_taskq.stores.database.vendors.postgresql.finishes import PostgresqlFinishes
from django_taskq.stores.database.vendors.postgresql.handing import PostgresqlHanding
from django_taskq.stores.database.vendors.postgresql.hindrances import old_transactions
from django_taskq.stores.database.vendors.postgresql.inserts import PostgresqlInserts
from django_taskq.stores.database.vendors.postgresql.keeping import PostgresqlKeeping
from django_taskq.stores.database.vendors.postgresql.leases import PostgresqlLeases
from django_taskq.stores.database.vendors.postgresql.marks import PostgresqlMarks
from django_taskq.stores.database.vendors.postgresql.newest import PostgresqlNewest
from django_taskq.stores.database.vendors.postgresql.ripples import PostgresqlRipples
from django_taskq.stores.database.vendors.postgresql.settings import postgresql_settings
from django_taskq.stores.database.vendors.postgresql.transactions import committed
from django_taskq.stores.database.vendors.postgresql.wakeups import PostgresqlWakeups


def server_clock() -> ServerClock:
    """Return the server's clock. Not by now(), which stands still while a transaction is open."""
    return ServerClock("clock_timestamp()", "statement_timestamp()")


POSTGRESQL = GENERIC._replace(
    clock=server_clock,
    begin=committed,
    among=any_of,
    ripples=PostgresqlRipples,
    attaching=PostgresqlAttaching,
    inserts=PostgresqlInserts,
    backlogs=PostgresqlBacklogs,
    handing=PostgresqlHanding,
    claims=PostgresqlClaims,
    finishes=PostgresqlFinishes,
    keeping=PostgresqlKeeping,
    leases=PostgresqlLeases,
    marks=PostgresqlMarks,
    newest=PostgresqlNewest,
    wakeups=PostgresqlWakeups,
    settings=postgresql_settings,
    hindrances=old_transactions,
)
