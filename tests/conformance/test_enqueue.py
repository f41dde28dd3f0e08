"""Enqueuing: what comes back, what is refused, what is told."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django.tasks import TaskResult, TaskResultStatus
from django.tasks.exceptions import InvalidTask
from django.test import override_settings
from django.utils import timezone

from django_taskq.backends.base import TaskqBackend
from django_taskq.jobs.filters import JobFilter
from tests.aliases import database_of, every_durable, on_database
from tests.app import tasks
from tests.conformance.conftest import Drain, On
from tests.running import is_durable


def enqueue(task: Any, *args: Any, **kwargs: Any) -> TaskResult:
    return task.enqueue(*args, **kwargs)


def aenqueue(task: Any, *args: Any, **kwargs: Any) -> TaskResult:
    return async_to_sync(task.aenqueue)(*args, **kwargs)


ways_in = pytest.mark.parametrize("way_in", [enqueue, aenqueue])


@ways_in
def test_an_enqueued_job_is_ready_and_untouched(alias: str, echo: Any, way_in: Any) -> None:
    before = timezone.now()
    result = way_in(echo, (1, 2), more=(3,))
    assert result.status is TaskResultStatus.READY
    assert not result.is_finished
    assert (result.started_at, result.last_attempted_at, result.finished_at) == (None, None, None)
    assert result.enqueued_at is not None
    assert abs(result.enqueued_at - before) < timedelta(seconds=5)
    assert result.attempts == 0
    assert result.worker_ids == []
    assert result.errors == []
    assert result.args == [[1, 2]]
    assert result.kwargs == {"more": [3]}
    assert result.task == echo
    assert result.backend == alias
    with pytest.raises(ValueError, match="not finished"):
        _ = result.return_value


@ways_in
def test_an_argument_that_json_has_no_type_for_is_refused_and_nothing_stored(
    backend: TaskqBackend, echo: Any, way_in: Any
) -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    for args, kwargs in [((moment,), {}), ((), {"value": moment}), (([{"a": moment}],), {})]:
        with pytest.raises(TypeError, match="datetime"):
            way_in(echo, *args, **kwargs)
    assert backend.store.find(JobFilter()) == []


@ways_in
def test_a_task_is_validated_again_when_it_is_enqueued(
    alias: str, backend: TaskqBackend, echo: Any, way_in: Any
) -> None:
    post = echo.using(queue_name="post")
    narrowed = {**settings.TASKS[alias], "QUEUES": ["mail"]}
    with (
        override_settings(TASKS={**settings.TASKS, alias: narrowed}),
        pytest.raises(
            InvalidTask, match=r"'post' is not valid.*QUEUES of TASKS\['\w+'\]: 'mail'\."
        ),
    ):
        way_in(post, 1)
    assert backend.store.find(JobFilter()) == []


def check_enqueue_in_transaction(task: Any, database: str) -> None:
    with transaction.atomic(using=database):
        result = task.enqueue(1)
        assert result.enqueued_at is not None
        stored = task.get_result(result.id)
        assert stored.enqueued_at == result.enqueued_at


def test_a_job_is_stored_at_once_inside_a_transaction(
    request: pytest.FixtureRequest, alias: str, on: On
) -> None:
    task = on(tasks.echo).using(run_after=timedelta(days=1))
    if is_durable(alias):
        check_enqueue_in_transaction(task, database_of(alias))
    else:
        check_without_database(task)


def check_without_database(task: Any) -> None:
    result = task.enqueue(1)
    assert task.get_result(result.id).enqueued_at == result.enqueued_at


@on_database("default")
def test_a_pool_pays_no_heed_to_a_transaction() -> None:
    check_enqueue_in_transaction(
        tasks.echo.using(backend="threads", run_after=timedelta(days=1)), "default"
    )


@every_durable
def test_a_rollback_takes_the_durable_job_with_it(durable: str) -> None:
    task = tasks.echo.using(backend=durable)
    kept = task.enqueue("kept")
    with transaction.atomic(using=durable):
        task.enqueue("gone")
        transaction.set_rollback(True, using=durable)
    assert [job.id for job in task.get_backend().store.find(JobFilter())] == [kept.id]


@ways_in
def test_one_log_line_tells_of_an_enqueued_job(
    caplog: pytest.LogCaptureFixture, echo: Any, way_in: Any
) -> None:
    with caplog.at_level(logging.DEBUG, logger="django.tasks"):
        result = way_in(echo.using(run_after=timedelta(days=1)), 1)
    lines = [line for line in caplog.messages if "enqueued" in line]
    assert len(lines) == 1
    assert result.id in lines[0]


@pytest.mark.parametrize(
    ("flag", "make"),
    [
        ("supports_async_task", lambda: (tasks.aecho, {})),
        ("supports_priority", lambda: (tasks.echo, {"priority": 5})),
        ("supports_defer", lambda: (tasks.echo, {"run_after": timezone.now()})),
    ],
    ids=["async", "priority", "defer"],
)
@ways_in
def test_what_a_backend_does_not_support_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    alias: str,
    backend: TaskqBackend,
    flag: str,
    make: Any,
    way_in: Any,
) -> None:
    task, options = make()
    made_before = task.using(backend=alias, **options)
    monkeypatch.setattr(type(backend), flag, False)
    with pytest.raises(InvalidTask):
        task.using(backend=alias, **options)
    with pytest.raises(InvalidTask):
        way_in(made_before, 1)
    assert backend.store.find(JobFilter()) == []


@ways_in
def test_a_task_that_takes_the_context_is_enqueued_without_it(
    on: On, drain: Drain, way_in: Any
) -> None:
    result = way_in(on(tasks.describe), more="given")
    assert (result.args, result.kwargs) == ([], {"more": "given"})
    drain()
    result.refresh()
    assert result.return_value["more"] == "given"
