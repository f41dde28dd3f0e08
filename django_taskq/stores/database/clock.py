"""Whose clock the times of jobs come from."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, overload

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, QuerySet, Value
from django.db.models.expressions import Combinable, RawSQL
from django.utils import timezone

from django_taskq.jobs.clock import host_time


class Clock:
    """The clock of a store: read as a value, or named inside a statement.

    `sql` stands for the present moment in a raw statement, `steady_sql` for one that is the same
    throughout the statement, though it may be earlier than what the statement sees; where they
    are placeholders the statement needs `parameters()` too.
    """

    sql = "%(now)s"
    steady_sql = "%(now)s"

    def read(self, connection: BaseDatabaseWrapper) -> datetime:
        """Return the present moment, aware."""
        raise NotImplementedError

    def parameters(self) -> dict[str, Any]:
        """Return the values that `sql` refers to."""
        return {}

    def expression(self, connection: BaseDatabaseWrapper) -> Combinable:
        """Return the present moment to compare a column with in a queryset."""
        return Value(storable(self.read(connection)), output_field=DateTimeField())

    def read_beside(
        self, rows: QuerySet[Any], column: str, connection: BaseDatabaseWrapper
    ) -> tuple[datetime, datetime] | None:
        """Return a moment of the first row and the present one; None where there is no row."""
        moment = rows.values_list(column, flat=True).first()
        return None if moment is None else (aware(moment), self.read(connection))

    def read_with(
        self, rows: QuerySet[Any], columns: Sequence[str], connection: BaseDatabaseWrapper
    ) -> tuple[list[tuple[Any, ...]], datetime]:
        """Return columns of all these rows, and the present moment."""
        found = list(rows.values_list(*columns))
        return found, self.read(connection)


class HostClock(Clock):
    """The clock of the host that this process runs on."""

    def read(self, connection: BaseDatabaseWrapper) -> datetime:
        """Return the present moment, aware."""
        return datetime.now(UTC)

    def parameters(self) -> dict[str, Any]:
        """Return the present moment as the parameter `now`."""
        return {"now": datetime.now(UTC)}


class ServerClock(Clock):
    """The clock of the database server, the same for everybody who uses it."""

    def __init__(self, sql: str, steady_sql: str) -> None:
        self.sql = sql
        self.steady_sql = steady_sql

    def read(self, connection: BaseDatabaseWrapper) -> datetime:
        """Ask the server for the time: one round trip."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {self.sql}")
            moment: datetime = cursor.fetchone()[0]
        return aware(moment)

    def expression(self, connection: BaseDatabaseWrapper) -> Combinable:
        """Return the present moment to compare a column with in a queryset."""
        return RawSQL(self.sql, (), output_field=DateTimeField())

    def read_beside(
        self, rows: QuerySet[Any], column: str, connection: BaseDatabaseWrapper
    ) -> tuple[datetime, datetime] | None:
        """Return a moment of the first row and the present one, by one round trip."""
        moments = rows.values_list(column, self.expression(connection)).first()
        return None if moments is None else (aware(moments[0]), aware(moments[1]))

    def read_with(
        self, rows: QuerySet[Any], columns: Sequence[str], connection: BaseDatabaseWrapper
    ) -> tuple[list[tuple[Any, ...]], datetime]:
        """Return columns of all these rows, and the present moment, by one round trip if any."""
        found = list(rows.values_list(*columns, self.expression(connection)))
        if not found:
            return [], self.read(connection)
        return [row[:-1] for row in found], aware(found[0][-1])


class GivenClock(Clock):
    """The clock that all stores of this process were given in the place of their own."""

    def read(self, connection: BaseDatabaseWrapper) -> datetime:
        """Return the present moment, aware."""
        return host_time()

    def parameters(self) -> dict[str, Any]:
        """Return the present moment as the parameter `now`."""
        return {"now": host_time()}


class FrozenClock(Clock):
    """A clock that stands still until it is moved, for tests."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def read(self, connection: BaseDatabaseWrapper) -> datetime:
        """Return the moment at which the clock stands."""
        return self.at

    def parameters(self) -> dict[str, Any]:
        """Return the moment at which the clock stands as the parameter `now`."""
        return {"now": self.at}

    def move(self, seconds: float) -> None:
        """Put the clock forward."""
        self.at += timedelta(seconds=seconds)


@overload
def storable(moment: datetime) -> datetime: ...
@overload
def storable(moment: None) -> None: ...
def storable(moment: datetime | None) -> datetime | None:
    """Return a moment as Django's fields take it: naive local time where USE_TZ is off."""
    if moment is None or settings.USE_TZ:
        return moment
    return timezone.make_naive(moment, timezone.get_default_timezone())


@overload
def aware(moment: datetime) -> datetime: ...
@overload
def aware(moment: None) -> None: ...
@overload
def aware(moment: datetime | None) -> datetime | None: ...
def aware(moment: datetime | None) -> datetime | None:
    """Return a moment as Django reads it as an aware one."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return timezone.make_aware(moment, timezone.get_default_timezone())
