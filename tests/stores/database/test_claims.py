"""How claims in a database find their way: past what is closed, to few names among many."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from django_taskq.jobs.fence import Fence
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule
from django_taskq.jobs.tenants import Tenants
from django_taskq.options import Options
from django_taskq.stores.base import Store
from django_taskq.stores.database import DatabaseStore
from django_taskq.stores.database.books import MOST_WORKERS, Books
from django_taskq.stores.database.search import FEW_NAMES, MOST_LOOKED, PAGE
from django_taskq.stores.database.turns import Turns
from tests.stores.database.statements import recorded
from tests.stores.jobs import (
    OTHER,
    TASK,
    WORKER,
    claim,
    claim_one,
    finish,
    insert,
    insert_many,
    join,
    lose,
    spec,
    success,
)
from tests.stores.places import DatabasePlace, durable_places, new_alias

CAPPED = gate_of(TASK, 1, None)

on_sqlite = pytest.mark.django_db(transaction=True, databases=["default"])


@pytest.fixture(params=durable_places())
def place(request: pytest.FixtureRequest) -> DatabasePlace:
    """Each database, by its own vendor and by the plain one."""
    opened: DatabasePlace = request.param
    return opened


@pytest.fixture
def store(place: DatabasePlace) -> Iterator[Any]:
    """A store of the place."""
    opened = place.open()
    yield opened
    opened.close()


@pytest.fixture
def sqlite() -> Iterator[DatabaseStore]:
    """A store on SQLite by its own vendor."""
    opened = DatabaseStore(new_alias(), Options(database="default"))
    yield opened
    opened.close()


def insert_for(store: Store, tenants: list[str], **values: Any) -> None:
    """Insert a job for each of these tenants."""
    store.insert([spec(tenant=tenant, **values) for tenant in tenants])


def tenants_of(claims: list[Any]) -> list[str]:
    """Return whose jobs were claimed."""
    return [claimed.tenant for claimed in claims]


# Past what is closed.


def test_a_claim_finds_the_open_lane_behind_many_that_are_full(
    store: DatabaseStore, place: DatabasePlace
) -> None:
    full = [f"t{n:03}" for n in range(300)]
    place.rule(store, Rules({name: TenantRule(max_running=1) for name in full}))
    insert_for(store, full * 2)
    insert(store, tenant="z")
    running = claim(store, 301, OTHER)
    insert(store, tenant="z")

    assert Counter(tenants_of(running)) == Counter([*full, "z"])
    assert tenants_of(claim(store, 4)) == ["z"]


def test_a_claim_that_gave_up_tells_to_come_back_and_the_next_one_goes_on(
    store: DatabaseStore, place: DatabasePlace
) -> None:
    full = [f"t{n:04}" for n in range(MOST_LOOKED + PAGE)]
    place.rule(store, Rules(queues={"full": QueueRule(max_running=1)}))
    insert_for(store, full, queue="full")
    claim_one(store, OTHER)
    insert(store, tenant="z", queue="full")
    place.rule(store, Rules({name: TenantRule(max_running=1) for name in full}))
    # Each tenant stands at its cap, by a job in a queue that nobody else is asked for.
    insert_for(store, full, queue="elsewhere")
    claim(store, len(full), OTHER, queues=("elsewhere",))

    found: list[str] = []
    for _ in range(3):
        found += tenants_of(claim(store, 4, queues=("full",)))
        if found:
            break
        assert store.opens_in(WORKER) is not None
    assert found == ["z"]


def test_a_full_task_costs_its_tenants_none_of_their_other_jobs(store: DatabaseStore) -> None:
    names = [f"t{n:02}" for n in range(40)]
    insert_for(store, names, gate=CAPPED, priority=50)
    insert_for(store, names)
    (running,) = claim(store, 1, OTHER)
    assert running.priority == 50

    claims = claim(store, 40, free=4)
    assert sorted(tenants_of(claims)) == names
    assert {claimed.priority for claimed in claims} == {0}


def test_without_a_free_slot_no_gate_is_looked_behind(store: DatabaseStore) -> None:
    insert(store, gate=CAPPED)
    plain = insert(store)
    with recorded(store.database) as statements:
        assert [claimed.id for claimed in claim(store, 5, free=0)] == [plain]

    assert not [sql for sql, _ in statements if "taskq_limit" in sql]


def test_jobs_that_others_take_at_the_same_moment_end_a_claim(store: DatabaseStore) -> None:
    insert_many(store, 3)
    store._claims.take = lambda worker_id, visits: []  # type: ignore[method-assign]

    assert claim(store, 5) == []


# Assignment.


@pytest.mark.parametrize("count", [3, FEW_NAMES + 100])
def test_own_tenants_come_first_and_others_for_free_slots_alone(
    store: DatabaseStore, count: int
) -> None:
    own = Tenants(f"own{n:04}" for n in range(count))
    insert_for(store, ["own0001", "foreign", "foreign", "foreign"])
    rest = Tenants(own.names, is_rest=True)

    assert tenants_of(claim(store, 9, tenants=own)) == ["own0001"]
    assert tenants_of(claim(store, 9, free=2, tenants=own, steal=rest)) == ["foreign"] * 2
    insert(store, tenant="own0000")
    assert tenants_of(claim(store, 9, free=1, tenants=own, steal=rest)) == ["own0000"]
    assert claim(store, 9, free=0, tenants=own, steal=rest) == []
    stolen = Tenants(["nobody", "foreign"])
    assert tenants_of(claim(store, 9, tenants=own, steal=stolen)) == ["foreign"]


def test_a_few_names_are_found_among_many_tenants(store: DatabaseStore) -> None:
    insert_for(store, [f"t{n:04}" for n in range(600)], gate=CAPPED)
    insert_for(store, [f"t{n:04}" for n in range(600)])
    own = Tenants(["t0599", "t0300", "none"])
    with recorded(store.database) as statements:
        claims = claim(store, 9, tenants=own, free=0)

    assert sorted(tenants_of(claims)) == ["t0300", "t0599"]
    assert len(statements) < 20


def test_claims_find_the_one_of_many_names_that_has_jobs(store: DatabaseStore) -> None:
    own = Tenants(f"n{n:05}" for n in range(3000))
    insert_for(store, [f"a{n:04}" for n in range(2 * PAGE)])
    insert(store, tenant="n02900")
    found: list[str] = []
    for _ in range(5):
        found += tenants_of(claim(store, 9, tenants=own))
        if found:
            break
        assert store.opens_in(WORKER) is not None
    assert found == ["n02900"]


def test_a_short_ring_answers_for_any_number_of_names(store: DatabaseStore) -> None:
    own = Tenants(f"n{n:05}" for n in range(20_000))
    insert_for(store, ["a", "n19999", "z"])
    with recorded(store.database) as statements:
        assert tenants_of(claim(store, 9, tenants=own)) == ["n19999"]
        assert claim(store, 9, tenants=own) == []

    assert store.opens_in(WORKER) is None
    assert len(statements) < 30


def test_all_but_many_names_are_met_by_walking_on_from_claim_to_claim(
    store: DatabaseStore,
) -> None:
    names = [f"n{n:05}" for n in range(MOST_LOOKED + 2 * PAGE)]
    insert_for(store, names)
    insert(store, tenant="z")
    nobody, rest = Tenants(["nobody"]), Tenants(names, is_rest=True)
    found: list[str] = []
    for _ in range(3):
        found += tenants_of(claim(store, 2, tenants=nobody, steal=rest))
        if found:
            break
        assert store.opens_in(WORKER) is not None
    assert found == ["z"]


def test_paused_tenants_are_not_served_by_name_either(
    store: DatabaseStore, place: DatabasePlace
) -> None:
    place.rule(store, Rules({"a": TenantRule(is_paused=True)}))
    insert_for(store, ["a", "b"])

    assert tenants_of(claim(store, 9, tenants=Tenants(["a", "b"]))) == ["b"]
    many = Tenants(["a", *(f"n{n}" for n in range(FEW_NAMES))])
    assert claim(store, 9, tenants=many) == []


def test_names_are_handed_out_in_chunks_from_the_first_again_after_the_last() -> None:
    turns = Turns()

    assert turns.next_names("abcde", 2) == ("a", "b")
    assert turns.next_names("abcde", 2) == ("c", "d")
    assert turns.next_names("abcde", 2) == ("e",)
    assert turns.next_names("abcde", 2) == ("a", "b")


# Accounts, and what the end of a job tells others.


@pytest.fixture
def announced(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grow by one with each announcement."""
    calls: list[int] = []
    monkeypatch.setattr(store._wakeups, "announce", lambda: calls.append(1))
    return calls


def test_the_end_of_a_limited_job_is_announced_once(
    store: DatabaseStore, announced: list[int]
) -> None:
    insert_many(store, 2, gate=CAPPED)
    limited = claim_one(store)
    plain_id = insert(store, tenant="plain")
    (plain,) = claim(store)
    assert plain.id == plain_id

    finish(store, success(plain))
    assert not announced
    finish(store, success(limited))
    assert len(announced) == 1
    finish(store, success(limited))
    assert len(announced) == 1


def test_the_loss_of_a_limited_job_is_announced(store: DatabaseStore, announced: list[int]) -> None:
    join(store)
    insert_many(store, 2, gate=CAPPED)
    lose(store, claim_one(store))

    assert len(announced) == 1


def test_a_refused_end_of_a_limited_job_is_not_announced(
    store: DatabaseStore, announced: list[int]
) -> None:
    insert(store, gate=CAPPED)
    limited = claim_one(store)
    store.reap()
    finish(store, success(limited))

    assert not announced


def test_what_a_worker_gives_back_costs_its_tenant_nothing(store: DatabaseStore) -> None:
    insert_many(store, 2, tenant="a")
    claimed = claim_one(store)
    book = store._claims.books.of(WORKER)
    assert book._accounts.account("a") > 0
    store.release(WORKER, [Fence(claimed.seq, claimed.attempt)])

    assert book._accounts.account("a") == 0
    assert not book._accounts.holds(claimed.seq)


def test_a_worker_that_is_gone_leaves_no_book(store: DatabaseStore) -> None:
    for worker in ("forgotten", "late"):
        join(store, worker)
        claim(store, 1, worker)
    store.forget("forgotten")
    assert store._claims.books.find("forgotten") is None
    store.forget("late")
    claim(store, 1, "late")
    assert not store.heartbeat("late").is_alive

    assert store._claims.books.find("late") is None


def test_the_books_of_the_latest_workers_are_kept() -> None:
    books = Books(None)
    first = books.of("w0")
    for n in range(MOST_WORKERS):
        books.of(f"w{n}")
    assert books.find("w0") is first
    books.of("one more")

    assert books.find("w0") is None
    assert books.find("w1") is not None


# What SQLite remembers of a claim that found nothing.


@on_sqlite
def test_an_empty_claim_is_remembered_until_something_changes(sqlite: DatabaseStore) -> None:
    assert claim(sqlite, 5) == []
    with recorded("default") as statements:
        assert claim(sqlite, 5) == []
    assert not statements

    with recorded("default") as statements:
        assert claim(sqlite, 5, tenants=Tenants(["a"])) == []
    assert statements
    insert(sqlite)
    assert len(claim(sqlite, 5)) == 1


@on_sqlite
def test_resuming_a_tenant_is_no_write_of_a_job_and_is_seen(sqlite: DatabaseStore) -> None:
    insert(sqlite, tenant="a")
    sqlite._claims.rules = Rules({"a": TenantRule(is_paused=True)})
    assert claim(sqlite, 5) == []
    sqlite._claims.rules = Rules()

    assert len(claim(sqlite, 5)) == 1


@on_sqlite
def test_a_claim_that_passed_over_closed_lanes_is_not_remembered_as_empty(
    sqlite: DatabaseStore,
) -> None:
    insert_many(sqlite, 2, gate=CAPPED)
    claim_one(sqlite, OTHER)
    assert claim(sqlite, 5) == []
    with recorded("default") as statements:
        assert claim(sqlite, 5) == []
    assert statements


@on_sqlite
def test_a_step_between_lanes_reads_none_of_the_jobs_between_them(sqlite: DatabaseStore) -> None:
    insert_for(sqlite, [f"t{n:05}" for n in range(20_000)])
    insert(sqlite, queue="other")
    steps: list[int] = []
    connections["default"].connection.set_progress_handler(lambda: steps.append(1) and None, 1000)
    try:
        assert len(claim(sqlite, 5)) == 5
    finally:
        connections["default"].connection.set_progress_handler(None, 0)

    assert len(steps) < 20
