"""What is handed over with a finish, on the databases that hand over."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH

from django_taskq.jobs.rules import Rules, TenantRule
from django_taskq.jobs.states import State
from django_taskq.jobs.tenants import Tenants
from django_taskq.stores.database.vendors.postgresql import sessions
from tests.stores.contracts.depending import after, insert_after
from tests.stores.contracts.relaying import relay
from tests.stores.database.statements import plan_of, recorded, run
from tests.stores.jobs import (
    OTHER,
    WORKER,
    Thread,
    claim,
    claim_one,
    insert,
    join,
    record,
    state,
    success,
)
from tests.stores.places import DatabasePlace

pytestmark = pytest.mark.django_db(transaction=True, databases=list(settings.DATABASES))

MOST_STATEMENTS = {"default": 8, "postgresql": 1}


on_postgresql = pytest.mark.parametrize("place", ["postgresql"], indirect=True)


@pytest.fixture(params=["default", "postgresql"])
def place(request: pytest.FixtureRequest) -> DatabasePlace:
    return DatabasePlace(request.param)


@pytest.fixture
def store(place: DatabasePlace) -> Iterator[Any]:
    opened = place.open()
    join(opened)
    yield opened
    opened.close()


def test_what_a_success_frees_is_handed_to_its_worker(store: Any) -> None:
    first = insert(store)
    child = insert_after(store, first)
    (handed,) = relay(store, success(claim_one(store))).claims
    assert (handed.id, handed.worker_id, state(store, child)) == (child, WORKER, State.RUNNING)
    assert [fence.seq for fence in store.held(WORKER)] == [handed.seq]


def test_all_that_a_batch_frees_is_handed_over_in_the_order_of_its_starts(store: Any) -> None:
    ups = [insert(store) for _ in range(3)]
    late = insert_after(store, ups[0], priority=-5)
    soon = [
        insert_after(store, up, priority=priority)
        for up, priority in zip(ups, (1, 5, 3), strict=True)
    ]
    outcomes = [success(claimed) for claimed in claim(store, 3)]
    handed = relay(store, *outcomes).claims
    assert [claimed.id for claimed in handed] == [soon[1], soon[2], soon[0], late]


@pytest.mark.parametrize(
    "asked",
    [
        {"queues": ("near", "default")},
        {"excluded_queues": frozenset({"far"})},
        {"tenants": Tenants(["", "a"])},
        {"tenants": Tenants(["b"], is_rest=True)},
    ],
    ids=str,
)
def test_a_worker_of_some_queues_or_tenants_is_handed_theirs(
    place: DatabasePlace, store: Any, asked: dict[str, Any]
) -> None:
    place.rule(store, Rules({"far": TenantRule(is_paused=True)}))
    first = insert(store)
    child = insert_after(store, first)
    assert [each.id for each in relay(store, success(claim_one(store)), **asked).claims] == [child]


def test_what_is_handed_over_counts_against_its_tenant(store: Any) -> None:
    first = insert(store, tenant="a")
    insert_after(store, first, tenant="a")
    (handed,) = relay(store, success(claim_one(store))).claims
    book = store._claims.books.of(WORKER)
    assert book._accounts.holds(handed.seq)
    assert book._accounts.held("a") == 1


def test_a_step_of_a_chain_takes_few_statements(place: DatabasePlace, store: Any) -> None:
    last = insert(store)
    for _ in range(4):
        last = insert_after(store, last)
    claims = claim(store)
    # The first teaches it that something waits.
    claims = relay(store, *map(success, claims)).claims
    with recorded(place.database) as statements:
        claims = relay(store, *map(success, claims)).claims
    assert len(claims) == 1
    assert len(statements) <= MOST_STATEMENTS[place.database], statements


def test_the_steps_of_a_chain_share_a_look(place: DatabasePlace, store: Any) -> None:
    last = insert(store)
    for _ in range(4):
        last = insert_after(store, last)
    claims = claim(store)
    while claims:
        claims = relay(store, *map(success, claims)).claims
    with recorded(place.database) as statements:
        store.look_again()
        store.look_again()
    # At the end of a chain a question whether anything waits comes first.
    assert len(statements) == {"default": 0, "postgresql": 2}[place.database], statements


@on_postgresql
@pytest.mark.parametrize("count", [1, 3])
def test_a_step_reads_no_other_job_that_waits_though_nothing_is_analysed(
    place: DatabasePlace, store: Any, count: int
) -> None:
    """Each row by its key: of statistics a new table has none for a minute, or a chain's time."""
    firsts = [insert(store) for _ in range(count)]
    chains = [insert_after(store, first) for first in firsts]
    store.insert([after(each) for each in chains for _ in range(1000 // count)])
    claims = claim(store, count)
    store.look_again()
    with recorded(place.database) as statements:
        assert len(relay(store, *map(success, claims)).claims) == count
    plans = [plan_of(place.database, each) for each in statements if "FOR UPDATE" in each[0]]
    (plan,) = [each for each in plans if "counted" in each]
    assert "Seq Scan on taskq_" not in plan
    assert "taskq_job_deferred" not in plan
    assert "taskq_dependency_open" not in plan


@on_postgresql
def test_drivers_keep_how_they_take_the_longest_statement_apart(
    place: DatabasePlace, store: Any
) -> None:
    place.rule(store, Rules({"paused": TenantRule(is_paused=True)}))
    last = insert(store)
    for _ in range(2):
        last = insert_after(store, last)
    asked: dict[str, Any] = {
        "queues": ("default", "near"),
        "excluded_queues": frozenset({"far"}),
        "tenants": Tenants(["", "paused"]),
    }
    claims = relay(store, success(claim_one(store)), **asked).claims
    with recorded(place.database) as statements:
        assert len(relay(store, *map(success, claims), **asked).claims) == 1
    ((statement, _),) = statements
    assert "tenants_left_out" in statement
    assert len(statement) <= MAX_CACHED_STATEMENT_LENGTH


def test_hundreds_that_wait_for_one_job_are_all_freed(store: Any) -> None:
    first = insert(store)
    store.insert([after(first) for _ in range(150)])
    relayed = relay(store, success(claim_one(store)), room=4)
    assert (list(relayed.states), list(relayed.claims)) == ([State.SUCCESSFUL], [])
    assert len(claim(store, 200)) == 150


@on_postgresql
def test_two_workers_that_end_the_last_two_upstreams_at_once_free_a_job_once(
    place: DatabasePlace, store: Any
) -> None:
    join(store, OTHER)
    first, second = insert(store), insert(store)
    child = insert_after(store, first, second)
    mine, theirs = claim_one(store), claim_one(store, OTHER)
    with transaction.atomic(using=place.database):
        assert not relay(store, success(mine)).claims
        other = Thread(lambda: store.finish(OTHER, [success(theirs)]))
        # It waits for the lock of the job that both free.
        assert other.is_running()
    assert other.result() == [State.SUCCESSFUL]
    assert record(store, child).state == State.READY


@on_postgresql
def test_a_database_that_has_notified_plans_a_step_once(store: Any, place: DatabasePlace) -> None:
    known = set(sessions._own)
    sessions.note_own_session(place.database)
    try:
        last = insert(store)
        for _ in range(4):
            last = insert_after(store, last)
        claims = claim(store)
        while claims:
            claims = list(relay(store, *map(success, claims)).claims)
        assert state(store, last) is State.SUCCESSFUL
        found = run(place.database, "SELECT statement FROM pg_prepared_statements")
        assert any("taskq_dependency" in statement for (statement,) in found)
        # What the project chose for its connections stays.
        assert store.place.connection.connection.prepare_threshold is None
    finally:
        sessions._own.clear()
        sessions._own.update(known)
