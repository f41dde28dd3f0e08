"""Limits under real concurrency, and what they cost: nothing to those who have none."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, NamedTuple

import pytest
from django.db import connections, transaction

from django_taskq.jobs.claim import Claim, ClaimRequest
from django_taskq.jobs.lanes import Lane
from django_taskq.jobs.limits import NO_GATE, gate_of, read_gate
from django_taskq.jobs.outcome import Verdict
from django_taskq.jobs.rate import read_rate
from django_taskq.jobs.rules import QueueRule, Rules, TenantRule
from django_taskq.models import Limit
from django_taskq.options import Options
from django_taskq.stores.database import DatabaseStore
from django_taskq.stores.database.clock import FrozenClock
from django_taskq.stores.database.limited import Limited, LimitedTake, LimitedVisit
from django_taskq.stores.database.limits import LimitRows
from django_taskq.stores.wakeup import Wakeup
from tests.deadlines import wait_until
from tests.stores.database.statements import plan_of, recorded, run
from tests.stores.jobs import (
    OTHER,
    TASK,
    WORKER,
    Thread,
    claim,
    finish,
    insert,
    insert_many,
    lose,
    outcome,
    retry,
    spec,
    success,
)
from tests.stores.places import DatabasePlace, durable_places, new_alias

THREADS = 6
CAP = 3
LANE = Lane("default", 1, "")

POSTGRESQL = "postgresql"
on_postgresql = pytest.mark.django_db(transaction=True, databases=[POSTGRESQL])
each_place = pytest.mark.parametrize("place", durable_places())
each_database = pytest.mark.parametrize(
    "database",
    [
        pytest.param(alias, marks=pytest.mark.django_db(transaction=True, databases=[alias]))
        for alias in ("default", POSTGRESQL)
    ],
)


class Scene(NamedTuple):
    """Jobs under limits: the rules, the columns of each job, and by which they are counted."""

    rules: Rules
    jobs: list[dict[str, Any]]
    caps: dict[str, Callable[[Claim], str]]


def by_task(claimed: Claim) -> str:
    """Return what a cap of a task counts by."""
    return claimed.task


def by_tenant(claimed: Claim) -> str:
    """Return what a cap of a tenant counts by."""
    return claimed.tenant


def by_queue(claimed: Claim) -> str:
    """Return what a cap of a queue counts by."""
    return claimed.queue


GATE = gate_of(TASK, CAP, None)
FULL_TENANT = {"a": TenantRule(max_running=CAP)}
FULL_QUEUE = {"x": QueueRule(max_running=CAP)}
SCENES = {
    "task": Scene(Rules(), [{"gate": GATE}], {TASK: by_task}),
    "tenant": Scene(Rules(FULL_TENANT), [{"tenant": "a"}], {"a": by_tenant}),
    "queue": Scene(Rules(queues=FULL_QUEUE), [{"queue": "x"}], {"x": by_queue}),
    "all": Scene(
        Rules(FULL_TENANT, FULL_QUEUE),
        [
            {"tenant": "a", "queue": "y", "task": "tests.app.tasks.add"},
            {"tenant": "b", "queue": "x", "task": "tests.app.tasks.add"},
            {"tenant": "a", "queue": "x", "gate": GATE},
            {"tenant": "b", "queue": "y", "gate": GATE},
        ],
        {TASK: by_task, "a": by_tenant, "x": by_queue},
    ),
}


class Journal:
    """What ran at once, as the workers saw it.

    A job is counted from after its claim until before its end is written, which is less than
    what the store counts: more than a cap here is more than a cap there.
    """

    def __init__(self, caps: dict[str, Callable[[Claim], str]]) -> None:
        self.most: Counter[str] = Counter()
        self.ended = 0
        self._caps = caps
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, claims: list[Claim]) -> None:
        """Count jobs that run from now on."""
        with self._lock:
            for name in self._names(claims):
                self._running[name] += 1
                self.most[name] = max(self.most[name], self._running[name])

    def leave(self, claims: list[Claim], *, ended: int) -> None:
        """Count jobs that run no more, though nobody else can know."""
        with self._lock:
            self.ended += ended
            self._running.subtract(self._names(claims))

    def _names(self, claims: list[Claim]) -> list[str]:
        return [name for name, by in self._caps.items() for c in claims if by(c) == name]


def stores_of(place: DatabasePlace, rules: Rules, count: int) -> list[DatabaseStore]:
    """Return stores of one alias, as processes of their own would have them."""
    first = place.open()
    assert isinstance(first, DatabaseStore)
    place.rule(first, rules)
    others = [DatabaseStore(first.alias, first.options, first.vendor) for _ in range(count - 1)]
    for store in others:
        store.refresh()
    return [first, *others]


def work_at_random(store: DatabaseStore, worker: str, journal: Journal, wanted: int) -> None:
    """Claim and end jobs, in all the ways there are, until so many have ended in all."""
    chance = random.Random(worker)
    held: list[Claim] = []

    def step() -> bool:
        taken = claim(store, chance.randint(1, 4), worker)
        journal.enter(taken)
        held.extend(taken)
        chance.shuffle(held)
        leaving = [held.pop() for _ in range(chance.randint(0, len(held)))]
        ends = chance.choices([success, retry, released], [6, 1, 1], k=len(leaving))
        journal.leave(leaving, ended=ends.count(success))
        finish(store, *(end(c) for end, c in zip(ends, leaving, strict=True)), worker=worker)
        return journal.ended >= wanted

    wait_until(step, timeout=60, what="all jobs to end")
    journal.leave(held, ended=0)


def released(claimed: Claim) -> Any:
    """Return the outcome of a job that was given back."""
    return outcome(claimed, Verdict.RELEASED, started_at=None, finished_at=None, worker_ids=None)


@each_place
@pytest.mark.parametrize("name", SCENES)
def test_threads_that_claim_at_once_never_run_more_than_a_cap(
    place: DatabasePlace, name: str
) -> None:
    scene = SCENES[name]
    stores = stores_of(place, scene.rules, THREADS)
    wanted = 60
    kinds = len(scene.jobs)
    stores[0].insert([spec(**scene.jobs[n % kinds]) for n in range(wanted)])
    journal = Journal(scene.caps)
    threads = [
        Thread(lambda n=n: work_at_random(stores[n], f"w{n}", journal, wanted))  # type: ignore[misc]
        for n in range(THREADS)
    ]
    running = watch(stores[0], place.database, scene, threads)
    for thread in threads:
        thread.result(90)

    for cap in scene.caps:
        assert running[cap] <= CAP
        assert journal.most[cap] == CAP


def watch(store: DatabaseStore, database: str, scene: Scene, threads: list[Thread]) -> Counter[str]:
    """Return the most jobs that were seen to run at once, by what each cap counts."""
    columns = {by_task: "task", by_tenant: "tenant", by_queue: "queue"}
    most: Counter[str] = Counter()

    def look() -> bool:
        for name, by in scene.caps.items():
            ((count,),) = run(
                database,
                f"SELECT count(*) FROM taskq_job WHERE backend = %s AND state = 'RUNNING'"
                f" AND {columns[by]} = %s",
                (store.alias, name),
            )
            most[name] = max(most[name], count)
        return not any(thread.is_running() for thread in threads)

    wait_until(look, timeout=90, what="the workers to end")
    return most


@each_place
def test_threads_that_claim_at_once_start_no_more_than_a_rate(place: DatabasePlace) -> None:
    rate = read_rate("40/s")
    stores = stores_of(place, Rules({"b": TenantRule(rate=rate)}), THREADS)
    limited = gate_of(TASK, None, str(rate))
    insert_many(stores[0], 200, tenant="a", gate=limited)
    insert_many(stores[0], 200, tenant="b", task="tests.app.tasks.add")
    starts: dict[str, list[datetime]] = {"a": [], "b": []}
    wanted = 2 * rate.starts

    def work(store: DatabaseStore, worker: str) -> None:
        wakeup = Wakeup()

        def step() -> bool:
            for claimed in claim(store, 3, worker):
                starts[claimed.tenant].append(claimed.claimed_at)
            wakeup.wait(min(0.05, store.opens_in(worker) or 0.0))
            return all(len(found) >= wanted for found in starts.values())

        wait_until(step, timeout=60, what="jobs to start")

    threads = [Thread(lambda n=n: work(stores[n], f"w{n}")) for n in range(THREADS)]  # type: ignore[misc]
    for thread in threads:
        thread.result(90)
    for found in starts.values():
        assert most_in(sorted(found), rate.period) <= rate.starts


def most_in(starts: list[datetime], period: float) -> int:
    """Return the most starts in any window of so many seconds."""
    window = timedelta(seconds=period)
    return max(
        sum(first <= s < first + window for s in starts[n:]) for n, first in enumerate(starts)
    )


@each_place
def test_solo_workers_that_claim_at_once_keep_to_the_caps(place: DatabasePlace) -> None:
    stores = stores_of(place, Rules({"a": TenantRule(max_running=CAP)}), THREADS)
    insert_many(stores[0], 20, gate=gate_of(TASK, 40, None), tenant="b")
    insert_many(stores[0], 20, task="tests.app.tasks.add", tenant="c")
    taken = claim(stores[0], 40)
    lose(stores[0], *taken)
    with connections[place.database].cursor() as cursor:
        cursor.execute("UPDATE taskq_job SET tenant = 'a' WHERE backend = %s", [stores[0].alias])
    journal = Journal({"a": by_tenant})

    def work(store: DatabaseStore, worker: str) -> None:
        def step() -> bool:
            claims = claim(store, 2, worker, suspects=True)
            journal.enter(claims)
            journal.leave(claims, ended=len(claims))
            finish(store, *map(success, claims), worker=worker)
            return journal.ended >= len(taken)

        wait_until(step, timeout=60, what="all suspects to end")

    threads = [Thread(lambda n=n: work(stores[n], f"w{n}")) for n in range(THREADS)]  # type: ignore[misc]
    for thread in threads:
        thread.result(90)
    assert 1 <= journal.most["a"] <= CAP
    assert journal.ended == len(taken)


@pytest.fixture
def store() -> Iterator[DatabaseStore]:
    """A store on PostgreSQL, where row locks let two claims meet half-way."""
    opened = DatabaseStore(new_alias(), Options(database=POSTGRESQL))
    yield opened
    opened.close()


def take(
    store: DatabaseStore,
    *gates: str,
    worker: str = WORKER,
    most: int = 10,
    rules: Rules | None = None,
) -> LimitedTake:
    """Take from one lane past its limits, without looking for it."""
    visit = LimitedVisit(LANE, gates, most)
    return Limited(store._place).take(ClaimRequest(worker, most), [visit], most, rules or Rules())


@on_postgresql
def test_a_claim_passes_over_a_limit_that_somebody_else_has_locked(store: DatabaseStore) -> None:
    other = gate_of("tests.app.tasks.add", 5, None)
    insert_many(store, 5, gate=GATE)
    insert_many(store, 5, gate=other, task="tests.app.tasks.add")
    # Rows that are made in an open transaction would be waited for.
    LimitRows(store._place).look([read_gate(GATE).limit])
    with transaction.atomic(using=POSTGRESQL):
        assert len(take(store, GATE).taken) == CAP
        second = Thread(lambda: take(store, GATE, other, worker=OTHER)).result()

    assert [row.claim.task for row in second.taken] == ["tests.app.tasks.add"] * 5
    assert (LANE, GATE) in second.closed
    assert second.opens_in is not None
    assert 0 < second.opens_in < 0.05


@on_postgresql
def test_a_claim_that_was_rolled_back_leaves_its_limits_as_they_were(store: DatabaseStore) -> None:
    limited = gate_of(TASK, 1, "1/h")
    insert(store, gate=limited)
    with transaction.atomic(using=POSTGRESQL):
        assert len(take(store, limited).taken) == 1
        transaction.set_rollback(True, using=POSTGRESQL)

    assert len(take(store, limited).taken) == 1


@on_postgresql
@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_cap_holds_whatever_the_isolation_of_the_project_is(
    store: DatabaseStore, isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert_many(store, 5, gate=gate_of(TASK, 1, None))
    lock = LimitRows.lock
    first: list[list[Claim]] = []

    def lock_late(rows: LimitRows, bounds: Any, patience: float) -> Any:
        # The first statement of a transaction fixes what a strict one sees.
        run(POSTGRESQL, "SELECT count(*) FROM taskq_job")
        monkeypatch.setattr(LimitRows, "lock", lock)
        first.append(Thread(lambda: claim(store, 5, OTHER)).result())
        return lock(rows, bounds, patience)

    def claim_strictly() -> list[Claim]:
        run(POSTGRESQL, f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {isolation}")
        return claim(store, 5)

    monkeypatch.setattr(LimitRows, "lock", lock_late)
    second = Thread(claim_strictly).result()
    assert [len(first[0]), len(second)] == [1, 0]


@on_postgresql
def test_jobs_that_others_have_locked_are_made_up_for(store: DatabaseStore) -> None:
    ids = insert_many(store, 9, gate=gate_of(TASK, 5, None))
    with transaction.atomic(using=POSTGRESQL):
        store.cancel(ids[:3])
        taken = Thread(lambda: take(store, gate_of(TASK, 5, None)).taken).result()

    assert [row.claim.id for row in taken] == ids[3:8]


@each_database
def test_visits_are_served_one_job_each_in_turn_in_the_order_given(database: str) -> None:
    store = DatabaseStore(new_alias(), Options(database=database))
    limited = gate_of(TASK, 5, None)
    for name in ("a", "b"):
        insert_many(store, 5, tenant=name, gate=limited)

    def visits(names: str, share: int) -> list[LimitedVisit]:
        return [LimitedVisit(Lane("default", 1, name), (limited,), share) for name in names]

    def served(wanted: list[LimitedVisit]) -> str:
        taken = Limited(store._place).take(ClaimRequest(WORKER, 10), wanted, 10, Rules()).taken
        finish(store, *(success(row.claim) for row in taken))
        return "".join(row.claim.tenant for row in taken)

    assert served(visits("ba", 2)) == "baba"
    assert served(visits("bba", 1)) == "bba"
    assert served(visits("aaab", 1)) == "aab"


@each_database
def test_rows_of_limits_are_made_once_and_made_again_when_they_are_gone(database: str) -> None:
    store = DatabaseStore(new_alias(), Options(database=database))
    limited = gate_of(TASK, None, "1/h")
    rules = Rules({"": TenantRule(max_running=5)}, {"default": QueueRule(max_running=5)})
    insert_many(store, 3, gate=limited)
    rows = Limit.objects.using(database).filter(backend=store.alias)
    assert len(take(store, limited, rules=rules).taken) == 1
    assert len(take(store, limited, rules=rules).taken) == 0

    known = dict(rows.values_list("key", "next_at"))
    assert sorted(known) == ["queue:default", f"task:{TASK}", "tenant:"]
    assert [key for key, next_at in known.items() if next_at] == [f"task:{TASK}"]
    rows.delete()
    assert len(take(store, limited, rules=rules).taken) == 1


@each_database
def test_a_claim_is_a_handful_of_statements(database: str) -> None:
    store = DatabaseStore(new_alias(), Options(database=database))
    limited = gate_of(TASK, 5, "1000/s")
    rules = Rules({"": TenantRule(max_running=50)}, {"default": QueueRule(max_running=50)})
    insert_many(store, 10, gate=limited)
    insert_many(store, 10)
    take(store, limited, NO_GATE, most=1, rules=rules)
    with recorded(database) as statements:
        assert len(take(store, limited, NO_GATE, most=3, rules=rules).taken) == 3
    with recorded(database) as in_vain:
        claim(store, 4)
        take(store, limited, rules=rules)
    sent = [sql for sql, _ in statements if "SAVEPOINT" not in sql and sql != "BEGIN IMMEDIATE"]

    assert len(sent) <= (8 if database == POSTGRESQL else 9), sent
    assert not any("FOR UPDATE" in sql for sql, _ in in_vain[-2:])


_FILL = {
    "postgresql": (
        "INSERT INTO taskq_job (public_id, backend, task, queue, tenant, args, kwargs, state,"
        " priority, band, rank, enqueued_at, gate) "
        "SELECT gen_random_uuid(), %s, 'tests.app.tasks.noop', 'default', '', '[]', '{}',"
        " 'READY', 50, 1, -50, now(), %s FROM generate_series(1, 100000)"
    ),
    "sqlite": (
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100000) "
        "INSERT INTO taskq_job (public_id, backend, task, queue, tenant, args, kwargs, state,"
        " priority, band, rank, enqueued_at, gate) "
        "SELECT lower(hex(randomblob(16))), %s, 'tests.app.tasks.noop', 'default', '', '[]',"
        " '{}', 'READY', 50, 1, -50, datetime('now'), %s FROM n"
    ),
}


@each_database
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "open"])
def test_many_jobs_behind_a_gate_cost_a_claim_nothing(database: str, is_closed: bool) -> None:
    vendor = connections[database].vendor
    store = DatabaseStore(new_alias(), Options(database=database))
    limited = gate_of("tests.app.tasks.add", 1 if is_closed else 1_000_000, None)
    insert(store, task="tests.app.tasks.add", gate=limited)
    assert len(take(store, limited).taken) == 1
    insert_many(store, 100)

    def typical() -> float:
        times = []
        for _ in range(15):
            start = perf_counter()
            assert len(take(store, limited, NO_GATE, most=2).taken) == 2
            times.append(perf_counter() - start)
        return sorted(times)[len(times) // 2]

    before = typical()
    run(database, _FILL[vendor], (store.alias, limited))
    after = typical()
    with recorded(database) as statements:
        (first, _) = take(store, limited, NO_GATE, most=2).taken

    assert first.claim.task == TASK
    assert (first.claim.priority == 0) is is_closed
    # Reading 100,000 rows takes fifty times as long as such a claim; a busy machine, some more.
    assert after < 5 * before + 0.02
    for statement in statements:
        if "taskq_job" not in statement[0]:
            continue
        plan = plan_of(database, statement)
        assert "Seq Scan on taskq_job" not in plan, plan
        assert "SCAN taskq_job" not in plan, plan
        if "rank" in statement[0].partition("FROM")[0] and "args" not in statement[0]:
            assert "taskq_job_lanes" in plan, plan
        if "COUNT" in statement[0].upper():
            assert "taskq_job_running" in plan, plan
        if "args" in statement[0] and vendor == "postgresql":
            assert "taskq_job_pkey" in plan, plan


@each_database
def test_what_runs_is_counted_without_a_look_at_what_waits_or_has_ended(database: str) -> None:
    store = DatabaseStore(new_alias(), Options(database=database))
    limited = gate_of(TASK, 5, None)
    vendor = connections[database].vendor
    run(database, _FILL[vendor].replace("'READY'", "'SUCCESSFUL'"), (store.alias, limited))
    insert_many(store, 3, gate=limited)
    run(database, "ANALYZE taskq_job")
    rules = Rules({"": TenantRule(max_running=50)}, {"default": QueueRule(max_running=50)})
    with recorded(database) as statements:
        assert len(take(store, limited, rules=rules).taken) == 3

    plans = [plan_of(database, one) for one in statements if "COUNT(" in one[0]]
    assert len(plans) == 2
    for plan in plans:
        assert "taskq_job_running" in plan, plan


@each_database
def test_the_moments_of_a_rate_are_those_of_the_stores_clock(database: str) -> None:
    rate = read_rate("6/m")
    clock = FrozenClock(datetime.fromisoformat("2031-03-30T01:30:00.123456+00:00"))
    store = DatabaseStore(new_alias(), Options(database=database), clock=clock)
    limited = gate_of(TASK, None, str(rate))
    insert_many(store, 3, gate=limited)
    (row,) = take(store, limited).taken
    kept = Limit.objects.using(database).get(backend=store.alias).next_at

    assert row.claim.claimed_at == clock.at
    assert kept == rate.spend(None, clock.at, 1)
    wait = take(store, limited).opens_in
    assert wait is not None
    assert wait == rate.opens_in(kept, clock.at)
    clock.move(wait - 0.000001)
    assert len(take(store, limited).taken) == 0
    clock.move(0.000001)
    assert len(take(store, limited).taken) == 1
