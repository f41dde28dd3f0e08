"""`why`: what callers are told of jobs that are not running, each cause made for real."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.tasks.exceptions import TaskResultDoesNotExist
from django.test.utils import CaptureQueriesContext

from django_taskq import cancel, get_job, rulings, task, why
from django_taskq.control import database_of, store_of
from django_taskq.jobs.reasons import SUSPECT
from django_taskq.models import Job, Queue, Tenant
from django_taskq.testing import held
from tests.aliases import alias_fixture, every_durable
from tests.app import gates, tasks
from tests.deadlines import wait_until
from tests.management.calls import call
from tests.running import is_durable, run_due, running, wait_until_running
from tests.stores.contracts.giving_back import given_back
from tests.stores.jobs import WORKER, claim_one, finish, join, lose

alias = alias_fixture()

MOST_QUERIES = 3


@task(max_running=1)
def hold_alone(gate: str) -> None:
    """Wait until the test opens the gate, one job at a time."""
    gates.pass_gate(gate)


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.node.nodeid
    gates.open_gate(request.node.nodeid)


# On every backend, the pools included.


def test_an_unknown_job_is_a_clear_error(alias: str) -> None:
    for id in ("01900000-0000-7000-8000-000000000000", "nonsense"):
        with pytest.raises(TaskResultDoesNotExist):
            why(id, backend=alias)


def test_a_job_waits_for_its_time_runs_and_ends(alias: str, gate: str) -> None:
    later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    assert why(later).startswith("It waits until ")
    assert why(later).endswith(" (in 60 min).")
    assert why(later.id, backend=alias) == why(later)
    job = tasks.hold.using(backend=alias).enqueue(gate)
    with running(alias):
        wait_until_running(job, gate)
        wait_until(lambda: why(job).startswith("It is running since "), what="the start to be told")
        cancel(job)
        assert why(job).startswith("It was asked to stop at ")
        gates.open_gate(gate)
    run_due(alias)
    assert why(job).startswith("It has ended as ")


def test_a_job_waits_for_others_and_for_a_free_place_of_its_task(alias: str, gate: str) -> None:
    on = hold_alone.using(backend=alias)
    with running(alias):
        first = on.enqueue(gate)
        wait_until_running(first, gate)
        second = on.enqueue(gate)
        third = tasks.echo.using(backend=alias, depends_on=[first, second]).enqueue(1)
        assert why(second) == (
            f"Its task {hold_alone.module_path} has as many jobs running as it may (max_running "
            "1): this one starts when one of them has ended."
        )
        assert why(third) == (
            f"It waits for job {first.id} ({hold_alone.module_path}, RUNNING) and 1 other."
        )
        gates.open_gate(gate)
    run_due(alias)
    assert why(third).startswith("It has ended as SUCCESSFUL")


def test_a_blocked_job_names_what_failed(alias: str) -> None:
    failed = tasks.fail.using(backend=alias).enqueue()
    run_due(alias)
    blocked = tasks.echo.using(backend=alias, depends_on=[failed]).enqueue(1)
    assert why(blocked) == (
        f"Job {failed.id}, which this one waits for, failed. A retry of what failed resumes this "
        "job."
    )


def test_a_job_that_nobody_works_says_so(alias: str) -> None:
    if is_durable(alias):
        job = tasks.echo.using(backend=alias).enqueue(1)
        assert why(job) == "No worker is alive: start one by manage.py runworker."
        return
    with held(alias):
        job = tasks.echo.using(backend=alias).enqueue(1)
        assert why(job) == (
            "No worker is alive: the pool of this process is held, closed or has not started."
        )


# In databases.


@every_durable
def test_pauses_are_told_until_they_are_over(durable: str) -> None:
    database = database_of(durable)
    store = store_of(durable)
    join(store)
    job = tasks.echo.using(backend=durable, tenant="acme", queue_name="emails").enqueue(1)
    rulings.pause(Tenant, "acme", database)
    assert why(job) == "Its tenant 'acme' is paused: resume it."
    rulings.pause(Queue, "emails", database)
    assert why(job) == "Its queue 'emails' is paused: resume it."
    rulings.resume(Tenant, "acme", database)
    rulings.resume(Queue, "emails", database)
    assert why(job).startswith("It is ready and the next of its tenant 'acme'")


@every_durable
def test_a_task_that_cannot_be_imported_is_told_by_who_met_it(durable: str) -> None:
    store = store_of(durable)
    join(store)
    job = tasks.echo.using(backend=durable).enqueue(1)
    rows = Job.objects.using(database_of(durable)).filter(public_id=job.id)
    rows.update(task="tests.app.gone.task")
    assert why(job) == (
        "This process cannot import its task, and a worker with the same code gives it back: The "
        "task 'tests.app.gone.task' cannot be imported: ModuleNotFoundError: No module named "
        "'tests.app.gone'."
    )
    finish(store, given_back(claim_one(store)))
    assert why(job).startswith(f"Worker {WORKER} could not load it, and gave it back to others")


@every_durable
def test_a_suspect_waits_to_run_alone(durable: str) -> None:
    store = store_of(durable)
    join(store)
    job = tasks.echo.using(backend=durable).enqueue(1)
    lose(store, claim_one(store))
    assert get_job(job).parked_for == SUSPECT
    assert why(job) == "Waits to run alone, since its worker died while it ran."


@every_durable
@pytest.mark.parametrize("options", [{}, {"max_running": 1, "max_rate": "1/h"}])
def test_no_number_of_jobs_takes_more_than_a_few_queries(durable: str, options: Any) -> None:
    join(store_of(durable))
    on = tasks.echo.using(backend=durable, tenant="acme", **options)
    jobs = on.enqueue_many([((n,), {}) for n in range(30)])
    child = tasks.echo.using(backend=durable, tenant="acme", depends_on=list(jobs)).enqueue(1)
    for job in (jobs[-1], child):
        with CaptureQueriesContext(connections[database_of(durable)]) as queries:
            why(job)
        # MariaDB and MySQL are asked for the time apart.
        assert len(queries) <= MOST_QUERIES + (queries.connection.vendor == "mysql")


# What shows it.


@every_durable
def test_job_show_tells_why_a_job_has_not_ended(durable: str) -> None:
    waiting = tasks.echo.using(backend=durable).enqueue(1)
    sentence = "No worker is alive: start one by manage.py runworker."
    assert sentence in call("job", "show", waiting.id, "--backend", durable).out
    shown = call("job", "show", waiting.id, "--backend", durable, "--format", "json")
    assert shown.json[0]["why"] == sentence
    run_due(durable)
    shown = call("job", "show", waiting.id, "--backend", durable, "--format", "json")
    assert shown.json[0]["why"] is None
