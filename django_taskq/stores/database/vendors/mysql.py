"""MySQL and MariaDB: as generic, by the server's clock."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField
from django.db.models.expressions import Combinable, RawSQL

from django_taskq.models import Job
from django_taskq.stores.database.clock import Clock
from django_taskq.stores.database.inserts import CHUNK, Inserts
from django_taskq.stores.database.place import Place
from django_taskq.stores.database.vendors.generic import GENERIC


class MysqlClock(Clock):
    """The server's clock in UTC, whatever the zones of the server and of the session are."""

    def read(self, connection: BaseDatabaseWrapper) -> datetime:
        """Ask the server for the time: one round trip."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT UTC_TIMESTAMP(6)")
            moment: datetime = cursor.fetchone()[0]
        return moment.replace(tzinfo=UTC)

    def expression(self, connection: BaseDatabaseWrapper) -> Combinable:
        """Return the present moment to compare a column with in a queryset."""
        if connection.timezone_name != "UTC":
            # Columns hold the local time of another zone there.
            return super().expression(connection)
        return RawSQL("UTC_TIMESTAMP(6)", (), output_field=DateTimeField())


# How durable a commit is. Result: one row.
_SETTINGS = "SELECT @@innodb_flush_log_at_trx_commit, @@sync_binlog"


def mysql_settings(place: Place) -> dict[str, Any]:
    """Return what makes a commit cheap or dear."""
    with place.connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        flush, sync = cursor.fetchone()
    return {
        "innodb_flush_log_at_trx_commit": flush,
        "sync_binlog": sync,
    }


class MysqlInserts(Inserts):
    """As generic, but for the words that leave out what is taken."""

    def write_free(self, rows: Sequence[Job]) -> None:
        """Write those rows whose keys are free.

        INSERT IGNORE would cut off or change values that do not fit, too. What is written here to
        a row that is there is the key that it has.
        """
        jobs = Job._default_manager.using(self.place.database)
        jobs.bulk_create(
            rows, batch_size=CHUNK, update_conflicts=True, update_fields=["unique_key"]
        )


MYSQL = GENERIC._replace(clock=MysqlClock, inserts=MysqlInserts, settings=mysql_settings)
