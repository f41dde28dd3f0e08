"""What backlogs cost: lanes are counted to a bound along their index, and say where they were."""

from collections.abc import Iterator

import pytest

from django_taskq.jobs.backlogs import BacklogQuery
from django_taskq.jobs.depths import Depth
from django_taskq.options import Options
from django_taskq.stores.database import DatabaseStore
from django_taskq.stores.database import backlogs as reads
from django_taskq.stores.database.vendors import stepping
from tests.stores.database.statements import plan_of, recorded, run
from tests.stores.database.test_plans import each_database, forget_statistics
from tests.stores.jobs import insert_later, insert_many
from tests.stores.places import new_alias


@pytest.fixture
def store(database: str) -> Iterator[DatabaseStore]:
    """A store with a long lane of one tenant and short ones of many."""
    opened = DatabaseStore(new_alias(), Options(database=database))
    insert_many(opened, 60, tenant="long")
    for n in range(30):
        insert_many(opened, 2, tenant=f"short{n:02}", queue="emails")
    insert_many(opened, 3, tenant="long", queue="sms", priority=100)
    run(database, "ANALYZE taskq_job")
    yield opened
    forget_statistics(database)
    opened.close()


@each_database
def test_a_long_lane_is_counted_to_its_bound_and_says_so(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "COUNTED", 90)
    monkeypatch.setattr(stepping, "LEAST", 5)
    monkeypatch.setattr(stepping, "LOOKED_AT", 9)
    found = store.backlogs(BacklogQuery(("long", "short07", "nobody"))).by_tenant
    assert found.keys() == {"long", "short07"}
    assert found["long"].depth == Depth(ready=10 + 3)
    assert (found["long"].more, found["long"].has_older) == ({"READY"}, True)
    assert (found["short07"].depth.ready, found["short07"].more) == (2, frozenset())


@each_database
def test_what_stands_in_no_lane_is_counted_to_a_bound_too(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "MOST_WAITING", 5)
    monkeypatch.setattr(reads, "MOST_WAITING", 5)
    for tenant in ("long", "short01"):
        for _ in range(4):
            insert_later(store, tenant=tenant)
    found = store.backlogs(BacklogQuery(("long", "short01"))).by_tenant
    assert sum(backlog.depth.scheduled for backlog in found.values()) == 5
    assert {backlog.more for backlog in found.values()} == {frozenset({"SCHEDULED"})}


@each_database
def test_tenants_are_read_by_few_statements_none_of_which_reads_the_table(
    store: DatabaseStore, database: str
) -> None:
    for wanted in (BacklogQuery(("long", "short07")), BacklogQuery(), BacklogQuery(queue="emails")):
        with recorded(database) as statements:
            found = store.backlogs(wanted).by_tenant
        assert found
        assert len(statements) <= 6
        for statement in statements:
            plan = plan_of(database, statement)
            assert "Seq Scan on taskq_job" not in plan, plan
            bare = [line for line in plan.splitlines() if "SCAN" in line and "taskq_job" in line]
            assert all("taskq_job_" in line for line in bare), plan


@each_database
def test_the_first_tenants_of_a_queue_are_told_where_none_are_named(store: DatabaseStore) -> None:
    assert len(store.backlogs(BacklogQuery(queue="emails")).by_tenant) == 30
    assert store.backlogs(BacklogQuery(queue="sms")).by_tenant["long"].depth == Depth(3)
