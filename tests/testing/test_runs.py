"""run_jobs does a worker's work in the thread of the test, and leaves its connections alone."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connections
from django.tasks import TaskResult, TaskResultStatus
from django.tasks.signals import task_finished, task_started

from django_taskq import get_job, xcom
from django_taskq.exceptions import TaskqError
from django_taskq.jobs.rules import QueueRule, Rules
from django_taskq.signals import attempt_failed
from django_taskq.testing import arun_jobs, held, run_jobs
from tests.aliases import with_options
from tests.app import tasks, xcom_tasks
from tests.app.models import Mark
from tests.ears import hearing
from tests.running import DURABLE
from tests.stores.places import write_rules

EVERY_DATABASE = pytest.mark.django_db(transaction=True, databases=DURABLE)


def enqueue(alias: str, task: Any, *args: Any, **options: Any) -> TaskResult:
    result: TaskResult = task.using(backend=alias, **options).enqueue(*args)
    return result


@pytest.mark.parametrize("way", ["", "a"], ids=["sync", "async"])
def test_what_a_job_pushes_is_pulled_by_the_next_and_by_the_test(alias: str, way: str) -> None:
    push, pull = (getattr(xcom_tasks, f"{way}{name}") for name in ("push", "pull"))
    enqueue(alias, push, "k", "value")
    enqueue(alias, pull, "k")
    assert [result.errors for result in run_jobs(alias)] == [[], []]
    assert xcom.pull("k", backend=alias) == ["value", 1]


def values(results: list[TaskResult]) -> list[Any]:
    return [result.return_value for result in results]


def test_jobs_run_in_the_order_of_a_worker_in_the_thread_of_the_caller(alias: str) -> None:
    for name, priority in (("low", -5), ("first", 0), ("second", 0), ("high", 5)):
        enqueue(alias, tasks.echo, name, priority=priority)
    assert values(run_jobs(alias)) == ["high", "first", "second", "low"]
    enqueue(alias, tasks.describe)
    (described,) = values(run_jobs(alias))
    assert described["thread"] == threading.current_thread().name
    assert (described["attempt"], described["should_stop"]) == (1, False)


def test_tenants_are_served_in_turn(alias: str) -> None:
    for tenant in "aab":
        enqueue(alias, tasks.echo, tenant, tenant=tenant)
    assert values(run_jobs(alias, limit=2)) in (["a", "b"], ["b", "a"])


def test_async_jobs_run_too_and_leave_no_trace_in_the_caller(alias: str) -> None:
    enqueue(alias, tasks.adescribe_current, tenant="acme")
    enqueue(alias, tasks.afail, tenant="acme")
    described, failed = run_jobs(alias)
    assert described.return_value["tenant"] == "acme"
    assert failed.status is TaskResultStatus.FAILED
    assert tasks.describe_current.func() == {"id": None, "job_id": None, "tenant": None}


def test_what_jobs_enqueue_runs_too(alias: str) -> None:
    outer = enqueue(alias, tasks.enqueue_another, "inner", tenant="acme")
    first, second = run_jobs(alias)
    assert (first.id, second.id) == (outer.id, first.return_value)
    assert second.return_value["tenant"] == "acme"


def test_a_limit_counts_attempts_and_queues_choose(alias: str) -> None:
    for queue in ("a", "b", "a"):
        enqueue(alias, tasks.echo, queue, queue_name=queue)
    assert values(run_jobs(alias, limit=1, queues=["a"])) == ["a"]
    assert values(run_jobs(alias, queues=["b", "c"])) == ["b"]
    assert run_jobs(alias, limit=0) == []
    assert values(run_jobs(alias)) == ["a"]


def test_what_is_not_due_stays(alias: str) -> None:
    result = enqueue(alias, tasks.echo, run_after=timedelta(hours=1))
    assert run_jobs(alias) == []
    assert get_job(result).state == "SCHEDULED"


def test_a_failure_is_recorded_as_a_worker_records_it(alias: str) -> None:
    signals = {"started": task_started, "failed": attempt_failed, "finished": task_finished}
    result = enqueue(alias, tasks.succeed_on, 2, max_tries=2, backoff=0)
    with hearing(**signals) as heard:
        ran = run_jobs(alias)
    assert [name for name, _ in heard] == ["started", "failed", "started", "finished"]
    assert [each.status for each in ran] == [TaskResultStatus.READY, TaskResultStatus.SUCCESSFUL]
    result.refresh()
    assert result == ran[-1]
    assert [error.exception_class for error in result.errors] == [ValueError]
    assert (result.attempts, get_job(result).tries) == (2, 2)


def test_what_cannot_be_stored_fails_its_job_alone(alias: str) -> None:
    enqueue(alias, tasks.unwritable, "set")
    enqueue(alias, tasks.echo)
    assert [each.status for each in run_jobs(alias)] == ["FAILED", "SUCCESSFUL"]


def test_exceptions_come_out_where_they_are_wanted_once_they_are_recorded(alias: str) -> None:
    result = enqueue(alias, tasks.fail, "KeyError", "lost")
    enqueue(alias, tasks.echo, "later")
    with pytest.raises(KeyError, match="lost"):
        run_jobs(alias, raise_exceptions=True)
    assert get_job(result).state == "FAILED"
    assert values(run_jobs(alias)) == ["later"]


@pytest.mark.parametrize("task", [tasks.fail, tasks.afail])
def test_what_is_meant_for_the_test_runner_comes_out(alias: str, task: Any) -> None:
    result = enqueue(alias, task, "KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        run_jobs(alias)
    assert get_job(result).state == "FAILED"


def test_a_job_that_leaves_the_process_only_fails(alias: str) -> None:
    enqueue(alias, tasks.leave, 3)
    assert [each.status for each in run_jobs(alias)] == ["FAILED"]


def test_metadata_is_saved_in_the_midst_of_a_job(alias: str) -> None:
    tasks.gates.open_gate("saved")
    results = [
        enqueue(alias, task, {"rows": 7}, "saved")
        for task in (tasks.save_metadata, tasks.asave_metadata)
    ]
    assert [each.status for each in run_jobs(alias)] == ["SUCCESSFUL"] * 2
    assert [get_job(result).metadata for result in results] == [{"rows": 7}] * 2


def test_a_sync_job_that_overruns_its_time_fails_with_a_timeout(alias: str) -> None:
    enqueue(alias, tasks.run_until_stopped, "overrun", timeout=0.05)
    (result,) = run_jobs(alias)
    assert result.errors[0].exception_class.__name__ == "TaskTimeout"


def test_an_async_job_that_overruns_its_time_fails_with_a_timeout(alias: str) -> None:
    enqueue(alias, tasks.linger, timeout=0.05)
    (result,) = run_jobs(alias)
    assert result.errors[0].exception_class.__name__ == "TaskTimeout"


def test_jobs_that_never_come_to_an_end_are_told_of(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_taskq.testing.worker.MOST_ATTEMPTS", 5)
    enqueue(alias, tasks.ask_again, 1000)
    with pytest.raises(TaskqError, match=r"were run 5 times.*tests\.app\.tasks\.ask_again.*limit="):
        run_jobs(alias)
    assert len(run_jobs(alias, limit=7)) == 7


def test_capped_jobs_run_one_after_the_other(alias: str) -> None:
    enqueue(alias, tasks.echo, 1, max_running=1)
    enqueue(alias, tasks.echo, 2, max_running=1)
    assert values(run_jobs(alias)) == [1, 2]


def test_what_operators_paused_stays(durable: str) -> None:
    write_rules(durable, Rules(queues={"emails": QueueRule(is_paused=True)}))
    enqueue(durable, tasks.echo, "paused", queue_name="emails")
    enqueue(durable, tasks.echo, "open")
    assert values(run_jobs(durable)) == ["open"]


@pytest.mark.parametrize("task", [tasks.mark, tasks.mark_and_fail])
def test_the_connections_of_the_test_stay_as_they_are(alias: str, task: Any) -> None:
    if alias not in DURABLE:
        enqueue(alias, tasks.echo)
        before = [each.connection for each in connections.all()]
        run_jobs(alias)
        assert [each.connection for each in connections.all()] == before
        return
    before = connections[alias].connection
    enqueue(alias, task, "kept", alias)
    run_jobs(alias)
    assert connections[alias].connection is before
    assert Mark.objects.using(alias).filter(text="kept").count() == 1


@pytest.mark.parametrize("alias", DURABLE)
@EVERY_DATABASE
def test_jobs_run_outside_of_a_transaction_too(alias: str) -> None:
    enqueue(alias, tasks.mark, "kept", alias)
    before = connections[alias].connection
    assert [each.status for each in run_jobs(alias)] == ["SUCCESSFUL"]
    assert connections[alias].connection is before
    assert not connections[alias].in_atomic_block


def test_a_pool_that_is_not_held_is_refused() -> None:
    with pytest.raises(TaskqError, match=r"'threads' runs its jobs by itself.*testing\.held"):
        run_jobs("threads")


def test_an_async_test_runs_jobs_too(alias: str) -> None:
    async def test() -> None:
        with pytest.raises(TaskqError, match="arun_jobs"):
            run_jobs(alias)
        for task in (tasks.echo, tasks.aecho):
            await task.using(backend=alias).aenqueue("here")
        await xcom_tasks.apush.using(backend=alias).aenqueue("k", "value")
        assert values(await arun_jobs(alias)) == ["here", "here", None]
        assert xcom.pull("k", backend=alias) == ["value", 1]

    async_to_sync(test)()


def test_options_of_the_backend_hold() -> None:
    with with_options("threads", MAX_TRIES=2, BACKOFF=0), held("threads"):
        enqueue("threads", tasks.fail)
        assert len(run_jobs("threads")) == 2
