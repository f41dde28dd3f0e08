"""With inline(), enqueue runs jobs where it is called."""

import threading
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.tasks.signals import task_enqueued, task_finished, task_started
from django.test import TestCase, override_settings

from django_taskq.exceptions import TaskqError
from django_taskq.testing import frozen, inline, run_jobs
from tests.aliases import with_options
from tests.app import tasks
from tests.ears import hearing


def test_the_result_of_enqueue_tells_how_the_job_ended(alias: str) -> None:
    with inline():
        result = tasks.describe.using(backend=alias, tenant="acme").enqueue()
        assert result.return_value["thread"] == threading.current_thread().name
        assert result.return_value["tenant"] == "acme"
        failed = tasks.fail.using(backend=alias).enqueue("KeyError")
        assert (failed.status, failed.errors[0].exception_class) == ("FAILED", KeyError)
    assert tasks.echo.using(backend=alias).enqueue().status == "READY"


def test_signals_come_in_their_order(alias: str) -> None:
    signals = {"enqueued": task_enqueued, "started": task_started, "finished": task_finished}
    with hearing(**signals) as heard, inline():
        tasks.echo.using(backend=alias).enqueue()
    assert [name for name, _ in heard] == ["enqueued", "started", "finished"]


def test_async_tasks_and_what_jobs_enqueue_run_too(alias: str) -> None:
    async def test() -> None:
        assert (await tasks.aecho.using(backend=alias).aenqueue("here")).return_value == "here"
        outer = await tasks.aenqueue_another.using(backend=alias).aenqueue("inner")
        inner = tasks.describe.using(backend=alias)
        assert (await inner.aget_result(outer.return_value)).return_value["value"] == "inner"

    with inline():
        async_to_sync(test)()


def test_many_jobs_run(alias: str) -> None:
    with inline():
        found = tasks.echo.using(backend=alias).enqueue_many([((1,), {}), ((2,), {})])
    assert [result.return_value for result in found] == [1, 2]


def test_what_is_not_due_stays(alias: str) -> None:
    with frozen() as time, inline():
        result = tasks.succeed_on.using(backend=alias, max_tries=2, backoff=60).enqueue(2)
        assert (result.status, result.attempts, len(result.errors)) == ("READY", 1, 1)
        later = tasks.echo.using(backend=alias, run_after=timedelta(hours=1)).enqueue()
        assert later.status == "READY"
        time.move(60)
        assert [each.return_value for each in run_jobs(alias)] == [2]


def test_other_aliases_than_the_named_are_left_alone(alias: str) -> None:
    other = {"threads": "processes"}.get(alias, "threads")
    with inline(other):
        assert tasks.echo.using(backend=alias).enqueue().status == "READY"
        assert tasks.echo.using(backend=other).enqueue().status == "SUCCESSFUL"


@pytest.mark.django_db(databases=["default"])
@pytest.mark.parametrize("alias", ["default", "threads"])
def test_with_enqueue_on_commit_a_job_runs_after_the_commit(alias: str) -> None:
    with with_options(alias, ENQUEUE_ON_COMMIT=True), inline():
        with TestCase.captureOnCommitCallbacks(execute=True), transaction.atomic():
            result = tasks.echo.using(backend=alias).enqueue("after")
            assert result.status == "READY"
        assert result.return_value == "after"


def test_what_keeps_jobs_from_running_comes_out_at_the_end(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_taskq.testing.worker.MOST_ATTEMPTS", 3)
    with pytest.raises(TaskqError, match="were run 3 times"), inline():
        tasks.ask_again.using(backend=alias).enqueue(1000)


@override_settings(
    TASKS={"default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}}
)
def test_backends_of_others_run_their_jobs_themselves() -> None:
    with inline():
        assert tasks.echo.using(max_tries=3).enqueue("x").return_value == "x"
