"""The claim walks the index of ready jobs, however many others there are."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from django_taskq.jobs.glance import Bounded
from django_taskq.jobs.limits import NO_GATE, gate_of
from django_taskq.jobs.tenants import Tenants
from django_taskq.jobs.unique import unique_key
from django_taskq.jobs.upkeep import Reaped
from django_taskq.models import Queue, Tenant
from django_taskq.options import Options
from django_taskq.situations import _paused
from django_taskq.stores.database import DatabaseStore
from django_taskq.stores.database.clock import FrozenClock
from tests.stores.database.statements import Statement, plan_of, recorded, run
from tests.stores.jobs import OTHER, WORKER, claim, failure, insert_many, join, lose, spec, success
from tests.stores.places import new_alias

ENDED = 100_000

# Ended jobs in the very queue and lane of the ready ones.
_FILL = {
    "postgresql": (
        "INSERT INTO taskq_job (public_id, backend, task, queue, tenant, args, kwargs, state,"
        " priority, band, rank, enqueued_at, finished_at) "
        "SELECT gen_random_uuid(), %s, 'tests.app.tasks.noop', 'default', '', '[]', '{}',"
        " 'SUCCESSFUL', 0, 1, 0, now(), now() FROM generate_series(1, %s)"
    ),
    "sqlite": (
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < %s) "
        "INSERT INTO taskq_job (public_id, backend, task, queue, tenant, args, kwargs, state,"
        " priority, band, rank, enqueued_at, finished_at) "
        "SELECT lower(hex(randomblob(16))), %s, 'tests.app.tasks.noop', 'default', '', '[]',"
        " '{}', 'SUCCESSFUL', 0, 1, 0, datetime('now'), datetime('now') FROM n"
    ),
}

# Rows and loops of an index scan that was run.
_STEPS = re.compile(r"Index.*taskq_job.*actual.*rows=([\d.]+) loops=(\d+)")

each_database = pytest.mark.parametrize(
    "database",
    [
        pytest.param(alias, marks=pytest.mark.django_db(transaction=True, databases=[alias]))
        for alias in ("default", "postgresql")
    ],
)
with_or_without = pytest.mark.parametrize("has_statistics", [False, True])


@pytest.fixture
def store(database: str, has_statistics: bool) -> Iterator[DatabaseStore]:
    """A store with many ended and few ready jobs."""
    opened = DatabaseStore(new_alias(), Options(database=database))
    values = [opened.alias, ENDED]
    vendor = connections[database].vendor
    run(database, _FILL[vendor], values if vendor == "postgresql" else values[::-1])
    insert_many(opened, 50)
    insert_many(opened, 50, tenant="acme", queue="emails", priority=100)
    forget_statistics(database)
    if has_statistics:
        run(database, "ANALYZE taskq_job")
    yield opened
    forget_statistics(database)
    opened.close()


def forget_statistics(database: str) -> None:
    """Put the planner back to where it is on a new table."""
    if connections[database].vendor == "postgresql":
        run(database, "DELETE FROM pg_statistic WHERE starelid = 'taskq_job'::regclass")
    elif run(database, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'"):
        run(database, "DELETE FROM sqlite_stat1")
        run(database, "ANALYZE sqlite_schema")


@each_database
@with_or_without
@pytest.mark.parametrize("queues", [None, ("default", "emails", "none")])
def test_a_claim_reads_no_ended_job(
    store: DatabaseStore, database: str, queues: tuple[str, ...] | None
) -> None:
    with recorded(database) as statements:
        assert len(claim(store, 100, queues=queues)) == 100
    insert_many(store, 10)

    for statement in statements:
        if "PRAGMA" in statement[0]:
            continue
        plan = plan_of(database, statement)
        assert "Seq Scan on taskq_job" not in plan
        assert "SCAN taskq_job" not in plan
        is_read = "UPDATE" not in statement[0]
        if is_read or connections[database].vendor == "postgresql":
            assert "taskq_job_lanes" in plan, plan
        if not is_read:
            assert "taskq_job_pkey" in plan or "INTEGER PRIMARY KEY" in plan, plan


@each_database
@with_or_without
def test_who_holds_a_predictable_id_is_found_by_its_index(
    store: DatabaseStore, database: str
) -> None:
    keys = [unique_key(store.alias, "", f"task-{number}") for number in range(100)]
    store.insert([spec(task_id="task", unique_key=key) for key in keys[:50]])
    with recorded(database) as statements:
        assert len(store.holders(keys)) == 50
    (look,) = [statement for statement in statements if "unique_key" in statement[0]]
    assert "taskq_job_unique" in plan_of(database, look)


def insert_behind_gates(store: DatabaseStore) -> None:
    """Insert jobs of many tenants behind two gates, and plain ones, in two queues."""
    for queue in ("default", "emails"):
        for gate in (gate_of("a.b", 5, None), gate_of("c.d", 5, None), NO_GATE):
            specs = [spec(queue=queue, gate=gate, tenant=f"t{n}") for n in range(40)]
            store.insert(specs)


def check_looks(database: str, statements: list[Statement]) -> None:
    """Check that each look for lanes walks the index of ready jobs and reads nothing else."""
    looks = [
        (sql, params)
        for sql, params in statements
        if "taskq_job" in sql and "tenant" in sql and "public_id" not in sql
    ]
    assert looks
    for statement in looks:
        plan = plan_of(database, statement)
        assert "taskq_job_lanes" in plan, plan
        assert "Seq Scan on taskq_job" not in plan, plan
        assert "SCAN taskq_job" not in plan, plan


@each_database
@with_or_without
@pytest.mark.parametrize("queues", [None, ("default", "emails", "none")])
def test_looking_behind_gates_reads_no_ended_job(
    store: DatabaseStore, database: str, queues: tuple[str, ...] | None
) -> None:
    insert_behind_gates(store)
    with recorded(database) as statements:
        claims = claim(store, 10, queues=queues)

    assert len(claims) == 10
    check_looks(database, statements)


@each_database
@with_or_without
@pytest.mark.parametrize("queues", [None, ("default", "emails", "none")])
def test_looking_for_tenants_by_name_reads_no_ended_job(
    store: DatabaseStore, database: str, queues: tuple[str, ...] | None
) -> None:
    insert_behind_gates(store)
    with recorded(database) as statements:
        claims = claim(store, 10, queues=queues, tenants=Tenants(["t5", "t7", "nobody"]))

    assert {claimed.tenant for claimed in claims} == {"t5", "t7"}
    check_looks(database, statements)


@pytest.mark.django_db(transaction=True, databases=["postgresql"])
@pytest.mark.parametrize("database", ["postgresql"])
@with_or_without
@pytest.mark.parametrize("queues", [None, ("default", "emails")])
def test_a_look_takes_one_step_for_each_lane_however_many_there_are(
    store: DatabaseStore, database: str, queues: tuple[str, ...] | None
) -> None:
    store.insert([spec(tenant=f"t{n:05}") for n in range(10_000)])
    store.insert([spec(tenant=f"t{n:05}", gate=gate_of("a.b", 5, None)) for n in range(5000)])
    with recorded(database) as statements:
        assert len(claim(store, 40, queues=queues)) == 40

    looks = [(sql, params) for sql, params in statements if "RECURSIVE lane" in sql]
    assert len(looks) == 2
    for sql, params in looks:
        plan = "\n".join(row[0] for row in run(database, f"EXPLAIN (ANALYZE) {sql}", params))
        steps = [
            float(rows) * int(loops)
            for rows, loops in re.findall(
                r"Index.*taskq_job.*actual.*rows=([\d.]+) loops=(\d+)", plan
            )
        ]
        assert 0 < sum(steps) < 200, plan


@each_database
@with_or_without
def test_an_idle_claim_and_promote_read_no_ended_job(store: DatabaseStore, database: str) -> None:
    claim(store, 100)
    with recorded(database) as statements:
        assert claim(store, 100) == []
        assert store.promote(100).count == 0

    assert len([sql for sql, _ in statements if "PRAGMA" not in sql]) == 2
    for statement in statements:
        if "PRAGMA" not in statement[0]:
            plan = plan_of(database, statement)
            assert "taskq_job_lanes" in plan or "taskq_job_due" in plan, plan


@each_database
@with_or_without
def test_a_reap_and_a_prune_in_vain_read_no_ended_job(store: DatabaseStore, database: str) -> None:
    join(store)
    assert len(claim(store, 50)) == 50
    with recorded(database) as statements:
        assert store.reap() == Reaped()
        assert store.prune(100) == 0

    looks = [statement for statement in statements if "taskq_job" in statement[0]]
    assert len(looks) == 2
    for statement, index in zip(looks, ("taskq_job_running", "taskq_job_ended"), strict=True):
        plan = plan_of(database, statement)
        assert index in plan, plan
        assert "Seq Scan on taskq_job" not in plan, plan
        assert "SCAN taskq_job" not in plan, plan


@each_database
@with_or_without
def test_a_planner_that_expects_old_jobs_everywhere_looks_for_them_in_the_index(
    store: DatabaseStore, database: str
) -> None:
    next_year = FrozenClock(datetime.now(UTC) + timedelta(days=365))
    later = DatabaseStore(store.alias, store.options, clock=next_year)
    with recorded(database) as statements:
        assert later.prune(1) == 1

    plan = plan_of(database, statements[0])
    assert "taskq_job_ended" in plan, plan
    assert "Seq Scan on taskq_job" not in plan, plan
    assert "SCAN taskq_job" not in plan, plan


@pytest.mark.django_db(transaction=True, databases=["postgresql"])
@pytest.mark.parametrize("database", ["postgresql"])
@with_or_without
def test_finishing_and_taking_back_read_no_ended_job(store: DatabaseStore, database: str) -> None:
    claims = claim(store, 100)
    with recorded(database) as statements:
        store.finish(WORKER, [success(claimed) for claimed in claims[:90]])
        store.finish(WORKER, [failure(claimed) for claimed in claims[90:99]])
        store.reap()

    assert not store.insights().depth("RUNNING")
    for sql, params in statements:
        if "taskq_job" in sql:
            plan = plan_of(database, (sql, params))
            assert "Seq Scan on taskq_job" not in plan, plan


@each_database
@with_or_without
@pytest.mark.parametrize("queues", [None, ("default", "emails")])
def test_looking_for_suspects_reads_nothing_else(
    store: DatabaseStore, database: str, queues: tuple[str, ...] | None
) -> None:
    lose(store, *claim(store, 10))
    with recorded(database) as statements:
        assert store.has_suspects()
        assert len(claim(store, 10, OTHER, suspects=True, queues=queues)) == 10
        assert claim(store, 10, OTHER, suspects=True, queues=queues) == []

    plans = [plan_of(database, statement) for statement in statements if "taskq" in statement[0]]
    assert len(plans) >= 5
    for plan, (sql, _) in zip(plans, [s for s in statements if "taskq" in s[0]], strict=True):
        assert "Seq Scan on taskq_job" not in plan
        assert "SCAN taskq_job" not in plan
        if "args" in sql:
            # What was chosen is fetched by its keys, on SQLite those of the rows.
            assert "taskq_job_pkey" in plan or "PRIMARY KEY" in plan, plan
        elif "parked_for" in sql and "UPDATE" not in sql.split()[0]:
            assert "taskq_job_parked" in plan, plan


@each_database
@with_or_without
def test_a_glance_reads_no_ended_job_and_counts_to_its_bound(
    store: DatabaseStore, database: str
) -> None:
    insert_many(store, 3, run_after=datetime.now(UTC) + timedelta(hours=1))
    with recorded(database) as statements:
        found = store.glance(40)
    ready = {each.queue: each.jobs for each in found.counts if each.state == "READY"}
    assert ready == {"default": Bounded(20, True), "emails": Bounded(20, True)}
    assert found.depth("SCHEDULED") == Bounded(3)
    assert len(statements) == 3
    for statement in statements:
        plan = plan_of(database, statement)
        assert "Seq Scan on taskq_job" not in plan, plan
        # Of what is in the index of one state alone all may be read.
        bare = [
            line for line in plan.splitlines() if "SCAN taskq_job" in line or "SCAN job" in line
        ]
        assert all("taskq_job_" in line for line in bare), plan


@each_database
@with_or_without
def test_paused_tenants_with_work_are_found_along_the_lanes(
    store: DatabaseStore, database: str
) -> None:
    Queue.objects.using(database).create(name="emails", paused=True)
    for name in ("acme", "idle"):
        Tenant.objects.using(database).create(name=name, paused=True)
    with recorded(database) as statements:
        found = _paused(database, store, ["default", "emails"])
    assert found == [("queue", "emails"), ("tenant", "acme")]
    (statement,) = statements
    plan = plan_of(database, statement)
    assert "taskq_job_lanes" in plan, plan
    assert "Seq Scan on taskq_job" not in plan, plan
