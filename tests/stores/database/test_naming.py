"""Predictable ids in databases: statements, locks, and transactions that see less."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, transaction

from django_taskq.exceptions import DuplicateJob
from django_taskq.jobs.change import UNSEEN
from django_taskq.jobs.states import State
from django_taskq.jobs.unique import Entry, Holder, OnDuplicate
from django_taskq.options import Options
from django_taskq.stores.database import DatabaseStore
from django_taskq.stores.database.holders import HolderLeft
from tests.stores.contracts.naming import enter, named, unfinished
from tests.stores.database.statements import recorded, run
from tests.stores.database.test_races import blocked, on_postgresql
from tests.stores.jobs import (
    Thread,
    claim,
    claim_one,
    finish,
    insert,
    record,
    spec,
    success,
)
from tests.stores.places import new_alias

POSTGRESQL = "postgresql"
RAISE, RETURN, REPLACE = OnDuplicate

each_database = pytest.mark.parametrize(
    "database",
    [
        pytest.param(alias, marks=pytest.mark.django_db(transaction=True, databases=[alias]))
        for alias in ("default", POSTGRESQL)
    ],
)


@pytest.fixture
def database() -> str:
    return POSTGRESQL


@pytest.fixture
def store(database: str) -> Iterator[DatabaseStore]:
    """A store in a database, by its own vendor."""
    opened = DatabaseStore(new_alias(), Options(database=database))
    yield opened
    opened.close()


@each_database
def test_a_batch_with_predictable_ids_starts_in_its_own_order(store: DatabaseStore) -> None:
    names = [f"task-{number}" for number in range(30)]
    specs = [item for name in names for item in (named(store, name), spec())]
    store.insert(specs)
    assert [claimed.id for claimed in claim(store, 100)] == [item.id for item in specs]


@each_database
def test_one_job_is_stored_by_one_statement_with_an_id_or_without(store: DatabaseStore) -> None:
    for given in (spec(), named(store)):
        with recorded(store.database) as statements:
            store.insert([given])
        (written,) = [sql for sql, _ in statements if "INSERT" in sql]
        assert ("ON CONFLICT" in written) == (given.unique_key is not None)
        assert not [sql for sql, _ in statements if "SAVEPOINT" in sql]


@each_database
def test_a_batch_without_predictable_ids_goes_the_plain_way(store: DatabaseStore) -> None:
    with recorded(store.database) as statements:
        store.insert([spec() for _ in range(3)])
    assert not [sql for sql, _ in statements if "ON CONFLICT" in sql]


@each_database
def test_an_enqueue_begins_again_where_the_holder_ends_while_it_looks(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = enter(store)
    claimed = claim_one(store)
    find = store._inserts.holders.find

    def end_first(keys: Sequence[str]) -> dict[str, Holder]:
        finish(store, success(claimed))
        return find(keys)

    monkeypatch.setattr(store._inserts.holders, "find", end_first)
    second = enter(store, on_duplicate=RETURN)
    assert (second.entry, unfinished(store)) == (Entry.NEW, [second.id])
    assert record(store, first.id).state == State.SUCCESSFUL


@each_database
def test_an_enqueue_gives_up_where_the_holder_ends_each_time(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(store)
    monkeypatch.setattr(store._inserts.holders, "find", lambda keys: {})
    with pytest.raises(HolderLeft, match="'nightly' ended again and again"):
        enter(store)


# Two connections stepped by hand.


@contextmanager
def strictly() -> Iterator[None]:
    """Begin a transaction that sees nothing of what others commit meanwhile."""
    with transaction.atomic(using=POSTGRESQL):
        run(POSTGRESQL, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


@on_postgresql
@pytest.mark.parametrize("is_kept", [True, False], ids=["commit", "rollback"])
def test_an_enqueue_waits_for_the_one_before_it(store: DatabaseStore, is_kept: bool) -> None:
    with transaction.atomic(using=POSTGRESQL):
        first = enter(store)
        second = blocked(lambda: enter(store, on_duplicate=RETURN))
        transaction.set_rollback(not is_kept, using=POSTGRESQL)
    assert second.result().entry is (Entry.EXISTING if is_kept else Entry.NEW)
    assert (second.result().id == first.id) is is_kept


@on_postgresql
@pytest.mark.parametrize("is_kept", [True, False], ids=["commit", "rollback"])
def test_an_enqueue_waits_for_the_end_of_a_job_that_is_being_written(
    store: DatabaseStore, is_kept: bool
) -> None:
    first = enter(store)
    claimed = claim_one(store)
    with transaction.atomic(using=POSTGRESQL):
        finish(store, success(claimed))
        second = blocked(lambda: enter(store, on_duplicate=RETURN))
        transaction.set_rollback(not is_kept, using=POSTGRESQL)
    assert second.result().entry is (Entry.NEW if is_kept else Entry.EXISTING)
    assert (second.result().id == first.id) is not is_kept


@on_postgresql
@pytest.mark.parametrize("is_kept", [True, False], ids=["commit", "rollback"])
def test_a_replacement_waits_for_a_claim(store: DatabaseStore, is_kept: bool) -> None:
    def replace() -> Any:
        try:
            return enter(store, on_duplicate=REPLACE, args="[2]").entry
        except DuplicateJob as error:
            return error.job_id

    first = enter(store, args="[1]")
    with transaction.atomic(using=POSTGRESQL):
        claim_one(store)
        second = blocked(replace)
        transaction.set_rollback(not is_kept, using=POSTGRESQL)
    assert second.result() == (first.id if is_kept else Entry.REPLACED)
    assert record(store, first.id).args == ("[1]" if is_kept else "[2]")


@on_postgresql
def test_a_claim_passes_by_what_is_being_replaced(store: DatabaseStore) -> None:
    first, other = enter(store, args="[1]"), insert(store)
    with transaction.atomic(using=POSTGRESQL):
        enter(store, on_duplicate=REPLACE, args="[2]")
        claims = Thread(lambda: claim(store, 5)).result()
        assert [claimed.id for claimed in claims] == [other]
    assert [(claimed.id, claimed.args) for claimed in claim(store, 5)] == [(first.id, "[2]")]


@on_postgresql
def test_a_job_that_a_transaction_has_met_can_end_before_it(store: DatabaseStore) -> None:
    first = enter(store)
    claimed = claim_one(store)
    with transaction.atomic(using=POSTGRESQL):
        assert enter(store, on_duplicate=RETURN).id == first.id
        with pytest.raises(DuplicateJob):
            enter(store)
        assert Thread(lambda: finish(store, success(claimed))).result() == [State.SUCCESSFUL]
    assert unfinished(store) == []


@on_postgresql
def test_in_a_stricter_transaction_an_id_taken_since_is_a_serialization_failure(
    store: DatabaseStore,
) -> None:
    old = enter(store, "old")
    with strictly():
        assert enter(store, "old", on_duplicate=RETURN).id == old.id
        new = Thread(lambda: enter(store, "new")).result()
        with (
            pytest.raises(OperationalError, match="could not serialize"),
            transaction.atomic(using=POSTGRESQL),
        ):
            enter(store, "new", on_duplicate=RETURN)
    assert set(unfinished(store)) == {old.id, new.id}


@on_postgresql
def test_in_a_stricter_transaction_a_retry_is_refused_by_what_it_cannot_see(
    store: DatabaseStore,
) -> None:
    first = enter(store)
    store.cancel([first.id])
    with strictly():
        assert record(store, first.id).state == State.CANCELED
        second = Thread(lambda: enter(store)).result()
        assert store.retry([first.id])[0].held_by == UNSEEN
        third = insert(store)
    assert set(unfinished(store)) == {second.id, third}
