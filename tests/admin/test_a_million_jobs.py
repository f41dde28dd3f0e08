"""The pages of the admin beside a million jobs."""

import sys
from time import perf_counter

import pytest
from django.db import connections
from django.test import Client

from django_taskq.control import database_of
from tests.admin.pages import LIST, SignIn, rows

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

FILL = """
    INSERT INTO taskq_job (public_id, backend, task, queue, tenant, args, kwargs, state, priority,
        band, "rank", is_parked, is_blocked, attempt, tries, lost, enqueued_at, eligible_at, due_at,
        started_at, finished_at, worker_id)
    SELECT {uuid}, 'ALIAS', 'shop.tasks.work', 'q' || (i % 5), 'tenant' || (i % 1000),
        '["an argument of the usual length, so that rows are as wide as they are elsewhere"]',
        '{{}}', state, 0, 1, 0, {no}, {no}, 1, 1, 0, moment, moment,
        CASE state WHEN 'SCHEDULED' THEN moment END, moment,
        CASE WHEN state IN ('SUCCESSFUL', 'FAILED') THEN moment END,
        CASE state WHEN 'RUNNING' THEN 'w' END
    FROM (
        SELECT i, {moment} AS moment, CASE
            WHEN i <= 10000 THEN 'READY'
            WHEN i <= 15000 THEN 'SCHEDULED'
            WHEN i <= 15020 THEN 'RUNNING'
            WHEN i <= 25000 THEN 'FAILED'
            ELSE 'SUCCESSFUL' END AS state
        FROM {numbers}
    ) AS made
"""
KINDS = {
    "postgresql": {
        "uuid": "gen_random_uuid()",
        "no": "false",
        "moment": "timestamptz '2026-01-01' + i * interval '1 second'",
        "numbers": "generate_series(1, 1000000) AS i",
    },
    "sqlite": {
        "uuid": "lower(hex(randomblob(16)))",
        "no": "0",
        "moment": "strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', '+' || i || ' seconds')",
        "numbers": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 1000000) SELECT i FROM n) AS numbers",
    },
}


@pytest.mark.benchmark
@pytest.mark.timeout(400)
@pytest.mark.parametrize("has_statistics", [True, False])
def test_every_page_is_fast_beside_a_million_jobs(
    sign_in: SignIn, alias: str, has_statistics: bool
) -> None:
    connection = connections[database_of(alias)]
    if connection.vendor not in KINDS:
        pytest.skip(f"Rows are not made for {connection.vendor}.")
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(**KINDS[connection.vendor]).replace("ALIAS", alias))
        if has_statistics:
            cursor.execute("ANALYZE taskq_job")
    id = str(rows(alias).values_list("public_id", flat=True)[0])
    client = sign_in("*")
    database = f"database={connection.alias}"
    pages = [
        f"{LIST}?{database}",
        f"{LIST}?{database}&p=100",
        f"{LIST}?{database}&q={id}",
        *(f"{LIST}?{database}&state={state}" for state in (
            "READY", "SCHEDULED", "RUNNING", "DEFERRED", "FAILED", "SUCCESSFUL", "SKIPPED",
        )),
        f"{LIST}?{database}&state=SUCCESSFUL&p=100",
        f"{LIST}?{database}&state=READY&apart=yes",
        f"{LIST}?{database}&state=READY&queue=q1",
        f"{LIST}?{database}&state=READY&queue=none",
        f"{LIST}?{database}&state=READY&queue=q1&tenant=tenant1",
        f"{LIST}?{database}&state=READY&queue=q1&tenant=nobody",
        f"{LIST}{id}/change/",
        f"{LIST}failures/?{database}&days=30",
    ]  # fmt: skip
    slow = {}
    for page in pages:
        took = min(_time(client, page) for _ in range(2))
        sys.stdout.write(f"{1000 * took:6.0f} ms  {page}\n")
        if took > 0.5:
            slow[page] = took
    assert not slow


def _time(client: Client, page: str) -> float:
    start = perf_counter()
    assert client.get(page).status_code == 200
    return perf_counter() - start
