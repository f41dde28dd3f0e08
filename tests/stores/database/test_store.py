"""What is special to jobs that are rows: which database, whose transaction, which clock."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connections, transaction
from django.test import override_settings

from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.spec import JobSpec
from django_taskq.jobs.states import State
from django_taskq.models import Job
from django_taskq.options import Options
from django_taskq.stores.database import DatabaseStore
from django_taskq.stores.database.clock import FrozenClock
from django_taskq.stores.database.place import MOST_TRIES
from django_taskq.stores.database.vendors import GENERIC, POSTGRESQL, SQLITE
from tests.stores.database.statements import recorded, run
from tests.stores.jobs import (
    OTHER,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_later,
    insert_many,
    record,
    retry,
    spec,
    state,
    success,
)
from tests.stores.places import DatabasePlace, durable_places, new_alias

each_database = pytest.mark.parametrize(
    "database",
    [
        pytest.param(alias, marks=pytest.mark.django_db(transaction=True, databases=[alias]))
        for alias in ("default", "postgresql")
    ],
)


def open_store(database: str | None, **options: Any) -> DatabaseStore:
    return DatabaseStore(new_alias(), Options(database=database, **options))


class JobsElsewhere:
    """A router that writes jobs to one database and would read them from another."""

    def db_for_write(self, model: type, **hints: Any) -> str | None:
        return "postgresql" if model is Job else None

    def db_for_read(self, model: type, **hints: Any) -> str:
        return "default"


def test_the_option_names_the_database_and_the_vendor_follows() -> None:
    assert open_store("postgresql").vendor is POSTGRESQL
    assert open_store("default").vendor is SQLITE
    assert DatabaseStore("x", Options(database="default"), GENERIC).vendor is GENERIC


@pytest.mark.django_db(transaction=True, databases=["postgresql"])
@override_settings(DATABASE_ROUTERS=[JobsElsewhere()])
def test_without_the_option_all_goes_where_the_router_writes_jobs() -> None:
    store = open_store(None)
    assert store.database == "postgresql"
    with recorded("postgresql") as statements:
        id = insert(store)
        finish(store, failure(claim_one(store)))
        store.retry([id])
        store.cancel([id])
        store.find(JobFilter())
        store.insights()
        store.reap()
        assert state(store, id) == State.CANCELED
    assert statements


@each_database
def test_a_missing_table_is_an_obstacle_that_names_the_way_out(database: str) -> None:
    store = open_store(database)
    assert store.find_obstacle() is None
    with transaction.atomic(using=database):
        run(database, "ALTER TABLE taskq_attempt RENAME TO elsewhere")
        obstacle = store.find_obstacle()
        transaction.set_rollback(True, using=database)
    assert obstacle == (
        f"The database {database!r} lacks the tables taskq_attempt: run manage.py migrate "
        f"--database {database}."
    )


@each_database
def test_a_job_is_stored_with_the_transaction_around_it(database: str) -> None:
    store = open_store(database)
    with transaction.atomic(using=database):
        kept = insert(store)
        with transaction.atomic(using=database):
            undone = insert_many(store, 3)
            transaction.set_rollback(True, using=database)
        late = insert_many(store, 3)
        assert len(store.get([kept, *late])) == 4
    assert {c.id for c in claim(store, 10)} == {kept, *late}
    assert store.get(undone) == []


@each_database
def test_a_job_of_a_transaction_that_fails_was_never_there(database: str) -> None:
    store = open_store(database)
    ids = [spec().id for _ in range(2)]

    @transaction.atomic(using=database)
    def insert_and_fail() -> None:
        store.insert([spec(id=id) for id in ids])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        insert_and_fail()
    assert store.get(ids) == []
    assert claim(store, 10) == []


@each_database
def test_many_jobs_are_stored_all_or_none(database: str) -> None:
    store = open_store(database)
    first = spec()
    with pytest.raises(Exception, match=r"(?i)unique"):
        store.insert([first, *(spec() for _ in range(6000)), first])
    assert claim(store, 10) == []
    # The connection is none the worse for it.
    assert len(store.insert([spec() for _ in range(6000)])) == 6000


@each_database
def test_values_of_every_kind_come_back_as_they_were(database: str) -> None:
    store = open_store(database)
    texts = ['["\\u0000", "\\ud800"]', '{"a": "\\"q\\" {x,y} \\\\ %s %% NULL"}', '["é😀"]']
    specs = [
        spec(args=texts[0], kwargs=texts[2], tenant="", priority=5),
        spec(args=texts[1], kwargs=texts[1], tenant="NULL", metadata="null", max_tries=1),
        spec(args=texts[2], kwargs=texts[0], tenant='a,"b}', metadata="{}", priority=-5),
    ]
    store.insert(specs)
    for one in specs:
        store.insert([one._replace(id=spec().id)])
    expected = {(s.args, s.kwargs, s.tenant, s.metadata, s.max_tries, s.priority) for s in specs}
    claims = claim(store, 10)
    assert {
        (c.args, c.kwargs, c.tenant, c.metadata, c.max_tries, c.priority) for c in claims
    } == expected
    finish(store, *(success(c, text) for c, text in zip(claims, texts * 2, strict=True)))
    results = [stored.result for stored in store.get([c.id for c in claims])]
    assert results == texts * 2


@each_database
def test_a_job_inserted_within_a_transaction_bears_the_time_of_the_insert(database: str) -> None:
    store = open_store(database)
    with transaction.atomic(using=database):
        first, second = (store.insert([spec()])[0].enqueued_at for _ in range(2))
    assert first < second


@each_database
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_times_are_right_where_the_project_has_none(database: str, zone: str) -> None:
    with override_settings(USE_TZ=False, TIME_ZONE=zone):
        store = open_store(database)
        before = datetime.now(UTC) - timedelta(seconds=1)
        ready, later = spec(), spec(run_after=datetime.now(UTC) + timedelta(hours=1))
        [inserted, _] = store.insert([ready, later])
        claimed = claim_one(store)
        assert claim(store, 1) == []
        assert finish(store, retry(claimed, delay=60)) == [State.SCHEDULED]
        stored = record(store, claimed.id)
        times = [inserted.enqueued_at, claimed.claimed_at, claimed.enqueued_at, stored.started_at]
        assert all(before <= moment <= before + timedelta(seconds=60) for moment in times)
        assert stored.enqueued_at == inserted.enqueued_at
        assert timedelta(seconds=50) < stored.due_at - before < timedelta(seconds=120)
        assert record(store, later.id).due_at == later.run_after
        next_in = store.promote(10).next_in
        assert next_in is not None
        assert 50 < next_in <= 60
        assert store.insights().now > before
        with override_settings(USE_TZ=True):
            assert record(store, later.id).run_after == later.run_after or zone != "UTC"


@each_database
def test_finishes_sent_again_change_nothing(database: str) -> None:
    store = open_store(database)
    ids = insert_many(store, 4)
    claims = claim(store, 4)
    outcomes = [success(claims[0]), failure(claims[1]), retry(claims[2], 60), retry(claims[3])]
    states = [State.SUCCESSFUL, State.FAILED, State.SCHEDULED, State.READY]
    assert finish(store, *outcomes) == states
    stored = store.get(ids)
    assert finish(store, *outcomes) == [None] * 4
    assert store.get(ids) == stored
    assert finish(store, outcomes[3], outcomes[3]) == [None, None]


@each_database
def test_one_outcome_twice_in_a_batch_counts_once(database: str) -> None:
    store = open_store(database)
    insert(store)
    outcome = failure(claim_one(store))
    assert finish(store, outcome, outcome) == [State.FAILED, None]


@each_database
def test_a_bad_row_spoils_neither_its_reader_nor_its_neighbours(database: str) -> None:
    store = open_store(database)
    bad, unknown, good = insert_many(store, 3)
    rows = Job.objects.using(database)
    rows.filter(public_id=bad).update(
        args="{[", kwargs="", metadata="nonsense", worker_ids="{", options="?", task="no.such",
        progress="[", failure="whatever",
    )  # fmt: skip
    rows.filter(public_id=unknown).update(state="PAUSED")

    assert [c.id for c in claim(store, 10)] == [bad, good]
    found = {stored.id: stored for stored in store.find(JobFilter())}
    assert found[unknown].state == "PAUSED"
    assert found[bad].failure == "whatever"
    assert [stored.id for stored in store.get([good, bad])] == [good, bad]
    assert store.reap().released == 2
    assert [change.after for change in store.cancel([bad, unknown])] == [State.CANCELED, "PAUSED"]
    assert store.retry([unknown])[0].before == "PAUSED"


@each_database
def test_a_dead_workers_job_with_a_broken_list_is_taken_back(database: str) -> None:
    store = open_store(database)
    id = insert(store)
    claimed = claim_one(store)
    Job.objects.using(database).filter(public_id=id).update(
        worker_ids="{", last_attempted_at=claimed.claimed_at
    )
    assert store.reap().suspects == 1
    assert record(store, id).worker_ids == [claimed.worker_id]


@each_database
def test_jobs_of_two_aliases_in_one_table_do_not_meet(database: str) -> None:
    store, other = open_store(database), open_store(database)
    id = insert(store)
    assert claim(other, 10, OTHER) == []
    assert other.get([id]) == []
    assert other.cancel([id])[0].before is None
    assert other.delete([id]) == 0
    assert other.insights().depth() == 0
    assert state(store, id) == State.READY


@each_database
def test_a_transaction_that_writes_holds_the_lock_from_its_start(database: str) -> None:
    store = open_store(database)
    id = insert(store)
    connection: Any = connections[database]
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        connection.transaction_mode = None
    try:
        with recorded(database) as statements:
            store.cancel([id])
        begun = [sql for sql, _ in statements if sql.startswith("BEGIN")]
        assert begun == (["BEGIN IMMEDIATE"] if connection.vendor == "sqlite" else [])
    finally:
        connection.close()


@each_database
def test_a_lost_race_is_run_again_but_not_in_somebodys_transaction(database: str) -> None:
    store = open_store(database)
    calls = []

    def lose(times: int) -> int:
        calls.append(1)
        if len(calls) <= times:
            raise OperationalError("deadlock detected") from database_error("40P01")
        return len(calls)

    assert store._place.settle(lose, 2) == 3
    calls.clear()
    with pytest.raises(OperationalError):
        store._place.settle(lose, 100)
    assert len(calls) == MOST_TRIES
    calls.clear()
    with transaction.atomic(using=database), pytest.raises(OperationalError):
        store._place.settle(lose, 2)
    assert len(calls) == 1


def database_error(sqlstate: str) -> Exception:
    """Return an error as a driver raises it."""
    error = Exception("deadlock detected")
    vars(error).update(vars(SimpleNamespace(sqlstate=sqlstate)))
    return error


@pytest.mark.parametrize("place", durable_places())
def test_a_job_that_is_hurried_ages_from_then_on(place: DatabasePlace) -> None:
    clock = FrozenClock(datetime.now(UTC))
    store = place.open(clock, priority_aging=1.0)
    hurried = insert_later(store, 3600, priority=5)
    before = insert(store, priority=5)
    clock.move(1)
    store.run_now([hurried])
    clock.move(1)
    after = insert(store, priority=5)

    assert [claimed.id for claimed in claim(store, 3)] == [before, hurried, after]


@each_database
def test_ten_thousand_waiting_jobs_are_canceled_by_a_few_statements(database: str) -> None:
    store = open_store(database)
    ids = [inserted.id for inserted in store.insert([spec() for _ in range(10_000)])]
    with recorded(database) as statements:
        changes = store.cancel(ids)
    assert {change.after for change in changes} == {State.CANCELED}
    assert len(statements) < 80


def test_a_spec_is_due_at_the_moment_it_names() -> None:
    from django_taskq.stores.database.inserts import is_due_at

    now = datetime.now(UTC)
    job = JobSpec(id="x", task="y")
    assert is_due_at(job, now)
    assert is_due_at(job._replace(run_after=now), now)
    assert not is_due_at(job._replace(run_after=now + timedelta(microseconds=1)), now)
