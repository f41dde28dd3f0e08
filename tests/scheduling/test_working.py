"""Schedules as a project has them: workers that fire them, and jobs that know their instant."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from django_taskq import get_job
from django_taskq.control import store_of
from django_taskq.jobs.filters import JobFilter
from django_taskq.jobs.record import JobRecord
from django_taskq.models import Schedule, Tick
from django_taskq.scheduling.places import can_tick, database_of
from django_taskq.scheduling.scheduler import LONGEST_IDLE, SHORTEST_IDLE, Scheduler
from tests.aliases import EVERY_DURABLE, ON_BOTH, ON_REDIS, alias_fixture, on_database, with_options
from tests.deadlines import wait_until
from tests.running import run_to_end, running
from tests.scheduling import tasks
from tests.scheduling.stage import NOON, Stage

alias = alias_fixture(ON_REDIS, ON_BOTH)
PATH = "tests.scheduling.tasks.when"
POOLS = [pytest.param(alias, marks=on_database("default")) for alias in ("threads", "processes")]


def add_due(alias: str) -> Schedule:
    """Store a schedule that has been due for a second."""
    due = store_of(alias).now() - timedelta(seconds=1)
    row = Schedule(name="pulse", task=PATH, every=3600.0, backend=alias, next_at=due)
    row.save(using=database_of(alias))
    Schedule.objects.using(database_of(alias)).filter(pk=row.pk).update(created_at=due)
    return row


def job_of(alias: str, schedule: Schedule) -> JobRecord:
    """Wait until the schedule has ticked and its job has ended."""
    ticks = Tick.objects.using(database_of(alias)).filter(schedule=schedule)
    wait_until(ticks.exists, timeout=20, what="a tick")
    (tick,) = ticks

    def has_ended() -> bool:
        return any(job.is_ended for job in store_of(alias).find(JobFilter()))

    wait_until(has_ended, timeout=30, what="its job to end")
    return get_job(str(tick.job_id), alias)


@pytest.mark.parametrize("alias", [*EVERY_DURABLE, ON_REDIS, ON_BOTH], indirect=True)
def test_a_worker_fires_schedules_beside_its_jobs(alias: str) -> None:
    schedule = add_due(alias)
    with running(alias, is_scheduler=True):
        job = job_of(alias, schedule)
    assert job.scheduled_for is not None
    assert job.schedule_id == schedule.pk
    assert job.result == f'"{job.scheduled_for.isoformat()}"'


@pytest.mark.parametrize("alias", POOLS)
def test_the_process_that_holds_a_pool_ticks_if_it_was_told_to(alias: str) -> None:
    assert not can_tick(alias)
    with with_options(alias, SCHEDULER=True):
        assert can_tick(alias)
        schedule = add_due(alias)
        tasks.when.using(backend=alias).get_backend().start()
        job = job_of(alias, schedule)
        assert job.scheduled_for is not None
        assert job.result == f'"{job.scheduled_for.isoformat()}"'


@pytest.mark.parametrize("alias", EVERY_DURABLE[:1])
def test_a_job_of_no_schedule_has_no_instant(alias: str) -> None:
    assert run_to_end(alias, tasks.when.using(backend=alias).enqueue()).return_value is None


def test_idle_schedules_cost_a_statement_every_few_seconds(stage: Stage) -> None:
    rows = [
        Schedule(name=f"s{n}", task=PATH, every=3600.0, backend=stage.alias, next_at=due)
        for n in range(300)
        for due in [NOON + timedelta(minutes=10 + n)]
    ]
    Schedule.objects.using(stage.database).bulk_create(rows)
    ten = [Scheduler(stage.store) for _ in range(10)]
    with CaptureQueriesContext(connections[stage.database]) as asked:
        pauses = [scheduler.tick() for scheduler in ten]
    assert all(min(pauses) <= pause <= LONGEST_IDLE for pause in pauses)
    assert len(asked) <= len(ten)
    # Over all workers of the ten.
    assert len(ten) / SHORTEST_IDLE < 5


def test_thousands_that_are_due_at_once_are_fired_in_batches(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_taskq.scheduling.scheduler.BATCH", 50)
    rows = [
        Schedule(name=f"s{n}", task=PATH, every=3600.0, backend=stage.alias, next_at=NOON)
        for n in range(125)
    ]
    Schedule.objects.using(stage.database).bulk_create(rows)
    Schedule.objects.using(stage.database).update(created_at=NOON)
    with CaptureQueriesContext(connections[stage.database]) as asked:
        assert [stage.scheduler.tick() for _ in range(3)] == [0.0] * 3
    assert stage.scheduler.tick() > 0
    assert len(stage.jobs()) == 125
    # A look, and one statement of each sort for a batch; what SQLite splits up is its own.
    assert len([query for query in asked if query["sql"].startswith("SELECT")]) <= 3 * 6
