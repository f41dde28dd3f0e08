"""Where a store of the contract stands: how it is opened, and its back doors."""

import atexit
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

import pytest
from django.conf import settings
from redis import Redis

from django_taskq.jobs.rules import Rules
from django_taskq.jobs.states import ENDED, State
from django_taskq.options import Options
from django_taskq.stores.base import Store
from django_taskq.stores.database import DatabaseStore, PairedRows
from django_taskq.stores.database.clock import FrozenClock
from django_taskq.stores.database.vendors import GENERIC, Vendor
from django_taskq.stores.durable import DurableStore
from django_taskq.stores.durable.sweep import STROLL
from django_taskq.stores.memory import MemoryStore
from django_taskq.stores.redis import PairedRedis, RedisStore
from django_taskq.stores.redis.job import RedisJob
from django_taskq.stores.redis.moves import Moves
from django_taskq.stores.rules import RuleRows
from tests import servers


class RowsInMemory:
    """Stands for the rows of tenants and queues where no database is."""

    def __init__(self) -> None:
        self.rules = Rules()

    def read(self) -> Rules:
        """Return what the rows say."""
        return self.rules


class MemoryPlace:
    """A store in this process, with leases."""

    name = "memory"
    sets_apart = False
    # Whether it hands out to the job what the model of fair claims does.
    is_exact = True
    databases: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._rows = WeakKeyDictionary[Store, RowsInMemory]()

    def open(self, clock: FrozenClock | None = None, **options: Any) -> Store:
        """Return a new store under an alias of its own."""
        read = Options(**options)
        rows = RowsInMemory()
        told = {} if clock is None else {"clock": lambda: clock.at}
        store = MemoryStore(new_alias(), read, lease=read.lease, rules=rows.read, **told)
        self._rows[store] = rows
        return store

    def rule(self, store: Store, rules: Rules) -> None:
        """Have operators say this of tenants and queues, and the store know it."""
        self._rows[store].rules = rules
        store.refresh()

    def force(self, store: Any, id: str, state: State) -> None:
        """Put a job that no worker holds into a state that no verb leads to yet."""
        board = store._board
        job = board.jobs[id]
        board.take_out(job)
        if state in ENDED:
            board.end(job, state, datetime.now(UTC))
        else:
            job.state = state


class DatabasePlace:
    """A store in a database of the tests, by its own vendor or by the plain one."""

    sets_apart = True
    is_exact = False

    def __init__(self, database: str, vendor: Vendor | None = None) -> None:
        self.database = database
        self.vendor = vendor
        self.databases = frozenset({database})
        engine = settings.DATABASES[database]["ENGINE"].rpartition(".")[2]
        self.name = {"sqlite3": "sqlite"}.get(engine, engine) + ("-generic" if vendor else "")

    def open(self, clock: FrozenClock | None = None, **options: Any) -> Store:
        """Return a new store under an alias of its own."""
        read = Options(database=self.database, **options)
        return DatabaseStore(new_alias(), read, self.vendor, clock)

    def rule(self, store: Store, rules: Rules) -> None:
        """Have operators say this of tenants and queues, and the store know it."""
        write_rules(self.database, rules)
        store.refresh()

    def force(self, store: Store, id: str, state: State) -> None:
        """Put a job that no worker holds into a state that no verb leads to yet."""
        from django_taskq.models import Job

        row = Job.objects.using(self.database).filter(backend=store.alias, public_id=id)
        row.update(
            state=state,
            eligible_at=None,
            finished_at=datetime.now(UTC) if state in ENDED else None,
        )


class RedisPlace:
    """A store in the Redis of the tests, with an archive in a database."""

    name = "redis"
    sets_apart = True
    is_exact = True

    def __init__(self, database: str) -> None:
        self.database = database
        self.databases = frozenset({database})

    def open(self, clock: FrozenClock | None = None, **options: Any) -> Store:
        """Return a new store under an alias of its own."""
        alias, read = new_alias(), Options(database=self.database, durable=False, **options)
        return RedisStore(
            alias,
            read,
            client=redis_client,
            archive=DatabaseStore(alias, read, clock=clock),
            rules=RuleRows(self.database).refresh,
            clock=None if clock is None else lambda: clock.at,
        )

    def rule(self, store: Store, rules: Rules) -> None:
        """Have operators say this of tenants and queues, and the store know it."""
        write_rules(self.database, rules)
        store.refresh()

    def force(self, store: Any, id: str, state: State) -> None:
        """Put a job that no worker holds into a state that no verb leads to yet."""
        moves = Moves(store.scripts)

        def decide(job: RedisJob, now: datetime) -> bool:
            job.put(state=state, eligible=None, finished=now if state in ENDED else None)
            return True

        (job,) = moves.load_by_id([id]).values()
        moves.change([job.seq], decide)


class DurablePlace(DatabasePlace):
    """A store whose jobs are rows of a database and are handed out by the Redis of the tests."""

    is_exact = True

    def __init__(self, database: str) -> None:
        super().__init__(database)
        self.name = f"durable-{self.name}"

    def open(self, clock: FrozenClock | None = None, **options: Any) -> Store:
        """Return a new store under an alias of its own, or under one that is given."""
        alias = options.pop("alias", None) or new_alias()
        is_begun = options.pop("is_begun", True)
        read = Options(database=self.database, **options)
        rows = PairedRows(alias, read, clock=clock)
        line = PairedRedis(
            alias,
            read,
            client=redis_client,
            quick_client=redis_client,
            archive=rows,
            rules=RuleRows(self.database).refresh,
            clock=None if clock is None else lambda: clock.at,
        )
        store = DurableStore(alias, read, rows=rows, line=line)
        if is_begun:
            # As the first worker does, until all is known to be handed over.
            store.epoch.restore()
            while store.sweep() <= STROLL:
                pass
        return store

    def force(self, store: Any, id: str, state: State) -> None:
        """Put a job that no worker holds into a state that no verb leads to yet."""
        super().force(store, id, state)
        store.handover.sync([id])


@cache
def redis_client() -> Any:
    """Return a client of the Redis of this run."""
    client = Redis.from_url(servers.url_of("valkey"))
    atexit.register(client.close)
    return client


type Place = MemoryPlace | DatabasePlace | RedisPlace | DurablePlace


def write_rules(database: str, rules: Rules) -> None:
    """Put rows of tenants and queues in place of those there are."""
    from django_taskq.models import Queue, Tenant

    Tenant.objects.using(database).all().delete()
    Queue.objects.using(database).all().delete()
    for name, (weight, max_running, rate, paused) in rules.tenants.items():
        Tenant.objects.using(database).create(
            name=name,
            weight=weight,
            max_running=max_running,
            max_rate=None if rate is None else str(rate),
            paused=paused,
        )
    for name, (max_running, paused) in rules.queues.items():
        Queue.objects.using(database).create(name=name, max_running=max_running, paused=paused)


def new_alias() -> str:
    """Return an alias that no other test uses."""
    return f"contract-{uuid4().hex[:12]}"


def every_place() -> list[Any]:
    """Return all places of this run as parameters, each marked with its databases."""
    return [*places_with_edges(), *redis_places()]


def places_with_edges() -> list[Any]:
    """Return the places in which jobs may wait for others as parameters."""
    return [parameter(MemoryPlace()), *durable_places()]


def redis_places() -> list[Any]:
    """Return the places in Redis as parameters."""
    return [parameter(RedisPlace("default"))]


def places_with_both() -> list[Any]:
    """Return the places whose jobs are rows that Redis hands out as parameters."""
    return [parameter(DurablePlace("postgresql")), parameter(DurablePlace("default"))]


def durable_places() -> list[Any]:
    """Return the places in databases as parameters."""
    places = [
        DatabasePlace("default"),
        DatabasePlace("postgresql"),
        DatabasePlace("default", GENERIC),
        DatabasePlace("postgresql", GENERIC),
    ]
    if "mysql" in settings.DATABASES:
        places.append(DatabasePlace("mysql"))
    return [parameter(place) for place in places]


def parameter(place: Place) -> Any:
    """Return a place as a parameter of a test."""
    marks = []
    if place.databases:
        marks.append(pytest.mark.django_db(transaction=True, databases=sorted(place.databases)))
    return pytest.param(place, id=place.name, marks=marks)
