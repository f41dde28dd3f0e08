"""The overview beside a million jobs, ten thousand tenants and a hundred thousand ticks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter, process_time
from typing import Any

import pytest
from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.test import Client
from django.utils import timezone

from django_taskq.control import database_of
from django_taskq.jobs.rollups import Span, second_of, start_of
from django_taskq.models import FailureRollup, Rollup, Schedule, Tenant, Tick
from django_taskq.models.rollup import ENDING_COLUMNS, RUN_COLUMNS, WAIT_COLUMNS
from tests.admin.pages import SignIn
from tests.admin.test_a_million_jobs import FILL, KINDS
from tests.admin.test_overview import PAGE, only

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LONGEST = 0.150
TENANTS = 10_000
QUEUES = 20


@pytest.mark.benchmark
@pytest.mark.timeout(500)
@pytest.mark.parametrize("has_statistics", [True, False])
@pytest.mark.parametrize("ready", [10_000, 1_000_000])
def test_the_overview_takes_150_ms(
    sign_in: SignIn, alias: str, ready: int, has_statistics: bool
) -> None:
    connection = connections[database_of(alias)]
    if connection.vendor not in KINDS:
        pytest.skip(f"Rows are not made for {connection.vendor}.")
    begun = perf_counter()
    with connection.cursor() as cursor:
        sql = FILL.format(**KINDS[connection.vendor]).replace("ALIAS", alias)
        sql = sql.replace("i % 1000", f"i % {TENANTS}").replace("i % 5", f"i % {QUEUES}")
        cursor.execute(sql.replace("i <= 10000", f"i <= {ready}"))
    fill_others(alias)
    if has_statistics:
        with connection.cursor() as cursor:
            for table in ("job", "tick", "tenant", "rollup"):
                cursor.execute(f"ANALYZE taskq_{table}")
    sys.stdout.write(f"filled after {perf_counter() - begun:.0f} s\n")
    client = sign_in("view_job")
    slow = {}
    with only(alias):
        for period in ("hour", "day", "week"):
            took, worked = min(times_of(client, period) for _ in range(5))
            sys.stdout.write(
                f"{1000 * took:6.0f} ms, {1000 * worked:.0f} ms of them this process's own work: "
                f"{alias}, {ready} ready, last {period}, "
                f"{'with' if has_statistics else 'without'} statistics\n"
            )
            if took > LONGEST:
                slow[period] = took
                with timed_statements() as statements:
                    times_of(client, period)
                for seconds, sql in statements:
                    sys.stdout.write(
                        f"    {1000 * seconds:6.1f} ms  {' '.join(sql.split())[:90]}\n"
                    )
    assert not slow


def fill_others(alias: str) -> None:
    """Store tenants, a hundred of them paused, ticks, and roll-ups of a week."""
    database, now = database_of(alias), timezone.now()
    Tenant.objects.using(database).bulk_create(
        [Tenant(name=f"tenant{n}", paused=n % 100 == 0) for n in range(TENANTS)], batch_size=1000
    )
    schedule = Schedule.objects.using(database).create(
        name="often", task="shop.tasks.work", backend=alias, every=6, next_at=now
    )
    moments = (now - timedelta(seconds=6 * n) for n in range(100_000))
    Tick.objects.using(database).bulk_create(
        [
            Tick(schedule=schedule, due_at=at, decided_at=at, decision="fired", late=0.2)
            for at in moments
        ],
        batch_size=1000,
    )
    timed = dict.fromkeys((*ENDING_COLUMNS, *WAIT_COLUMNS, *RUN_COLUMNS), 9)
    spans = [(Span.MINUTE, number) for number in range(120)]
    spans += [(Span.HOUR, number) for number in range(200)]
    starts = [
        (span.value, second_of(start_of(span, now - number * timedelta(seconds=span.value))))
        for span, number in spans
    ]
    Rollup.objects.using(database).bulk_create(
        [
            Rollup(backend=alias, queue=f"q{n}", span=span, start=start, **timed)
            for span, start in starts
            for n in range(QUEUES)
        ],
        batch_size=200,
    )
    FailureRollup.objects.using(database).bulk_create(
        [
            FailureRollup(backend=alias, task=f"shop.work_{n}", span=span, start=start, failed=n)
            for span, start in starts
            for n in range(30)
        ],
        batch_size=1000,
    )


@contextmanager
def timed_statements() -> Iterator[list[tuple[float, str]]]:
    """Time the statements of all threads."""
    times: list[tuple[float, str]] = []
    execute: Callable[..., Any] = CursorWrapper.execute

    def timing(self: Any, sql: str, params: Any = None) -> Any:
        start = perf_counter()
        try:
            return execute(self, sql, params)
        finally:
            times.append((perf_counter() - start, sql))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "execute", timing)
        yield times


def times_of(client: Client, period: str) -> tuple[float, float]:
    """Return the seconds that a page took, and those that this process worked for it."""
    start, worked = perf_counter(), process_time()
    assert client.get(PAGE, {"period": period}).status_code == 200
    return perf_counter() - start, process_time() - worked
