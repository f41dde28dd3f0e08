"""Two connections stepped by hand: one verb stands in an open transaction, the other meets it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from django_taskq.jobs.change import Change
from django_taskq.jobs.fence import Fence
from django_taskq.jobs.states import State
from django_taskq.jobs.upkeep import Reaped
from django_taskq.options import Options
from django_taskq.stores.database import DatabaseStore
from django_taskq.stores.database.suspects import Suspects
from django_taskq.stores.database.vendors import GENERIC, Vendor
from tests.deadlines import wait_until
from tests.stores.database.statements import run
from tests.stores.jobs import (
    OTHER,
    WORKER,
    Thread,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_many,
    join,
    lose,
    record,
    retry,
    state,
    success,
)
from tests.stores.places import new_alias

POSTGRESQL = "postgresql"

on_postgresql = pytest.mark.django_db(transaction=True, databases=[POSTGRESQL])
on_sqlite = pytest.mark.django_db(transaction=True, databases=["default"])


@pytest.fixture(params=[None, GENERIC], ids=["own", "generic"])
def store(request: pytest.FixtureRequest) -> Iterator[DatabaseStore]:
    """A store on PostgreSQL, where row locks let two verbs meet half-way."""
    vendor: Vendor | None = request.param
    opened = DatabaseStore(new_alias(), Options(database=POSTGRESQL), vendor)
    yield opened
    opened.close()


@pytest.fixture
def sqlite() -> Iterator[DatabaseStore]:
    """A store on SQLite, where one writer at a time goes on."""
    opened = DatabaseStore(new_alias(), Options(database="default"))
    yield opened
    opened.close()


def blocked(verb: Any) -> Thread:
    """Start a verb on a connection of its own and wait until a lock holds it up."""
    thread = Thread(verb)
    wait_until(
        # Not pg_stat_activity, which stands still while a transaction is open.
        lambda: run(POSTGRESQL, "SELECT 1 FROM pg_locks WHERE NOT granted"),
        what="the second verb to wait for a lock",
    )
    return thread


@on_postgresql
def test_two_claims_at_once_share_the_jobs_and_wait_for_nothing(store: DatabaseStore) -> None:
    ids = insert_many(store, 4)
    with transaction.atomic(using=POSTGRESQL):
        mine = claim(store, 2)
        others = Thread(lambda: claim(store, 10, OTHER)).result()

    assert [c.id for c in mine] == ids[:2]
    assert [c.id for c in others] == ids[2:]
    assert claim(store, 10) == []


@on_postgresql
def test_a_claim_that_was_rolled_back_leaves_its_jobs_ready(store: DatabaseStore) -> None:
    insert(store)
    with transaction.atomic(using=POSTGRESQL):
        claim_one(store)
        transaction.set_rollback(True, using=POSTGRESQL)

    assert claim_one(store, OTHER).attempt == 1


@on_postgresql
def test_a_finish_before_the_reap_keeps_its_result(store: DatabaseStore) -> None:
    id = insert(store)
    claimed = claim_one(store)
    with transaction.atomic(using=POSTGRESQL):
        assert finish(store, success(claimed)) == [State.SUCCESSFUL]
        reaping = blocked(store.reap)

    assert reaping.result() == Reaped()
    assert state(store, id) == State.SUCCESSFUL


@on_postgresql
def test_a_finish_after_the_reap_is_refused(store: DatabaseStore) -> None:
    id = insert(store)
    claimed = claim_one(store)
    with transaction.atomic(using=POSTGRESQL):
        assert store.reap().released == 1
        finishing = blocked(lambda: finish(store, success(claimed)))

    assert finishing.result() == [None]
    assert state(store, id) == State.READY


@on_postgresql
def test_a_cancel_before_the_finish_of_a_failed_try_wins(store: DatabaseStore) -> None:
    id = insert(store)
    claimed = claim_one(store)
    with transaction.atomic(using=POSTGRESQL):
        assert store.cancel([id]) == [Change(id, State.RUNNING, State.RUNNING, is_asked=True)]
        finishing = blocked(lambda: finish(store, retry(claimed)))

    assert finishing.result() == [State.CANCELED]
    stored = record(store, id)
    assert stored.failure == "canceled"
    assert [e.exception_class_path for e in stored.errors] == [
        "django_taskq.exceptions.JobCanceled"
    ]


@on_postgresql
def test_a_cancel_after_the_finish_changes_nothing(store: DatabaseStore) -> None:
    id = insert(store)
    claimed = claim_one(store)
    with transaction.atomic(using=POSTGRESQL):
        finish(store, success(claimed))
        canceling = blocked(lambda: store.cancel([id]))

    assert canceling.result() == [Change(id, State.SUCCESSFUL, State.SUCCESSFUL)]


@on_postgresql
def test_a_claim_passes_over_what_is_being_canceled(store: DatabaseStore) -> None:
    canceled, other = insert_many(store, 2)
    with transaction.atomic(using=POSTGRESQL):
        store.cancel([canceled])
        assert [c.id for c in Thread(lambda: claim(store, 2)).result()] == [other]

    assert state(store, canceled) == State.CANCELED


@on_postgresql
def test_a_retry_waits_for_the_finish_and_acts_on_it(store: DatabaseStore) -> None:
    id = insert(store)
    claimed = claim_one(store)
    with transaction.atomic(using=POSTGRESQL):
        finish(store, failure(claimed))
        retrying = blocked(lambda: store.retry([id]))

    assert retrying.result() == [Change(id, State.FAILED, State.READY)]
    assert claim_one(store, OTHER).attempt == 2
    assert finish(store, success(claimed)) == [None]


@on_postgresql
def test_pruning_leaves_alone_what_was_retried_in_between(store: DatabaseStore) -> None:
    old = DatabaseStore(
        store.alias,
        Options(database=POSTGRESQL, retention={"successful": 0.0, "failed": 0.0, "canceled": 0.0}),
        store.vendor,
    )
    kept, gone = insert_many(store, 2)
    finish(store, *map(failure, claim(store, 2)))
    with transaction.atomic(using=POSTGRESQL):
        store.retry([kept])
        assert Thread(lambda: old.prune(10)).result() == 1

    assert state(store, kept) == State.READY
    assert store.get([gone]) == []


@on_postgresql
def test_two_claims_of_suspects_share_them_and_wait_for_nothing(store: DatabaseStore) -> None:
    ids = insert_many(store, 3)
    lose(store, *claim(store, 3))
    with transaction.atomic(using=POSTGRESQL):
        mine = claim(store, 1, suspects=True)
        others = Thread(lambda: claim(store, 10, OTHER, suspects=True)).result()

    assert [c.id for c in mine] == ids[:1]
    assert [c.id for c in others] == ids[1:]


@on_postgresql
def test_a_finish_before_the_loss_keeps_its_result(store: DatabaseStore) -> None:
    id = insert(store)
    claimed = claim_one(store)
    with transaction.atomic(using=POSTGRESQL):
        assert finish(store, success(claimed)) == [State.SUCCESSFUL]
        losing = blocked(lambda: lose(store, claimed))

    assert losing.result() == [None]
    assert state(store, id) == State.SUCCESSFUL


@on_postgresql
def test_two_who_bury_a_worker_lose_its_job_once(store: DatabaseStore) -> None:
    id = insert(store)
    claimed = claim_one(store)
    with transaction.atomic(using=POSTGRESQL):
        assert lose(store, claimed, was_alone=True) == [State.READY]
        second = blocked(lambda: lose(store, claimed, was_alone=True))

    assert second.result() == [None]
    assert record(store, id).lost == 1


@on_postgresql
def test_a_solo_worker_gives_back_and_sets_apart_in_one(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(store, is_solo=True)
    id = insert(store)
    claimed = claim_one(store)
    fences = [Fence(claimed.seq, claimed.attempt)]
    with monkeypatch.context() as patch:
        patch.setattr(Suspects, "set_apart", None)
        with pytest.raises(TypeError):
            store.release(WORKER, fences)

    assert state(store, id) == State.RUNNING
    assert store.release(WORKER, fences) == 1
    assert claim(store, 1, OTHER) == []


@on_postgresql
def test_two_reapers_take_each_job_back_once(store: DatabaseStore) -> None:
    id = insert(store)
    claim_one(store)
    with transaction.atomic(using=POSTGRESQL):
        assert store.reap().released == 1
        second = blocked(store.reap)

    assert second.result().released == 0
    assert record(store, id).attempt == 1


@on_postgresql
def test_writers_that_lock_in_opposite_orders_are_sent_again(store: DatabaseStore) -> None:
    ids = insert_many(store, 200)
    claims = claim(store, 200)
    join(store)

    def finish_backwards() -> list[State | None]:
        return [s for c in reversed(claims) for s in finish(store, failure(c))]

    threads = [Thread(finish_backwards), Thread(lambda: store.cancel(ids))]
    states, changes = (thread.result() for thread in threads)
    assert set(states) <= {State.FAILED, State.CANCELED}
    assert len(changes) == 200


@on_sqlite
def test_an_idle_worker_on_sqlite_needs_no_lock(sqlite: DatabaseStore) -> None:
    join(sqlite)
    with transaction.atomic(using="default"):
        insert(sqlite)
        assert Thread(lambda: claim(sqlite, 10, OTHER)).result() == []
        assert Thread(lambda: sqlite.promote(10)).result().count == 0
        assert Thread(sqlite.reap).result() == Reaped()

    assert len(claim(sqlite, 10, OTHER)) == 1


@on_sqlite
def test_a_claim_on_sqlite_waits_for_the_writer_before_it(sqlite: DatabaseStore) -> None:
    ids = insert_many(sqlite, 3)
    with transaction.atomic(using="default"):
        mine = claim(sqlite, 2)
        second = Thread(lambda: claim(sqlite, 10, OTHER))
        wait_until(second.is_running)

    assert [c.id for c in [*mine, *second.result()]] == ids


@on_sqlite
def test_a_finish_on_sqlite_meets_the_reap_before_it(sqlite: DatabaseStore) -> None:
    insert(sqlite)
    claimed = claim_one(sqlite)
    with transaction.atomic(using="default"):
        assert sqlite.reap().released == 1
        finishing = Thread(lambda: finish(sqlite, success(claimed), worker=WORKER))
        wait_until(finishing.is_running)

    assert finishing.result() == [None]
