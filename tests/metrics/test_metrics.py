"""Metrics as a scraper meets them: jobs that ran for real, and a backend that is down."""

from datetime import timedelta

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from django_taskq.control import store_of
from django_taskq.models import Schedule, Tick, Worker
from django_taskq.models.schedule import Backfill
from django_taskq.questions import MOST_OPEN
from django_taskq.worker.tally import Tally
from django_taskq.worker.upkeep import Upkeep
from tests.aliases import alias_fixture
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.each_database import on_all_databases, on_each_database
from tests.metrics.exposed import Exposed, parse
from tests.running import DURABLE, run_due, running, wait_until_running

alias = alias_fixture()

TOKEN = "a-token-that-is-only-for-tests"
# Without the apps of the staff, which these tests leave out.
OPEN = override_settings(
    TASKQ={"MONITORING": {"tokens": [TOKEN], "timeout": 10}},
    MIDDLEWARE=[],
    ROOT_URLCONF="django_taskq.urls",
)


def scrape(alias: str, **query: str) -> Exposed:
    """Return the metrics of an alias."""
    client = Client(headers={"authorization": f"Bearer {TOKEN}"})
    with OPEN:
        page = client.get("/metrics", {"backend": alias, **query})
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(page.content.decode())


def labels_of(page: Exposed, alias: str, **labels: str) -> dict[str, str]:
    """Return the labels of a backend; a pool says of which process it is."""
    for _, found in page.samples:
        process = dict(found).get("process")
        if process is not None:
            labels["process"] = process
    return {"backend": alias, **labels}


def test_attempts_waits_and_runs_are_counted_by_queue(alias: str) -> None:
    for _ in range(3):
        tasks.nothing.using(backend=alias, queue_name="mail").enqueue()
    tasks.fail.using(backend=alias, queue_name="mail").enqueue()
    tasks.succeed_on.using(backend=alias, queue_name="mail", max_tries=2, backoff=0).enqueue(2)
    run_due(alias)

    def counted() -> Exposed | None:
        page = scrape(alias)
        labels = labels_of(page, alias, queue="mail")
        return page if page.value("taskq_run_seconds_count", **labels) == 6 else None

    page = wait_until(counted, what="six attempts to be counted")
    labels = labels_of(page, alias, queue="mail")
    outcomes = {
        outcome: page.value("taskq_attempts_total", **labels, outcome=outcome)
        for outcome in ("successful", "failed", "retried", "canceled", "released", "lost")
    }
    assert outcomes == {
        "successful": 4, "failed": 1, "retried": 1, "canceled": 0, "released": 0, "lost": 0,
    }  # fmt: skip
    assert page.value("taskq_wait_seconds_count", **labels) == 5
    assert page.value("taskq_wait_seconds_bucket", **labels, le="+Inf") == 5
    assert page.value("taskq_late_results_total", **labels) == 0
    assert page.value("taskq_backend_up", backend=alias) == 1
    assert page.kinds["taskq_attempts_total"] == "counter"
    assert page.kinds["taskq_wait_seconds"] == "histogram"


@on_each_database
def test_depth_age_and_workers_are_those_of_the_moment(alias: str) -> None:
    tasks.nothing.using(backend=alias, queue_name="mail", tenant='acme "1"').enqueue()
    tasks.nothing.using(backend=alias, run_after=timedelta(hours=1)).enqueue()
    page = scrape(alias)
    assert page.value("taskq_jobs", backend=alias, queue="mail", state="READY") == 1
    assert page.value("taskq_jobs", backend=alias, queue="mail", state="RUNNING") == 0
    assert page.value("taskq_jobs", backend=alias, queue="default", state="SCHEDULED") == 1
    age = page.value("taskq_oldest_ready_age_seconds", backend=alias, queue="mail")
    assert age is not None
    assert 0 < age < 60
    assert page.value("taskq_oldest_ready_age_seconds", backend=alias, queue="default") == 0
    assert page.value("taskq_workers", backend=alias, state="alive") == 0
    assert "taskq_tenant_jobs" not in page.kinds
    asked = scrape(alias, tenants="1")
    assert (
        asked.value(
            "taskq_tenant_jobs", backend=alias, queue="mail", tenant='acme "1"', state="READY"
        )
        == 1
    )


@on_each_database
def test_a_result_that_comes_too_late_and_a_lost_lease_are_counted(alias: str) -> None:
    gate = f"late metrics of {alias}"
    result = tasks.hold.using(backend=alias, queue_name="mail").enqueue(gate)
    with running(alias):
        wait_until_running(result, gate)
        Worker.objects.using(alias).update(expires_at=timezone.now() - timedelta(hours=1))
        store = store_of(alias)
        Upkeep(store, object, lambda: None, lambda: True, tally := Tally())._reap()
        tally.hand_over(store)
        gates.open_gate(gate)
        run_due(alias)
    page = scrape(alias)
    assert page.value("taskq_leases_lost_total", backend=alias) == 1
    assert page.value("taskq_late_results_total", backend=alias, queue="mail") == 1


@on_each_database
def test_schedules_that_nobody_decides_are_overdue(alias: str) -> None:
    now = timezone.now()
    rows = Schedule.objects.using(alias)
    schedule = rows.create(
        name="nightly", every=60, backend=alias, task="a", next_at=now - timedelta(seconds=90)
    )
    rows.create(
        name="off",
        every=60,
        backend=alias,
        task="a",
        next_at=now - timedelta(hours=9),
        enabled=False,
    )
    ticks = Tick.objects.using(alias)
    for minutes, decision, late in [
        (1, "fired", 0.5),
        (2, "fired", 4.5),
        (3, "missed", 0),
        (60, "fired", 99),
    ]:
        at = now - timedelta(minutes=minutes)
        ticks.create(schedule=schedule, due_at=at, decision=decision, late=late, decided_at=at)
    # A backfill fires what was due long ago: that is no lateness.
    filled = Backfill.objects.using(alias).create(
        schedule=schedule, from_at=now, until_at=now, created_at=now
    )
    ticks.create(
        schedule=schedule, due_at=now - timedelta(days=9), decision="fired", late=777_600,
        decided_at=now, backfill=filled,
    )  # fmt: skip
    page = scrape(alias)
    overdue = page.value("taskq_schedule_overdue_seconds", backend=alias)
    assert overdue is not None
    assert 89 < overdue < 150
    assert page.value("taskq_schedule_lateness_seconds", backend=alias) == 4.5
    assert page.value("taskq_schedule_ticks", backend=alias, decision="fired") == 2
    assert page.value("taskq_schedule_ticks", backend=alias, decision="missed") == 1


@on_all_databases
def test_a_backend_that_does_not_answer_shows_so_and_the_others_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(store_of("default"), "insights", refuse)
    for _ in range(MOST_OPEN + 1):
        with OPEN:
            page = Client(headers={"authorization": f"Bearer {TOKEN}"}).get("/metrics")
    found = parse(page.content.decode())
    assert found.value("taskq_backend_up", backend="default") == 0
    for other in (*DURABLE, "threads", "processes"):
        assert found.value("taskq_backend_up", backend=other) == (other != "default")
    workers = {dict(key)["backend"] for name, key in found.samples if name == "taskq_workers"}
    assert workers == {*DURABLE, "threads", "processes"} - {"default"}
