"""The pages of who operates, beside a million jobs, ten thousand tenants and their ticks."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from time import perf_counter, process_time
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_taskq.control import database_of, store_of
from django_taskq.jobs.servings import Serving
from django_taskq.models import Queue, Tenant, Tick
from django_taskq.scheduling import edits
from django_taskq.scheduling.definition import Definition
from tests.admin.pages import SignIn
from tests.admin.test_a_million_jobs import FILL, KINDS
from tests.stores.contracts.rolling_up import counts

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

TENANTS, TICKS = 10_000, 100_000
MOST_QUERIES, MOST_SECONDS = 12, 0.15


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count the queries on all databases."""
    counts: list[int] = []
    with ExitStack() as stack:
        captured = [
            stack.enter_context(CaptureQueriesContext(connections[name])) for name in connections
        ]
        yield counts
    counts.append(sum(map(len, captured)))


def fill(alias: str, ready: int) -> None:
    """Store a million jobs, so many of them ready, of TENANTS tenants in five queues."""
    connection = connections[database_of(alias)]
    statement = FILL.format(**KINDS[connection.vendor]).replace("ALIAS", alias)
    statement = statement.replace("i % 1000)", f"i % {TENANTS})")
    statement = statement.replace("i <= 10000 THEN", f"i > 25000 AND i <= {25000 + ready} THEN")
    with connection.cursor() as cursor:
        cursor.execute(statement)
        # As the automatic vacuum would; SQLite has but statistics to bring up to date.
        cursor.execute(
            "VACUUM ANALYZE taskq_job" if connection.vendor == "postgresql" else "ANALYZE"
        )


def operate(alias: str) -> Any:
    """Have operators say something of all tenants and queues, and a schedule tick for long."""
    database = database_of(alias)
    Tenant.objects.using(database).bulk_create(
        [Tenant(name=f"tenant{n}", weight=1 + n % 3) for n in range(TENANTS)], batch_size=500
    )
    Queue.objects.using(database).bulk_create([Queue(name=f"q{n}") for n in range(4)])
    store_of(alias).count_servings([Serving(f"tenant{n}", 1, 1.0) for n in range(1000)])
    store_of(alias).count([counts(f"q{n}", 100) for n in range(5)])
    now = timezone.now()
    told = Definition(
        name="often", task="tests.app.tasks.nothing", every=60.0, timezone="UTC", backend=alias
    )
    schedule = edits.add(told)
    Tick.objects.using(database).bulk_create(
        [
            Tick(
                schedule=schedule, due_at=now - n * timedelta(seconds=60),
                decided_at=now, decision="fired", late=0.1,
            )
            for n in range(TICKS)
        ],
        batch_size=500,
    )  # fmt: skip
    return schedule


def pages_of(alias: str, schedule: Any) -> list[str]:
    database = database_of(alias)
    chosen, beneath = f"?database={database}", f"?_changelist_filters=database%3D{database}"
    admin = "/admin/django_taskq"
    tenant = Tenant.objects.using(database).get(name="tenant77").pk
    queue = Queue.objects.using(database).get(name="q1").pk
    return [
        f"{admin}/queue/{chosen}",
        f"{admin}/queue/{queue}/change/{beneath}",
        f"{admin}/tenant/{chosen}",
        f"{admin}/tenant/{chosen}&p=300",
        f"{admin}/tenant/{chosen}&q=77",
        f"{admin}/tenant/{tenant}/change/{beneath}",
        f"{admin}/tenant/others/{chosen}",
        f"{admin}/worker/{chosen}",
        f"{admin}/worker/live/",
        f"{admin}/schedule/{chosen}",
        f"{admin}/schedule/{schedule.pk}/change/{beneath}",
        f"{admin}/run/",
    ]


@pytest.mark.benchmark
@pytest.mark.timeout(500)
@pytest.mark.parametrize("ready", [10_000, 970_000])
def test_every_page_of_operators_is_fast_and_asks_little(
    sign_in: SignIn, alias: str, ready: int
) -> None:
    if connections[database_of(alias)].vendor not in KINDS:
        pytest.skip("Rows are not made for this database.")
    fill(alias, ready)
    schedule = operate(alias)
    client = sign_in("*")
    slow = {}
    for page in pages_of(alias, schedule):
        wall, processor = (
            min(times) for times in zip(*(_time(client, page) for _ in range(3)), strict=True)
        )
        with counted() as queries:
            assert client.get(page).status_code == 200
        sys.stdout.write(
            f"{1000 * wall:6.0f} ms {1000 * processor:6.0f} ms of this process "
            f"{queries[0]:3} queries  {page}\n"
        )
        # SQLite works in this process, which says more on a machine that others use too.
        took = processor if connections[database_of(alias)].vendor == "sqlite" else wall
        if took > MOST_SECONDS or queries[0] > MOST_QUERIES:
            slow[page] = took, queries[0]
    assert not slow


def _time(client: Client, page: str) -> tuple[float, float]:
    """Return the seconds that a page takes, on the clock and of the processor."""
    start, used = perf_counter(), process_time()
    assert client.get(page).status_code == 200
    return perf_counter() - start, process_time() - used
