"""XCom values are found by their indexes, however many there are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from django_taskq.jobs.xcom import Pusher, XCom
from django_taskq.models import XCom as Row
from django_taskq.options import Options
from django_taskq.stores.database import DatabaseStore
from tests.stores.database.statements import plan_of, recorded, run
from tests.stores.jobs import claim_one, insert, join
from tests.stores.places import new_alias

MANY = 5000

each_database = pytest.mark.parametrize(
    "database",
    [
        pytest.param(alias, marks=pytest.mark.django_db(transaction=True, databases=[alias]))
        for alias in ("default", "postgresql")
    ],
)


@pytest.fixture(params=[False, True], ids=["new", "analyzed"])
def store(database: str, request: pytest.FixtureRequest) -> Iterator[DatabaseStore]:
    """A store with many values, most of them of jobs that are gone and under one key."""
    opened = DatabaseStore(new_alias(), Options(database=database))
    now = datetime.now(UTC)
    Row.objects.using(database).bulk_create(
        Row(
            backend=opened.alias, namespace="run", value="1", job_seq=-number, attempt=1,
            key="crowd" if number % 2 else f"key {number}",
            pushed_at=now, expires_at=now + timedelta(hours=1),
        )
        for number in range(MANY)
    )  # fmt: skip
    if request.param:
        run(database, "ANALYZE taskq_xcom")
    yield opened
    if connections[database].vendor == "sqlite" and request.param:
        run(database, "DELETE FROM sqlite_stat1")
        run(database, "ANALYZE sqlite_schema")
    opened.close()


@each_database
def test_pull_push_and_prune_read_no_more_than_they_need(
    store: DatabaseStore, database: str
) -> None:
    join(store)
    insert(store)
    claim = claim_one(store)
    pusher = Pusher(claim.seq, claim.attempt, claim.id, "noop")
    wanted = [f"mine {number}" for number in range(50)]
    values = [XCom("", "run", key, "2", 60.0, pusher) for key in wanted]
    store.xcoms.push(values)
    with recorded(database) as statements:
        assert len(store.xcoms.pull("", ["run", "default"], [*wanted, "none"])) == 50
        store.xcoms.push(values[:1])
        assert store.xcoms.prune(10) == 0
    read = [statement for statement in statements if statement[0].lstrip().startswith("SELECT")]
    plans = [plan_of(database, statement) for statement in read if "taskq_xcom" in statement[0]]
    assert len(plans) == 3
    for plan, index in zip(plans, ("key", "job", "expiry"), strict=True):
        assert f"taskq_xcom_{index}" in plan, plan
        assert "Seq Scan on taskq_xcom" not in plan
        assert "SCAN taskq_xcom" not in plan
