"""Where the jobs of one backend alias stand."""

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event
from typing import Any

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from django_taskq.jobs.clock import given_clock
from django_taskq.models import Job, Worker
from django_taskq.options import Options
from django_taskq.stores.database.clock import Clock, GivenClock

MOST_TRIES = 20
# Seconds that the loser of a race stands back at the most, times how often it has lost.
STAND_BACK = 0.002

# What a statement is told that lost against another one and may simply be sent again:
# PostgreSQL's serialization failure and deadlock, MySQL's deadlock.
_LOST_RACES = frozenset({"40001", "40P01", 1213})

_GIVEN = GivenClock()

type Begin = Callable[[str], AbstractContextManager[None]]
# Tells by numbers, and the column that they stand in, which rows are meant.
type Among = Callable[[str, Sequence[int]], RawSQL]


@dataclass(frozen=True, slots=True)
class Place:
    """The rows of one backend alias in one database; every part of a store works on it."""

    database: str
    backend: str
    options: Options
    own_clock: Clock
    begin: Begin
    among: Among

    @property
    def clock(self) -> Clock:
        """The clock that counts now; ask once for each statement."""
        return self.own_clock if given_clock() is None else _GIVEN

    @property
    def connection(self) -> BaseDatabaseWrapper:
        """The calling thread's connection."""
        return connections[self.database]

    def jobs(self) -> QuerySet[Job]:
        """Return the jobs of this backend."""
        return Job._default_manager.using(self.database).filter(backend=self.backend)

    def workers(self) -> QuerySet[Worker]:
        """Return the workers of this backend."""
        return Worker._default_manager.using(self.database).filter(backend=self.backend)

    def transaction(self) -> AbstractContextManager[None]:
        """Open a transaction, or a savepoint in the caller's."""
        return self.begin(self.database)

    def settle[**P, T](self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb, again where it lost a race that the database ended by an error.

        The verb must be one transaction or one statement of its own; inside somebody's
        transaction only its owner can start over.
        """
        for lost in range(1, MOST_TRIES):
            try:
                return verb(*args, **kwargs)
            except OperationalError as error:
                if self.connection.in_atomic_block or not is_lost_race(error):
                    raise
                # Two that begin again at the same moment meet again.
                Event().wait(random.uniform(0.0, lost * STAND_BACK))
        return verb(*args, **kwargs)


def any_of(*searches: QuerySet[Any, Any]) -> bool:
    """Tell by one statement whether any of these finds a row; each is sorted as its index is.

    For the first row in no order a planner that expects many would read the whole table, most
    times in vain.
    """
    first, *others = (
        search.model._default_manager.using(search.db).filter(pk=Subquery(search.values("pk")[:1]))
        for search in searches
    )
    return bool(first.union(*others, all=True).exists())


def is_lost_race(error: OperationalError) -> bool:
    """Tell whether the database chose this transaction as the one to give way."""
    cause = error.__cause__
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if code is None and error.args:
        code = error.args[0]
    return code in _LOST_RACES


def plainly(database: str) -> AbstractContextManager[None]:
    """Begin a transaction the way Django does."""
    return transaction.atomic(using=database)


def named(column: str, numbers: Sequence[int]) -> RawSQL:
    """Return the condition that a column has one of these numbers.

    They stand in the statement itself: a thousand parameters take longer than the statement.
    """
    told = ", ".join(map(str, map(int, numbers))) or "NULL"
    return RawSQL(f"{column} IN ({told})", (), output_field=BooleanField())
