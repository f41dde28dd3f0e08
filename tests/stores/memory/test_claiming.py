"""What the memory store promises of its claims beyond the contract: no I/O, and no walks."""

import threading
from datetime import UTC, datetime
from time import perf_counter

import pytest

from django_taskq.jobs.claim import ClaimRequest
from django_taskq.jobs.fence import Fence, Note
from django_taskq.jobs.limits import gate_of
from django_taskq.jobs.rate import Rate
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule
from django_taskq.jobs.tenants import Tenants
from django_taskq.options import Options
from django_taskq.stores.base import Store
from django_taskq.stores.database.clock import FrozenClock
from django_taskq.stores.memory import MemoryStore
from django_taskq.stores.wakeup import Wakeup
from tests.stores.jobs import (
    OTHER,
    TASK,
    WORKER,
    claim,
    claim_one,
    failure,
    finish,
    insert,
    insert_many,
    join,
    lose,
    spec,
    success,
)

MANY = 100_000
# Seconds for what takes a fraction of one; a walk over all that waits takes many times as long.
SHORT = 5.0


class Rows:
    """The rows of tenants and queues, and which threads have read them."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = Rules() if rules is None else rules
        self.error: Exception | None = None
        self.readers: list[threading.Thread] = []

    def read(self) -> Rules:
        """Return what the rows say."""
        self.readers.append(threading.current_thread())
        if self.error is not None:
            raise self.error
        return self.rules


def open_store(rows: Rows | None = None, **options: object) -> MemoryStore:
    """Return a store as a thread pool opens it."""
    rows = Rows() if rows is None else rows
    return MemoryStore("threads", Options(max_results=MANY, **options), rules=rows.read)  # type: ignore[arg-type]


def listen(store: Store, worker: str = "idle") -> Wakeup:
    """Return the wakeup of an armed worker that hears."""
    wakeup = Wakeup()
    store.arm(worker)
    store.wait(worker, wakeup, 0)
    return wakeup


def seconds_of(store: Store, claims: int, **values: object) -> float:
    """Return how long so many claims of ten jobs take."""
    request = ClaimRequest(WORKER, 10, **values)  # type: ignore[arg-type]
    before = perf_counter()
    for _ in range(claims):
        store.claim(request)
    return perf_counter() - before


# What operators say.


def test_only_join_and_refresh_read_rows() -> None:
    rows = Rows(Rules({"acme": TenantRule(max_running=1)}))
    store = open_store(rows)
    insert_many(store, 5, tenant="acme")
    assert len(claim(store, 5)) == 5
    join(store)
    assert rows.readers == [threading.current_thread()]
    insert_many(store, 5, tenant="acme")
    store.forget(WORKER)
    (claimed,) = claim(store, 5)
    finish(store, success(claimed))
    assert len(claim(store, 5)) == 1
    assert len(rows.readers) == 1
    store.refresh()

    assert len(rows.readers) == 2


def test_a_change_that_operators_make_wakes_armed_workers() -> None:
    rows = Rows(Rules({"acme": TenantRule(is_paused=True)}))
    store = open_store(rows)
    store.refresh()
    id = insert(store, tenant="acme")
    assert claim(store) == []
    wakeup = listen(store)
    rows.rules = Rules()
    store.refresh()

    assert wakeup.is_set()
    assert claim_one(store).id == id


def test_rows_that_say_what_they_said_wake_nobody() -> None:
    rows = Rows(Rules({"acme": TenantRule(weight=2)}, {"mail": QueueRule(max_running=1)}))
    store = open_store(rows)
    store.refresh()
    wakeup = listen(store)
    rows.rules = Rules({"acme": TenantRule(weight=2)}, {"mail": QueueRule(max_running=1)})
    store.refresh()

    assert not wakeup.is_set()


def test_rows_that_cannot_be_read_change_nothing() -> None:
    rows = Rows(Rules({"acme": TenantRule(is_paused=True)}))
    store = open_store(rows)
    store.refresh()
    insert(store, tenant="acme")
    rows.error = OSError("no database")
    with pytest.raises(OSError, match="no database"):
        store.refresh()

    assert claim(store) == []


# Limits.


@pytest.mark.parametrize("whose", ["task", "tenant", "queue"])
def test_a_job_that_ends_wakes_those_who_found_its_limit_reached(whose: str) -> None:
    cap = 2
    rules = {
        "task": Rules(),
        "tenant": Rules({"acme": TenantRule(max_running=cap)}),
        "queue": Rules(queues={"default": QueueRule(max_running=cap)}),
    }
    store = open_store(Rows(rules[whose]))
    store.refresh()
    gate = gate_of(TASK, cap, None) if whose == "task" else ""
    insert_many(store, 3, tenant="acme", gate=gate)
    first, second = claim(store, 3)
    assert claim(store, 3, OTHER) == []
    wakeup = listen(store, OTHER)
    finish(store, success(first))
    assert wakeup.is_set()
    wakeup.clear()
    # One more may start already: nobody waits for this one.
    finish(store, success(second))

    assert not wakeup.is_set()
    assert len(claim(store, 3, OTHER)) == 1


def test_a_job_that_is_canceled_while_it_runs_wakes_them_too() -> None:
    store = open_store()
    first, _ = insert_many(store, 2, gate=gate_of(TASK, 1, None))
    claimed = claim_one(store)
    store.cancel([first])
    wakeup = listen(store)
    finish(store, failure(claimed))

    assert wakeup.is_set()
    assert claim_one(store).id != first


def test_jobs_without_limits_wake_nobody_when_they_end() -> None:
    store = open_store(Rows(Rules({"acme": TenantRule(max_running=1)})))
    store.refresh()
    insert_many(store, 2)
    claims = claim(store, 2)
    wakeup = listen(store)
    finish(store, *[success(claimed) for claimed in claims])

    assert not wakeup.is_set()


def test_a_cap_counts_what_ran_before_anything_was_counted() -> None:
    store = open_store()
    insert_many(store, 3)
    running = claim(store, 3)
    gate = gate_of(TASK, 3, None)
    insert_many(store, 3, gate=gate)
    assert claim(store, 3) == []
    finish(store, success(running[0]))

    assert len(claim(store, 3)) == 1


def test_nothing_is_left_of_the_counts_of_jobs_that_ended() -> None:
    store = open_store()
    for n in range(100):
        insert(store, tenant=f"t{n}", queue=f"q{n}", gate=gate_of(TASK, 200, None))
    claims = claim(store, 100)
    finish(store, *[success(claimed) for claimed in claims[:50]])
    store.release(WORKER, [Fence(claimed.seq, claimed.attempt) for claimed in claims[50:60]])
    lose(store, *claims[60:])
    claims = claim(store, 100)
    assert len(claims) == 50
    finish(store, *[success(claimed) for claimed in claims])

    assert store._board.limits._running == ({}, {}, {}, {})


def test_the_time_until_the_next_start_runs_down() -> None:
    store = open_store()
    insert_many(store, 2, gate=gate_of(TASK, None, "1/h"))
    assert len(claim(store, 5)) == 1
    first = store.opens_in(WORKER)
    second = store.opens_in(WORKER)

    assert first is not None
    assert second is not None
    assert 3600 < second < first < 3600 + 2 * Rate(1, 3600.0).slack + 1


def test_a_job_must_start_soon_only_where_its_start_was_counted() -> None:
    rows = Rows(Rules({"acme": TenantRule(rate=Rate(1, 1.0))}))
    store = open_store(rows)
    store.refresh()
    insert(store, tenant="acme")
    claimed = claim_one(store)
    assert claimed.start_by is not None
    store.release(WORKER, [Fence(claimed.seq, claimed.attempt)])
    rows.rules = Rules()
    store.refresh()

    assert claim_one(store).start_by is None


# Accounts.


def test_a_job_whose_process_died_is_charged_for_as_long_as_it_is_known_to_have_run() -> None:
    clock = FrozenClock(datetime.now(UTC))
    store = MemoryStore("processes", Options(), clock=lambda: clock.at)
    insert(store, tenant="a")
    claimed = claim_one(store)
    accounts = store._board.hands[WORKER].accounts
    store.note(WORKER, [Note(claimed.seq, claimed.attempt, started_at=clock.at)])
    clock.move(100)
    lose(store, claimed)

    assert not accounts.holds(claimed.seq)
    assert accounts.account("a") == pytest.approx(100, abs=1)


def test_a_worker_that_leaves_takes_its_accounts_with_it() -> None:
    store = open_store()
    insert_many(store, 2)
    join(store)
    claim(store)
    store.forget(WORKER)

    assert not store._board.hands


def test_a_lone_tenant_is_charged_as_any_other() -> None:
    store = open_store()
    insert_many(store, 5, tenant="long")
    claims = claim(store, 5)
    finish(store, *[success(claimed) for claimed in claims])
    insert_many(store, 5, tenant="long")
    insert_many(store, 5, tenant="new")

    # 25 ms of worker time against none.
    assert [claimed.tenant for claimed in claim(store, 5)] == ["new"] * 5


# Many of everything.


def test_a_claim_stays_short_among_100_000_tenants() -> None:
    store = open_store()
    store.insert([spec(tenant=f"t{n:06}") for n in range(MANY)])
    claim(store)
    before = perf_counter()
    for _ in range(50):
        claims = claim(store, 100)
        assert len({claimed.tenant for claimed in claims}) == 100
        finish(store, *[success(claimed) for claimed in claims])

    # Some 0.1 s.
    assert perf_counter() - before < SHORT


def test_100_000_jobs_behind_a_closed_gate_cost_a_claim_nothing() -> None:
    store = open_store()
    gate = gate_of(TASK, 1, None)
    store.insert([spec(gate=gate, tenant=f"t{n % 1000}", priority=50) for n in range(MANY)])
    assert len(claim(store, 10)) == 1
    ids = set(insert_many(store, 20))

    assert {claimed.id for claimed in claim(store, 20)} == ids
    # Some 0.01 s.
    assert seconds_of(store, 2_000) < SHORT


def test_thousands_of_tenants_that_may_not_start_are_passed_over_quickly() -> None:
    rule = TenantRule(rate=Rate(1, 3600.0))
    names = [f"t{n:05}" for n in range(10_000)]
    store = open_store(Rows(Rules(dict.fromkeys(names, rule))))
    store.refresh()
    store.insert([spec(tenant=name) for name in names for _ in range(2)])
    for _ in range(100):
        assert len(claim(store, 100)) == 100
    id = insert(store, tenant="z")

    assert [claimed.id for claimed in claim(store, 5)] == [id]
    # Some 0.2 s; to work out anew when each of them may start takes ten times as long.
    assert seconds_of(store, 100) < SHORT


def test_a_long_list_of_tenants_costs_no_walk() -> None:
    store = open_store()
    mine = Tenants(f"t{n:06}" for n in range(0, MANY, 2))
    store.insert([spec(tenant=f"t{n:06}") for n in range(1, MANY, 2)])
    assert claim(store, 5, tenants=mine) == []
    # Some 0.02 s; a walk over the names takes half a minute.
    assert seconds_of(store, 2_000, tenants=mine) < SHORT
    id = insert(store, tenant="t050000")

    assert [claimed.id for claimed in claim(store, 5, tenants=mine)] == [id]


def test_a_worker_sees_its_tenants_come_and_go() -> None:
    store = open_store()
    mine, rest = Tenants(["a", "c", "e"]), Tenants(["a", "c", "e"], is_rest=True)
    insert_many(store, 2, tenant="b")
    assert claim(store, 5, tenants=mine) == []
    ids = [insert(store, tenant=name) for name in ("e", "c", "d")]

    assert [claimed.tenant for claimed in claim(store, 1, tenants=mine)] == ["c"]
    store.cancel([ids[0]])
    assert claim(store, 5, tenants=mine) == []
    assert [claimed.tenant for claimed in claim(store, 5, tenants=rest)] == ["d", "b", "b"]
    insert(store, tenant="a")
    assert [claimed.tenant for claimed in claim(store, 5, tenants=mine)] == ["a"]
