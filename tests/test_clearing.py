"""Clearing a queue reads by indexes alone, however many jobs have ended."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connections

from django_taskq.clearing import clear
from django_taskq.control import database_of
from tests.app import tasks
from tests.stores.database.statements import plan_of, recorded, run
from tests.stores.database.test_plans import each_database, forget_statistics, with_or_without

ENDED = 50_000

_UUID = {"postgresql": "gen_random_uuid()", "sqlite": "lower(hex(randomblob(16)))"}
_FILL = """
    INSERT INTO taskq_job (public_id, backend, task, queue, tenant, args, kwargs, state, priority,
        band, rank, enqueued_at, finished_at)
    SELECT {uuid}, '{alias}', 'tests.app.tasks.echo', 'mail', 'acme', '[]', '{{}}', 'SUCCESSFUL', 0,
        1, 0, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP
    FROM (WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})
        SELECT n FROM n) AS numbers
"""


@pytest.fixture
def alias(database: str, has_statistics: bool) -> Iterator[str]:
    """An alias with many ended and some waiting jobs in one queue; its name is its database's."""
    assert database_of(database) == database
    vendor = connections[database].vendor
    run(database, _FILL.format(uuid=_UUID[vendor], alias=database, count=ENDED))
    on = tasks.echo.using(backend=database, queue_name="mail", tenant="acme")
    on.enqueue_many([((n,), {}) for n in range(50)])
    on.using(run_after=timedelta(hours=1)).enqueue(50)
    tasks.echo.using(backend=database).enqueue(51)
    forget_statistics(database)
    if has_statistics:
        run(database, "ANALYZE taskq_job")
    yield database
    forget_statistics(database)


@each_database
@with_or_without
@pytest.mark.parametrize("tenant", [None, "acme"])
def test_no_ended_job_is_read(alias: str, database: str, tenant: str | None) -> None:
    with recorded(database) as statements:
        assert sum(clear(alias, "mail", tenant)) == 51

    looks = [s for s in statements if s[0].startswith("SELECT") and "public_id" in s[0]]
    plans = [plan_of(database, s) for s in looks if " IN (" not in s[0] or "band" in s[0]]
    assert len(plans) >= 6
    for plan in plans:
        assert "Seq Scan on taskq_job" not in plan, plan
        assert "SCAN taskq_job" not in plan, plan
        assert "PRIMARY KEY" not in plan, plan
        assert "taskq_job_pkey" not in plan, plan
