"""A job that comes too late for its rate is given back at no cost, and starts another time."""

import logging
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from django.tasks import TaskResultStatus
from django.tasks.signals import task_finished, task_started

from django_taskq import cancel, get_job, task, wait
from django_taskq.exceptions import JobCanceled
from django_taskq.jobs.claim import Claim
from django_taskq.jobs.states import State
from django_taskq.signals import attempt_failed
from tests.aliases import ON_REDIS, alias_fixture, with_options
from tests.app import gates, journal, tasks
from tests.deadlines import wait_until
from tests.ears import hearing
from tests.handing import handing_out
from tests.running import running

alias = alias_fixture(ON_REDIS)


@pytest.fixture
def page() -> Iterator[str]:
    """A page and a gate of this test alone, the gate open after it."""
    name = uuid4().hex
    yield name
    gates.open_gate(name)


@task
def note(page: str) -> str:
    """Write down that it ran; only its tenant may have a rate."""
    journal.write(page, "ran")
    return "done"


@task
async def anote(page: str) -> str:
    """Write down that it ran; only its tenant may have a rate."""
    journal.write(page, "ran")
    return "done"


@task(max_tries=3, backoff=0)
def fail(page: str) -> None:
    """Write down that it ran, and fail."""
    journal.write(page, "ran")
    raise ValueError("as ever")


def late_until(attempt: int) -> Callable[[Claim], Claim]:
    """Have the attempts before this one handed out for a time that is over."""

    def change(claim: Claim) -> Claim:
        start_by = monotonic() + (60.0 if claim.attempt >= attempt else -0.001)
        return claim._replace(start_by=start_by)

    return change


both = pytest.mark.parametrize("noting", [note, anote], ids=["sync", "async"])


@both
def test_a_job_in_time_starts(alias: str, page: str, noting: Any) -> None:
    with handing_out(alias, late_until(1)), running(alias):
        result = wait(noting.using(backend=alias).enqueue(page), timeout=20)
        assert get_job(result).attempt == 1
    assert result.return_value == "done"


@both
def test_a_late_job_is_given_back_at_no_cost(alias: str, page: str, noting: Any) -> None:
    with handing_out(alias, late_until(3)), running(alias):
        result = wait(noting.using(backend=alias).enqueue(page), timeout=20)
        job = get_job(result)
    assert journal.read(page) == ["ran"]
    assert result.return_value == "done"
    assert (job.attempt, job.tries, job.lost) == (3, 1, 0)
    assert (len(result.worker_ids), result.errors) == (1, [])


def test_a_release_between_tries_is_none(alias: str, page: str) -> None:
    def late_at_first_and_third(claim: Claim) -> Claim:
        late = -0.001 if claim.attempt in {1, 3} else 60.0
        return claim._replace(start_by=monotonic() + late)

    with handing_out(alias, late_at_first_and_third), running(alias):
        result = wait(fail.using(backend=alias).enqueue(page), timeout=20)
        job = get_job(result)
    assert journal.read(page) == ["ran"] * 3
    assert (job.attempt, job.tries) == (5, 3)
    assert len(result.worker_ids) == len(result.errors) == 3


def test_a_release_is_told_by_no_signal_but_one_that_came_before(alias: str, page: str) -> None:
    signals = {"started": task_started, "failed": attempt_failed, "finished": task_finished}
    with hearing(**signals) as heard, handing_out(alias, late_until(2)), running(alias):
        result = note.using(backend=alias).enqueue(page)
        wait_until(lambda: ("finished", result.id) in heard, what="task_finished")
    # A process pool announces a job before a child looks at it.
    starts = 2 if alias == "processes" else 1
    assert [name for name, _ in heard] == ["started"] * starts + ["finished"]


def test_a_release_is_logged_for_those_who_look_closely(
    alias: str, page: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "django_taskq.worker")
    with handing_out(alias, late_until(2)), running(alias):
        result = wait(note.using(backend=alias).enqueue(page), timeout=20)
    ours = [record for record in caplog.records if record.name == "django_taskq.worker"]
    told = [record for record in ours if result.id in record.getMessage()]
    assert [record.levelname for record in told] == ["DEBUG"]
    assert "given back on attempt 1: It came too late for its rate" in told[0].getMessage()


def test_a_late_job_that_was_canceled_meanwhile_ends(alias: str, page: str) -> None:
    """The cancel is asked for while the claim is on its way to the worker."""

    def cancel_on_the_way(claim: Claim) -> Claim:
        cancel(claim.id, backend=alias)
        return claim._replace(start_by=monotonic() - 0.001)

    with handing_out(alias, cancel_on_the_way), running(alias):
        result = wait(note.using(backend=alias).enqueue(page), timeout=20)
        assert get_job(result).state == State.CANCELED
    assert journal.read(page) == []
    assert result.status is TaskResultStatus.FAILED
    assert [error.exception_class for error in result.errors] == [JobCanceled]


def test_what_was_sent_ahead_of_its_start_comes_back_late_and_runs(page: str) -> None:
    """Short jobs are claimed for a child ahead of time; behind a long one they miss theirs."""
    start_by = {"first": 0.0}

    def soon(claim: Claim) -> Claim:
        if claim.attempt > 1:
            return claim
        if claim.task != note.module_path:
            # One that has long to start, so that it stands before the others all the same.
            return claim._replace(start_by=monotonic() + 60)
        start_by["first"] = start_by["first"] or monotonic() + 0.1
        return claim._replace(start_by=start_by["first"])

    with with_options("processes", MAX_WORKERS=1), handing_out("processes", soon):
        held = tasks.hold.using(backend="processes")
        results = held.enqueue_many([held.s(page), *[note.using(backend="processes").s(page)] * 5])
        wait_until(lambda: 0 < start_by["first"] < monotonic(), what="the time to be over")
        gates.open_gate(page)
        for result in results[1:]:
            assert wait(result, timeout=20).return_value == "done"
        attempts = [get_job(result).attempt for result in results[1:]]
    assert max(attempts) > 1
    assert journal.read(page) == ["ran"] * 5
