"""What callers ask for after a job was enqueued: look, cancel, retry, requeue."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.tasks import TaskResult, TaskResultStatus, task_backends
from django.tasks.exceptions import InvalidTaskBackend, TaskResultDoesNotExist
from django.test import override_settings

from django_taskq import JobCanceled, cancel, chain, get_job, requeue, retry, wait
from django_taskq.exceptions import JobStateError
from django_taskq.signals import job_canceled
from tests.aliases import alias_fixture
from tests.app import gates, journal, tasks
from tests.running import POOLS, run_due, run_to_end, running, wait_until_running

alias = alias_fixture()

UNKNOWN = "01900000-0000-7000-8000-000000000000"
VERBS = [cancel, retry, requeue, get_job]


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.node.nodeid
    gates.open_gate(request.node.nodeid)


@pytest.fixture
def canceled() -> Iterator[list[tuple[type, TaskResult]]]:
    heard: list[tuple[type, TaskResult]] = []

    def hear(sender: type, task_result: TaskResult, **kwargs: Any) -> None:
        heard.append((sender, task_result))

    job_canceled.connect(hear)
    yield heard
    job_canceled.disconnect(hear)


# What every verb takes and refuses.


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("id", [UNKNOWN, "123", ""])
def test_an_unknown_id_is_a_clear_error(alias: str, verb: Callable[..., Any], id: str) -> None:
    with pytest.raises(TaskResultDoesNotExist):
        verb(id, backend=alias)


@pytest.mark.parametrize("verb", VERBS)
def test_a_backend_of_somebody_else_is_a_clear_error(verb: Callable[..., Any]) -> None:
    entry = {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}
    with (
        override_settings(TASKS={**settings.TASKS, "foreign": entry}),
        pytest.raises(InvalidTaskBackend, match="foreign"),
    ):
        verb(UNKNOWN, backend="foreign")


def test_an_id_with_its_backend_stands_for_the_result(alias: str) -> None:
    result = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    assert get_job(result.id, backend=alias) == get_job(result)
    assert get_job(result.id.replace("-", "").upper(), backend=alias).id == result.id
    assert requeue(result.id, backend=alias).backend == alias
    assert cancel(result.id, backend=alias) is True
    assert retry(result.id, backend=alias).id == result.id


# get_job.


def test_a_job_is_seen_as_it_goes(alias: str, gate: str) -> None:
    result = tasks.hold.using(backend=alias, tenant="acme", priority=3).enqueue(gate, "value")
    later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    with running(alias):
        wait_until_running(result, gate)
        job = get_job(result)
        assert (job.state, job.failure, job.tenant, job.priority) == ("RUNNING", None, "acme", 3)
        assert (job.tries, job.lost, job.attempt, job.is_ended) == (0, 0, 1, False)
        gates.open_gate(gate)
        wait(result, timeout=10)
    job = get_job(result)
    assert (job.state, job.failure, job.is_ended) == ("SUCCESSFUL", None, True)
    assert (job.tries, job.lost, job.attempt) == (1, 0, 1)
    assert job.wait is not None
    assert job.wait >= timedelta(0)
    assert get_job(later).state == "SCHEDULED"


def test_a_job_is_read_only(alias: str) -> None:
    job = get_job(tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1))
    with pytest.raises(AttributeError):
        job.state = "SUCCESSFUL"


@pytest.mark.parametrize(
    ("task", "args", "failure"),
    [(tasks.fail, ("ValueError",), "error"), (tasks.reject, ("not today",), "rejected")],
)
def test_why_a_job_ended_badly_is_kept(alias: str, task: Any, args: Any, failure: str) -> None:
    result = run_to_end(alias, task.using(backend=alias).enqueue(*args))
    assert result.status is TaskResultStatus.FAILED
    assert get_job(result).failure == failure


# cancel.


def test_a_job_that_waits_is_canceled_at_once(
    alias: str, gate: str, canceled: list[tuple[type, TaskResult]]
) -> None:
    result = tasks.write.using(backend=alias, run_after=timedelta(seconds=0.3)).enqueue(gate, "ran")
    assert cancel(result) is True
    job = get_job(result)
    assert (job.state, job.failure) == ("CANCELED", "canceled")
    result.refresh()
    assert result.status is TaskResultStatus.FAILED
    assert result.finished_at is not None
    assert [error.exception_class for error in result.errors] == [JobCanceled]
    [(sender, heard)] = canceled
    assert sender is type(task_backends[alias])
    assert heard == result


def test_a_canceled_job_does_not_run(alias: str, gate: str) -> None:
    write = tasks.write.using(backend=alias)
    held = tasks.hold.using(backend=alias).enqueue(gate)
    results = [
        write.using(run_after=timedelta(hours=1)).enqueue(gate, str(number)) for number in range(5)
    ]
    assert [cancel(result) for result in results[1:]] == [True] * 4
    gates.open_gate(gate)
    run_due(alias)
    held.refresh()
    assert held.status is TaskResultStatus.SUCCESSFUL
    assert journal.read(gate) == []
    assert get_job(results[0]).state == "SCHEDULED"


def test_a_job_that_has_ended_is_not_canceled(
    alias: str, canceled: list[tuple[type, TaskResult]]
) -> None:
    good = tasks.echo.using(backend=alias).enqueue(1)
    bad = tasks.fail.using(backend=alias).enqueue()
    run_due(alias)
    assert cancel(good) is False
    assert cancel(bad) is False
    good.refresh()
    assert good.return_value == 1
    assert get_job(bad).failure == "error"
    assert canceled == []


def test_a_second_cancel_changes_nothing(
    alias: str, canceled: list[tuple[type, TaskResult]]
) -> None:
    result = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    assert cancel(result) is True
    ended = get_job(result)
    assert cancel(result) is False
    assert get_job(result) == ended
    assert len(canceled) == 1


def test_a_running_job_is_asked_to_stop_and_keeps_its_value(alias: str, gate: str) -> None:
    with running(alias):
        result = tasks.run_until_stopped.using(backend=alias).enqueue(gate)
        wait_until_running(result, gate)
        assert cancel(result) is True
        assert get_job(result).state == "RUNNING"
        assert get_job(result).cancel_asked_at is not None
        # The worker learns of it with the job's first note, after a second.
        assert wait(result, timeout=10).return_value == "stopped"


def test_a_canceled_running_job_that_fails_ends_canceled(alias: str, gate: str) -> None:
    with running(alias):
        again = tasks.change_metadata.using(backend=alias, max_tries=5, backoff=0)
        result = again.enqueue({}, fail_on=1, gate=gate)
        wait_until_running(result, gate)
        assert cancel(result) is True
        gates.open_gate(gate)
        wait(result, timeout=10)
    job = get_job(result)
    assert (job.state, job.attempt) == ("CANCELED", 1)
    assert result.errors[-1].exception_class is JobCanceled


# retry.


def test_a_failed_job_runs_again_with_fresh_tries_and_its_history(alias: str) -> None:
    # Two tries fail, and after the retry the third attempt is the first of two more.
    task = tasks.succeed_on.using(backend=alias, max_tries=2, backoff=0)
    result = run_to_end(alias, task.enqueue(4))
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 2)
    again = retry(result)
    assert again.id == result.id
    run_to_end(alias, result)
    assert result.return_value == 4
    assert result.attempts == 4
    assert len(result.errors) == 3
    assert get_job(result).failure is None


def test_a_canceled_job_can_be_retried(alias: str) -> None:
    result = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    cancel(result)
    again = retry(result)
    assert again.id == result.id
    # A pool may have run it by then.
    assert alias in POOLS or again.status is TaskResultStatus.READY
    assert run_to_end(alias, result).return_value == 1
    assert result.errors == []


def test_only_what_ended_badly_is_retried(alias: str) -> None:
    good = run_to_end(alias, tasks.echo.using(backend=alias).enqueue(1))
    waiting = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    for result, state in ((good, "SUCCESSFUL"), (waiting, "SCHEDULED")):
        with pytest.raises(JobStateError, match=rf"{state}.*requeue"):
            retry(result)
        assert get_job(result).state == state


# requeue.


@pytest.mark.parametrize("task", [tasks.describe, tasks.fail])
def test_a_copy_of_a_job_is_a_job_of_its_own(alias: str, task: Any) -> None:
    kwargs = {"more": {"a": [1]}} if task is tasks.describe else {}
    first = task.using(
        backend=alias, tenant="acme", priority=-3, queue_name="mail", metadata={"a": 1}, max_tries=1
    ).enqueue(**kwargs)
    run_to_end(alias, first)
    copy = requeue(first)
    assert copy.id != first.id
    assert copy.kwargs == first.kwargs
    assert copy.task == first.task
    before, after = get_job(first), get_job(copy)
    assert (after.tenant, after.queue, after.priority) == ("acme", "mail", -3)
    assert (after.metadata, after.max_tries) == ({"a": 1}, 1)
    run_to_end(alias, copy)
    assert copy.status == first.status
    assert copy.attempts == 1
    assert len(copy.errors) == len(first.errors)
    if task is tasks.describe:
        assert copy.return_value["metadata"] == {"a": 1}
        assert copy.return_value["tenant"] == "acme"
    assert get_job(first) == before


def test_a_copy_of_a_scheduled_job_runs_now(alias: str) -> None:
    result = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue(1)
    assert run_to_end(alias, requeue(result)).return_value == 1
    assert get_job(result).state == "SCHEDULED"


@pytest.mark.parametrize("timeout", [float("inf"), 1e12, timedelta.max, timedelta(seconds=30)])
def test_a_wait_may_last_longer_than_python_can(alias: str, timeout: float | timedelta) -> None:
    with running(alias):
        result = tasks.echo.using(backend=alias).enqueue(1)
        run = chain(tasks.echo.s(2)).enqueue(backend=alias)
        assert wait(result, timeout=timeout).return_value == 1
        assert wait(run, timeout=timeout).results[0].return_value == 2


@pytest.mark.parametrize(("timeout", "error"), [("5", TypeError), (float("nan"), ValueError)])
def test_a_wait_for_what_is_no_time_is_refused(timeout: Any, error: type[Exception]) -> None:
    result = tasks.echo.using(backend="threads", run_after=timedelta(hours=1)).enqueue(1)
    run = chain(tasks.echo.using(run_after=timedelta(hours=1))).enqueue(backend="threads")
    for waited in (result, run):
        with pytest.raises(error, match="timeout: expected seconds, a timedelta or None, got"):
            wait(waited, timeout=timeout)


def test_wait_takes_no_id_and_says_where_the_result_is() -> None:
    with pytest.raises(TypeError, match=r"Expected the TaskResult .* get_result\(\)"):
        wait(UNKNOWN)  # type: ignore[arg-type]
