"""`task_id` and `on_duplicate`: what callers see of predictable ids."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django.tasks import TaskResult, TaskResultStatus
from django.tasks.exceptions import TaskResultDoesNotExist
from django.tasks.signals import task_enqueued
from django.test import override_settings

from django_taskq import DuplicateJob, cancel, get_job, requeue, retry
from django_taskq.control import store_of
from django_taskq.exceptions import JobStateError
from django_taskq.jobs.filters import JobFilter
from tests.aliases import ON_BOTH, ON_REDIS, alias_fixture, on_database, with_options
from tests.app import gates, tasks
from tests.running import run_due, run_to_end, running, wait_until_running

alias = alias_fixture(ON_REDIS, ON_BOTH)

LATER = timedelta(hours=1)
ways_in = pytest.mark.parametrize("is_async", [False, True], ids=["enqueue", "aenqueue"])
functions = pytest.mark.parametrize("function", ["echo", "aecho"])


@pytest.fixture
def enqueued() -> Iterator[list[TaskResult]]:
    heard: list[TaskResult] = []

    def hear(task_result: TaskResult, **kwargs: Any) -> None:
        heard.append(task_result)

    task_enqueued.connect(hear)
    yield heard
    task_enqueued.disconnect(hear)


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.node.nodeid
    gates.open_gate(request.node.nodeid)


def enqueue(task: Any, *args: Any, is_async: bool = False) -> TaskResult:
    result: TaskResult = async_to_sync(task.aenqueue)(*args) if is_async else task.enqueue(*args)
    return result


def waiting(alias: str, function: str = "echo", **options: Any) -> Any:
    return getattr(tasks, function).using(
        **{"backend": alias, "task_id": "nightly", "run_after": LATER, **options}
    )


def count(alias: str) -> int:
    return len(store_of(alias).find(JobFilter()))


@ways_in
@functions
def test_a_second_enqueue_is_refused_in_a_sentence(
    alias: str, function: str, is_async: bool, enqueued: list[TaskResult]
) -> None:
    first = enqueue(waiting(alias, function), 1, is_async=is_async)
    with pytest.raises(DuplicateJob, match=r"Wait for its end, cancel it, or enqueue") as caught:
        enqueue(waiting(alias, function), 2, is_async=is_async)
    assert (caught.value.job_id, caught.value.task_id) == (first.id, "nightly")
    assert first.id in str(caught.value)
    assert enqueued == [first]
    assert count(alias) == 1
    assert first.task.task_id == "nightly"
    assert get_job(first).task_id == "nightly"


@ways_in
@functions
def test_the_existing_result_is_returned_without_a_signal(
    alias: str, function: str, is_async: bool, enqueued: list[TaskResult]
) -> None:
    first = enqueue(waiting(alias, function), 1)
    again = waiting(alias, function, on_duplicate="return")
    second = enqueue(again, 2, is_async=is_async)
    assert (second.id, second.args) == (first.id, [1])
    assert (second.status, second.enqueued_at) == (TaskResultStatus.READY, first.enqueued_at)
    assert second.task.task_id == "nightly"
    assert enqueued == [first]
    assert count(alias) == 1


def test_the_existing_result_has_the_status_of_its_job(alias: str, gate: str) -> None:
    hold = tasks.hold.using(backend=alias, task_id="held", on_duplicate="return")
    first = hold.enqueue(gate)
    with running(alias):
        wait_until_running(first, gate)
        second = hold.enqueue("another gate")
        assert (second.id, second.status) == (first.id, TaskResultStatus.RUNNING)
        with pytest.raises(DuplicateJob, match="has started"):
            hold.using(on_duplicate="replace").enqueue("another gate")
        gates.open_gate(gate)
    first.refresh()
    assert first.args == [gate]


@ways_in
@functions
def test_a_replaced_job_runs_as_the_second_enqueue_says(
    alias: str, function: str, is_async: bool, enqueued: list[TaskResult]
) -> None:
    first = enqueue(waiting(alias, function, metadata={"a": 1}), 1)
    again = waiting(alias, function, on_duplicate="replace", priority=7)
    second = enqueue(again, 2, is_async=is_async)
    assert (second.id, second.args) == (first.id, [2])
    assert second.enqueued_at == first.enqueued_at
    assert [result.id for result in enqueued] == [first.id] * 2
    now = getattr(tasks, function).using(
        backend=alias, task_id="nightly", on_duplicate="replace", priority=7
    )
    result = run_to_end(alias, enqueue(now, 3, is_async=is_async))
    assert (result.id, result.return_value) == (first.id, 3)
    assert (get_job(result).priority, get_job(result).metadata) == (7, {})


@functions
def test_the_id_is_free_when_the_job_has_ended(alias: str, function: str) -> None:
    task = getattr(tasks, function).using(backend=alias, task_id="nightly")
    first = run_to_end(alias, task.enqueue(1))
    second = run_to_end(alias, task.enqueue(2))
    assert first.id != second.id
    assert (first.return_value, second.return_value) == (1, 2)


def test_a_batch_is_stored_whole_or_not_at_all(alias: str, enqueued: list[TaskResult]) -> None:
    held = waiting(alias, task_id="held").enqueue(0)
    calls = [waiting(alias, task_id=name).s(name) for name in ("a", "held", "b")]
    with pytest.raises(DuplicateJob, match=f"held by job {held.id}"):
        waiting(alias).enqueue_many(calls)
    assert count(alias) == 1
    assert enqueued == [held]

    results = waiting(alias).enqueue_many(
        [call.using(on_duplicate="return") for call in [*calls, calls[0]]]
    )
    assert [result.args for result in results] == [["a"], [0], ["b"], ["a"]]
    assert results[0].id == results[3].id
    assert [result.id for result in enqueued] == [held.id, results[0].id, results[2].id]


def test_each_tenant_has_ids_of_its_own(alias: str) -> None:
    results = [waiting(alias, tenant=name).enqueue(name) for name in ("", "acme", "globex")]
    assert len({result.id for result in results}) == 3
    with pytest.raises(DuplicateJob):
        waiting(alias, tenant="acme").enqueue(1)


def test_a_task_may_have_an_id_in_its_decorator(alias: str) -> None:
    task = tasks.singleton.using(backend=alias)
    result = task.using(run_after=LATER).enqueue()
    assert task.enqueue().id == result.id
    copy = requeue(result)
    assert (copy.task.task_id, get_job(copy).task_id) == (None, None)
    assert copy.id != result.id
    cancel(result)
    found = task.get_result(task.using(run_after=LATER).enqueue().id)
    assert (found.task.task_id, found.task.on_duplicate) == ("singleton", "return")


def test_a_retry_of_a_job_whose_id_is_taken_names_the_job_that_has_it(alias: str) -> None:
    first = waiting(alias).enqueue(1)
    cancel(first)
    second = waiting(alias).enqueue(2)
    with pytest.raises(JobStateError, match=f"its task_id is held by {second.id}"):
        retry(first)
    assert get_job(first).state == "CANCELED"
    cancel(second)
    assert retry(first).id == first.id
    with pytest.raises(DuplicateJob):
        waiting(alias).enqueue(3)


def test_a_job_inside_of_which_an_id_is_taken_gets_the_same_error(alias: str) -> None:
    held = waiting(alias).enqueue(1)
    result = run_to_end(alias, tasks.enqueue_named.using(backend=alias).enqueue("nightly"))
    assert result.return_value == ["DuplicateJob", held.id, "nightly"]
    result = run_to_end(
        alias, tasks.enqueue_named.using(backend=alias).enqueue("nightly", "return")
    )
    assert result.return_value == ["READY", held.id, "nightly"]


# An enqueue that waits for the commit.


@pytest.fixture(params=["threads", "default"])
def late(request: pytest.FixtureRequest) -> Iterator[str]:
    """An alias that stores jobs at the commit of the database `default`."""
    with (
        override_settings(TASKS=settings.TASKS),
        with_options("threads", "default", ENQUEUE_ON_COMMIT=True),
    ):
        yield request.param


@on_database("default")
def test_a_duplicate_that_is_there_is_met_before_the_commit(
    late: str, enqueued: list[TaskResult]
) -> None:
    first = waiting(late).enqueue(1)
    with transaction.atomic():
        with pytest.raises(DuplicateJob):
            waiting(late).enqueue(2)
        found = waiting(late, on_duplicate="return").enqueue(3)
        assert (found.id, found.args) == (first.id, [1])
        replaced = waiting(late, on_duplicate="replace").enqueue(4)
        assert (replaced.id, replaced.args) == (first.id, [4])
        assert first.task.get_result(first.id).args == [1]
    assert first.task.get_result(first.id).args == [4]
    assert count(late) == 1
    assert [result.id for result in enqueued] == [first.id] * 2


@on_database("default")
@pytest.mark.parametrize(
    ("on_duplicate", "line"),
    [
        ("raise", "1 jobs were not stored after the commit"),
        ("return", "After the commit the task_id 'nightly' belongs to job"),
    ],
)
def test_a_duplicate_that_comes_before_the_commit_is_logged_and_not_raised(
    late: str, on_duplicate: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    task = waiting(late, on_duplicate=on_duplicate)
    with caplog.at_level(logging.WARNING, logger="django_taskq"), transaction.atomic():
        first, second = task.enqueue(1), task.enqueue(2)
        assert first.id != second.id
    assert [text for text in caplog.messages if line in text]
    assert task.get_result(first.id).args == [1]
    with pytest.raises(TaskResultDoesNotExist):
        second.refresh()


@on_database("default")
def test_what_was_replaced_before_the_commit_runs_as_the_last_one_says(late: str) -> None:
    with transaction.atomic():
        tasks.echo.using(backend=late, task_id="a", run_after=LATER).enqueue(1)
        tasks.echo.using(backend=late, task_id="a", on_duplicate="replace").enqueue(2)
    run_due(late)
    assert [job.result for job in store_of(late).find(JobFilter())] == ["2"]
