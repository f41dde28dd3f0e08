"""What of a PostgreSQL database slows its queue down."""

from collections.abc import Iterator

from django_taskq.jobs.hindrance import Hindrance, OldTransaction
from django_taskq.stores.database.place import Place

# Seconds for which a transaction may be open.
LONGEST = 300.0
# The oldest that are told.
MOST = 3

# Vacuum keeps every row that was still alive for the oldest snapshot, or the oldest transaction
# that has written. Of other users' sessions a role without pg_read_all_stats sees no times.
_OLD = """
SELECT pid, COALESCE(application_name, ''), COALESCE(state, ''),
    EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::float
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> pg_backend_pid() AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
    AND xact_start < clock_timestamp() - %s * interval '1 second'
ORDER BY xact_start LIMIT %s"""


def old_transactions(place: Place, longest: float = LONGEST) -> Iterator[Hindrance]:
    """Return the oldest transactions that are open for longer than so many seconds."""
    with place.connection.cursor() as cursor:
        cursor.execute(_OLD, [longest, MOST])
        rows = cursor.fetchall()
    for pid, application, state, age in rows:
        yield OldTransaction(place.database, pid, application, state, age)
