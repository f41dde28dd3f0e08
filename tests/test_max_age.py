"""A job that is older than its task allows is not run any more."""

from collections.abc import Iterator
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from django.tasks import TaskResultStatus
from django.tasks.signals import task_finished, task_started

from django_taskq import RejectError, get_job, retry, task, wait
from django_taskq.exceptions import JobExpired
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.states import Failure
from tests.aliases import alias_fixture, with_options
from tests.app import gates, journal, tasks
from tests.deadlines import wait_until
from tests.ears import hearing
from tests.handing import handing_out
from tests.running import POOLS, running

alias = alias_fixture()


@pytest.fixture
def page() -> Iterator[str]:
    """A page and a gate of this test alone, the gate open after it."""
    name = uuid4().hex
    yield name
    gates.open_gate(name)


@task(max_age=timedelta(hours=1), max_tries=5)
def note(page: str) -> str:
    """Write down that it ran."""
    journal.write(page, "ran")
    return "done"


@task(max_age=timedelta(hours=1), max_tries=5)
async def anote(page: str) -> str:
    """Write down that it ran."""
    journal.write(page, "ran")
    return "done"


@task(max_age=60, max_tries=5, backoff=0)
def fail_once(page: str) -> None:
    """Write down that it ran, and fail."""
    journal.write(page, "ran")
    raise ValueError("the first try")


def two_hours_old(claim: Claim) -> Claim:
    return claim._replace(enqueued_at=claim.enqueued_at - timedelta(hours=2))


@pytest.mark.parametrize("noting", [note, anote], ids=["sync", "async"])
def test_a_job_that_is_too_old_ends_as_expired_and_its_function_is_never_called(
    alias: str, page: str, noting: Any
) -> None:
    with handing_out(alias, two_hours_old), running(alias):
        result = wait(noting.using(backend=alias).enqueue(page), timeout=20)
        job = get_job(result)
    assert journal.read(page) == []
    assert result.status is TaskResultStatus.FAILED
    assert job.failure == Failure.EXPIRED
    assert job.reason == "The job was 2 h old, and max_age allows 1 h."
    assert [error.exception_class for error in result.errors] == [JobExpired]
    assert job.reason in result.errors[0].traceback
    assert (result.started_at, result.worker_ids) == (None, [])


def test_a_job_waits_for_a_worker_no_longer_than_its_max_age(alias: str, page: str) -> None:
    options = {"MAX_WORKERS": 1} if alias in POOLS else {}
    with with_options(alias, **options), running(alias, threads=1):
        tasks.hold.using(backend=alias).enqueue(page)
        wait_until(lambda: gates.is_reached(page), what="the worker to be busy")
        quick = note.using(backend=alias, max_age=0.2)
        late, patient = quick.enqueue(page), note.using(backend=alias).enqueue(page)
        old_at = monotonic() + 0.4
        wait_until(lambda: monotonic() > old_at, what="the job to be too old")
        gates.open_gate(page)
        wait(late, timeout=20)
        wait(patient, timeout=20)
        assert get_job(late).failure == Failure.EXPIRED
    assert patient.status is TaskResultStatus.SUCCESSFUL
    assert journal.read(page) == ["ran"]


def test_the_age_of_a_job_counts_from_its_time_to_run(alias: str, page: str) -> None:
    def due_now(claim: Claim) -> Claim:
        return two_hours_old(claim)._replace(run_after=claim.claimed_at)

    with handing_out(alias, due_now), running(alias):
        result = wait(note.using(backend=alias).enqueue(page), timeout=20)
    assert result.return_value == "done"


def test_a_job_may_expire_between_its_tries(alias: str, page: str) -> None:
    def older_with_each_attempt(claim: Claim) -> Claim:
        return claim if claim.attempt == 1 else two_hours_old(claim)

    with handing_out(alias, older_with_each_attempt), running(alias):
        result = wait(fail_once.using(backend=alias).enqueue(page), timeout=20)
        assert get_job(result).failure == Failure.EXPIRED
    assert journal.read(page) == ["ran"]
    assert [error.exception_class for error in result.errors] == [ValueError, JobExpired]
    assert len(result.worker_ids) == 1


def test_an_expired_job_finishes_without_having_started(alias: str, page: str) -> None:
    with (
        hearing(started=task_started, finished=task_finished) as heard,
        handing_out(alias, two_hours_old),
        running(alias),
    ):
        result = note.using(backend=alias).enqueue(page)
        wait_until(lambda: ("finished", result.id) in heard, what="task_finished")
    # A process pool announces a job before a child looks at it.
    announced = [("started", result.id)] if alias == "processes" else []
    assert heard == [*announced, ("finished", result.id)]


def test_an_expired_job_that_is_retried_expires_again(alias: str, page: str) -> None:
    with handing_out(alias, two_hours_old), running(alias):
        result = wait(note.using(backend=alias).enqueue(page), timeout=20)
        retry(result)
        wait_until(lambda: len(get_job(result).errors) == 2, timeout=20, what="the second end")
        assert get_job(result).failure == Failure.EXPIRED
    assert journal.read(page) == []


def test_who_handles_rejected_jobs_handles_expired_ones() -> None:
    assert issubclass(JobExpired, RejectError)
