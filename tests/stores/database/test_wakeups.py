"""How idle workers hear of new jobs."""

import threading
from collections.abc import Iterator
from time import monotonic

import psycopg
import pytest
from django.db import connections, transaction

from django_taskq.jobs.upkeep import Reaped
from django_taskq.options import Options
from django_taskq.stores.database import DatabaseStore
from django_taskq.stores.database.vendors.postgresql.wakeups import Bell, channel_of
from django_taskq.stores.wakeup import Wakeup
from tests.deadlines import wait_until
from tests.stores.database.statements import recorded, run
from tests.stores.jobs import (
    WORKER,
    Thread,
    claim,
    claim_one,
    finish,
    insert,
    insert_later,
    insert_many,
    join,
    success,
)
from tests.stores.places import new_alias

LONG = 30.0
SOON = 5.0

on_postgresql = pytest.mark.django_db(transaction=True, databases=["postgresql"])
on_sqlite = pytest.mark.django_db(transaction=True, databases=["default"])
each_database = pytest.mark.parametrize(
    "database",
    [pytest.param("default", marks=on_sqlite), pytest.param("postgresql", marks=on_postgresql)],
)


@pytest.fixture
def store() -> Iterator[DatabaseStore]:
    """A store on PostgreSQL with a worker."""
    opened = DatabaseStore(new_alias(), Options(database="postgresql"))
    join(opened)
    yield opened
    opened.close()


@pytest.fixture
def ear(store: DatabaseStore) -> Iterator[psycopg.Connection]:
    """Somebody who listens to what is announced to the workers of the store."""
    parameters = connections["postgresql"].get_connection_params()
    with psycopg.connect(**parameters, autocommit=True) as connection:
        connection.execute(f'LISTEN "{channel_of(store.alias)}"')
        yield connection


def heard(ear: psycopg.Connection) -> int:
    """Count the notifications that have come."""
    return len(list(ear.notifies(timeout=0.1)))


def slept(store: DatabaseStore, wakeup: Wakeup | None = None, timeout: float = LONG) -> float:
    """Sleep as a worker and return for how long."""
    before = monotonic()
    store.wait(WORKER, wakeup or Wakeup(), timeout)
    return monotonic() - before


@on_postgresql
def test_nobody_is_notified_while_no_worker_is_idle(
    store: DatabaseStore, ear: psycopg.Connection
) -> None:
    insert(store)
    assert heard(ear) == 0

    store.arm(WORKER)
    insert(store)
    assert heard(ear) == 1

    store.disarm(WORKER)
    insert_many(store, 3)
    assert heard(ear) == 0


@on_postgresql
def test_workers_are_notified_at_the_commit_and_not_of_a_rollback(
    store: DatabaseStore, ear: psycopg.Connection
) -> None:
    store.arm(WORKER)
    with transaction.atomic(using="postgresql"):
        insert(store)
        assert heard(ear) == 0
    assert heard(ear) == 1
    with transaction.atomic(using="postgresql"):
        insert(store)
        transaction.set_rollback(True, using="postgresql")
    assert heard(ear) == 0


@on_postgresql
def test_a_burst_of_inserts_is_announced_a_few_times_and_after_its_end(
    store: DatabaseStore, ear: psycopg.Connection
) -> None:
    for _ in range(100):
        insert(store)
    # The worker falls asleep after the last insert's turn to look, but before the last look.
    store.arm(WORKER)
    for _ in range(100):
        insert(store)

    assert 1 <= heard(ear) < 100


@on_postgresql
def test_an_armed_worker_stays_awake_for_what_came_while_it_claimed(store: DatabaseStore) -> None:
    store.arm(WORKER)
    assert claim(store) == []
    Thread(lambda: insert(store)).result()

    assert slept(store) < SOON
    assert len(claim(store)) == 1
    assert slept(store, timeout=0.05) < SOON


@on_postgresql
def test_a_worker_that_lost_its_ear_sleeps_on_and_listens_again(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.arm(WORKER)
    run(
        "postgresql",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query LIKE 'LISTEN%%' AND datname = current_database()",
    )
    assert slept(store, timeout=LONG) < SOON  # it hears of the end
    assert slept(store, timeout=LONG) < SOON  # it listens again, and looks once more
    sleeper = Thread(lambda: slept(store))
    insert(store)
    assert sleeper.result(SOON) < SOON


@on_postgresql
def test_where_listening_is_impossible_a_worker_sleeps_its_seconds(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**parameters: object) -> None:
        raise psycopg.OperationalError("no more connections")

    monkeypatch.setattr(psycopg, "connect", refuse)
    store.arm(WORKER)
    assert 0.05 <= slept(store, timeout=0.05) < SOON
    wakeup = Wakeup()
    wakeup.set()
    assert slept(store, wakeup) < SOON


@on_postgresql
def test_an_idle_worker_asks_one_question_at_a_time(store: DatabaseStore) -> None:
    store.arm(WORKER)
    with recorded("postgresql") as statements:
        store.wait(WORKER, Wakeup(), 0.01)
        claim(store)
        assert len(statements) == 1
        store.heartbeat(WORKER)
        assert len(statements) == 2
        store.promote(10)
        assert len(statements) == 3
        store.reap()
        assert len(statements) == 4
        # The time, one look for every state with a retention, lost workers and jobs that nobody
        # resumed, and one for expired values.
        store.prune(10)
        assert len(statements) == 7


@on_postgresql
def test_a_worker_that_is_idle_but_for_later_jobs_asks_one_question_too(
    store: DatabaseStore,
) -> None:
    insert_later(store)
    with recorded("postgresql") as statements:
        next_in = store.promote(10).next_in
    assert next_in is not None
    assert next_in > 0
    assert len(statements) == 1


@on_postgresql
def test_a_reap_beside_a_working_fleet_asks_one_question(store: DatabaseStore) -> None:
    insert_many(store, 20)
    for number in range(10):
        join(store, f"host:{number}:alive")
        claim(store, 2, worker=f"host:{number}:alive")
    with recorded("postgresql") as statements:
        assert store.reap() == Reaped()
    assert len(statements) == 1


@on_sqlite
def test_an_idle_worker_on_sqlite_reads_nothing_while_the_file_stands_still() -> None:
    store = DatabaseStore(new_alias(), Options(database="default"))
    join(store)
    assert claim(store) == []
    store.arm(WORKER)
    with recorded("default") as statements:
        assert claim(store) == []
        store.wait(WORKER, Wakeup(), 0.03)
        assert claim(store) == []
    assert statements == []

    insert(store)
    assert len(claim(store)) == 1
    Thread(lambda: insert(store)).result()
    assert len(claim(store)) == 1
    assert claim(store) == []


@on_sqlite
def test_a_claim_on_sqlite_that_was_rolled_back_is_not_taken_for_emptiness() -> None:
    store = DatabaseStore(new_alias(), Options(database="default"))
    insert(store)
    with transaction.atomic(using="default"):
        assert len(claim(store)) == 1
        assert claim(store) == []
        transaction.set_rollback(True, using="default")

    assert len(claim(store)) == 1


class Looks:
    """Counts looks; the worker it stands for sleeps or not."""

    def __init__(self, *, finds: bool = False) -> None:
        self.count = 0
        self.finds = finds

    def __call__(self) -> bool:
        self.count += 1
        return self.finds


@on_postgresql
@pytest.mark.parametrize("finds", [False, True])
def test_a_bell_rings_early_seldom_and_after_the_last_time(finds: bool) -> None:
    looks = Looks(finds=finds)
    bell = Bell(looks, "postgresql")
    bell.ring()
    assert looks.count == 1
    for _ in range(1000):
        bell.ring()
    during = looks.count
    wait_until(lambda: looks.count > during, what="the look after the burst")

    assert during < 100
    bell.close()


@on_postgresql
def test_a_bell_ends_its_thread_and_can_ring_again() -> None:
    looks = Looks()
    bell = Bell(looks, "postgresql")
    for _ in range(2):
        before = looks.count
        bell.ring()
        bell.ring()
        bell.close()
        assert looks.count > before
    assert not [t for t in threading.enumerate() if t.name == "taskq-bell"]


def test_a_wakeup_can_be_selected_on() -> None:
    import select

    wakeup = Wakeup()

    def is_readable() -> bool:
        return bool(select.select([wakeup], [], [], 0)[0])

    wakeup.set()
    assert is_readable()
    wakeup.clear()
    assert not is_readable()
    for _ in range(100_000):
        wakeup.set()
    assert is_readable()


def test_every_alias_has_a_channel_that_postgresql_takes() -> None:
    channels = {channel_of(alias) for alias in ("default", "x" * 64, 'a"b', "ä")}
    assert len(channels) == 4
    assert all(len(channel.encode()) <= 63 for channel in channels)


@each_database
def test_a_job_that_ends_and_goes_between_two_looks_is_waited_for_no_longer(database: str) -> None:
    store = DatabaseStore(new_alias(), Options(database=database))
    id = insert(store)
    claimed = claim_one(store)
    waiter = Thread(lambda: store.wait_ended([id], None))
    assert not store.wait_ended([id], 0.1)
    with transaction.atomic(using=database):
        finish(store, success(claimed))
        store.delete([id])

    assert waiter.result(SOON) is True


@each_database
def test_a_job_that_is_not_committed_yet_is_not_taken_for_gone(database: str) -> None:
    store = DatabaseStore(new_alias(), Options(database=database))
    with transaction.atomic(using=database):
        id = insert(store)
        waiter = Thread(lambda: store.wait_ended([id], None))
        assert not Thread(lambda: store.wait_ended([id], 0.1)).result()
    finish(store, success(claim_one(store)))

    assert waiter.result(SOON) is True
    assert store.get([id])[0].is_ended
