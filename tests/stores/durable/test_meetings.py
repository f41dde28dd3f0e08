"""Two connections stepped by hand: a finish, a claim and a sweep meet at one job."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections, transaction

from django_taskq.jobs.states import State
from tests.deadlines import wait_until
from tests.stores.database.statements import run
from tests.stores.durable.losses import flush, name, sweep, sweep_all
from tests.stores.jobs import (
    OTHER,
    WORKER,
    Thread,
    claim,
    claim_one,
    finish,
    insert,
    insert_many,
    join,
    retry,
    state,
    success,
)
from tests.stores.places import DurablePlace, redis_client

POSTGRESQL = "postgresql"
PLACE = DurablePlace(POSTGRESQL)

pytestmark = pytest.mark.django_db(transaction=True, databases=[POSTGRESQL])


@pytest.fixture
def store() -> Iterator[Any]:
    opened = PLACE.open()
    sweep(opened)
    yield opened
    opened.close()


def blocked(verb: Any) -> Thread:
    """Start a verb on a connection of its own and wait until a lock holds it up."""
    thread = Thread(verb)
    wait_until(
        lambda: run(POSTGRESQL, "SELECT 1 FROM pg_locks WHERE NOT granted"),
        what="the second verb to wait for a lock",
    )
    return thread


def evict(store: Any, seq: int) -> None:
    """Have Redis forget one job."""
    redis_client().delete(name(store, "job:", f"{seq:016d}"))


def test_a_job_that_ends_while_the_sweep_waits_for_it_stays_ended(store: Any) -> None:
    join(store)
    insert(store)
    held = claim_one(store)
    evict(store, held.seq)
    with transaction.atomic(using=POSTGRESQL):
        assert finish(store, success(held)) == [State.SUCCESSFUL]
        sweeping = blocked(lambda: sweep_all(store))
    sweeping.result()
    assert state(store, held.id) == State.SUCCESSFUL
    assert claim(store) == []


def test_a_result_that_waits_for_the_sweep_is_refused(store: Any) -> None:
    join(store)
    insert(store)
    held = claim_one(store)
    evict(store, held.seq)
    with transaction.atomic(using=POSTGRESQL):
        (stood_down,) = store.rows.walks.stand_down([held.seq], store.line.sweeping.find_astray)
        ending = blocked(lambda: finish(store, success(held)))
    assert ending.result() == [None]
    assert stood_down.attempt == held.attempt


def test_a_try_that_failed_while_the_sweep_waits_is_not_forgotten(store: Any) -> None:
    join(store)
    insert(store)
    held = claim_one(store)
    evict(store, held.seq)
    with transaction.atomic(using=POSTGRESQL):
        finish(store, retry(held))
        sweeping = blocked(lambda: sweep_all(store))
    sweeping.result()
    again = claim_one(store)
    assert (again.id, again.tries) == (held.id, 1)
    assert again.attempt > held.attempt


def test_an_epoch_that_begins_between_claim_and_result_refuses_it(store: Any) -> None:
    join(store)
    insert(store)
    held = claim_one(store)
    flush(store)
    other = PLACE.open(alias=store.alias)
    assert other.epoch.number == 2
    # This process has not heard of it.
    assert store.epoch.number == 1
    assert finish(store, success(held)) == [None]
    sweep(other)
    join(other, OTHER)
    (again,) = claim(other, 1, OTHER)
    assert again.id == held.id
    assert finish(other, success(again), worker=OTHER) == [State.SUCCESSFUL]
    assert finish(store, success(held)) == [None]
    other.close()


def test_two_that_sweep_at_once_hand_each_job_out_once(store: Any) -> None:
    insert_many(store, 30)
    flush(store)
    store.epoch.restore()
    other = PLACE.open(alias=store.alias)

    def refill(one: Any) -> None:
        rows = one.rows.walks.page("ready", None, 100).rows
        find = one.line.sweeping.find_astray
        one.line.patient.give(
            one.rows.walks.stand_down([row.seq for row in rows], find), is_locked=False
        )

    threads = [Thread(lambda one=one: refill(one)) for one in (store, other, store, other)]
    for thread in threads:
        thread.result()
    join(store, WORKER)
    claims = claim(store, 100)
    assert len(claims) == len({claimed.seq for claimed in claims}) == 30
    other.close()


@pytest.mark.parametrize("walk", ["ready", "running", "scheduled", "parked"])
def test_a_page_of_a_walk_begins_in_its_index(store: Any, walk: str) -> None:
    after = {
        "ready": ["default", 1, "", "t", 0, 5],
        "running": ["worker", 5],
        "scheduled": ["2030-01-01T00:00:00+00:00", 5],
        "parked": ["suspect", 0, 5],
    }[walk]
    statement: list[str] = []
    with connections[POSTGRESQL].execute_wrapper(
        lambda execute, sql, params, many, context: (
            statement.append(context["connection"].ops.compose_sql(sql, params)),
            execute(sql, params, many, context),
        )[1]
    ):
        store.rows.walks.page(walk, after, 10)
    with transaction.atomic(using=POSTGRESQL), connections[POSTGRESQL].cursor() as cursor:
        # A table of no rows is read faster than any index.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {statement[0]}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    index = {"ready": "lanes", "running": "running", "scheduled": "due", "parked": "parked"}[walk]
    assert f"taskq_job_{index}" in plan, plan
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    # It begins where the last page has ended, not at the begin of the index.
    assert "ROW(" in condition or ">=" in condition, plan
