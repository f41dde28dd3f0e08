"""Results: finding them again, refreshing them, and where they are refused."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.tasks import TaskResult, TaskResultStatus
from django.tasks.backends.base import BaseTaskBackend
from django.tasks.exceptions import TaskResultDoesNotExist, TaskResultMismatch
from django.test import override_settings

from django_taskq.backends import DatabaseBackend, RedisBackend, ThreadPoolBackend
from django_taskq.backends.base import TaskqBackend
from tests.app import tasks
from tests.conformance.conftest import Drain, On


class DatabaseWithoutResults(DatabaseBackend):
    """Keeps its results to itself."""

    supports_get_result = False
    get_result = BaseTaskBackend.get_result


class RedisWithoutResults(RedisBackend):
    """Keeps its results to itself."""

    supports_get_result = False
    get_result = BaseTaskBackend.get_result


class PoolWithoutResults(ThreadPoolBackend):
    """Keeps its results to itself."""

    supports_get_result = False
    get_result = BaseTaskBackend.get_result


def ways_to(owner: Any) -> list[Any]:
    """Return the sync and the async way to get a result from a task or a backend."""
    return [owner.get_result, async_to_sync(owner.aget_result)]


def test_a_job_that_waits_is_found_as_it_was_enqueued(backend: TaskqBackend, echo: Any) -> None:
    task = echo.using(run_after=timedelta(days=1), tenant="acme", metadata={"a": 1}, priority=3)
    result = task.enqueue([1, {"b": None}], more=2.5)
    for get in [*ways_to(task), *ways_to(backend)]:
        found = get(result.id)
        assert found == result
        assert found is not result
        assert isinstance(found, TaskResult)


@pytest.mark.parametrize("id", ["123", "", "00000000-0000-0000-0000-000000000000", "x" * 400, "é"])
def test_an_unknown_id_is_a_clear_error(backend: TaskqBackend, on: On, id: str) -> None:
    for get in [*ways_to(on(tasks.echo)), *ways_to(backend)]:
        with pytest.raises(TaskResultDoesNotExist):
            get(id)


def test_the_result_of_another_task_is_refused(on: On) -> None:
    result = on(tasks.echo).enqueue(1)
    for get in ways_to(on(tasks.nothing)):
        with pytest.raises(TaskResultMismatch):
            get(result.id)


def test_refresh_shows_in_place_what_happened_since(echo: Any, drain: Drain) -> None:
    for refresh in (TaskResult.refresh, async_to_sync(TaskResult.arefresh)):
        result = echo.enqueue(1)
        assert result.status is TaskResultStatus.READY
        drain()
        assert result.status is TaskResultStatus.READY
        refresh(result)
        assert result.status is TaskResultStatus.SUCCESSFUL
        assert result.return_value == 1


def test_refresh_changes_nothing_where_nothing_happened(on: On) -> None:
    result = on(tasks.echo).using(run_after=timedelta(days=1)).enqueue(1)
    before = {item.name: getattr(result, item.name) for item in fields(result)}
    for refresh in (result.refresh, async_to_sync(result.arefresh)):
        refresh()
        assert {item.name: getattr(result, item.name) for item in fields(result)} == before


def test_a_backend_that_keeps_its_results_says_so(alias: str, backend: TaskqBackend) -> None:
    kinds = (DatabaseWithoutResults, RedisWithoutResults)
    kind = next((kind for kind in kinds if isinstance(backend, kind.__base__)), PoolWithoutResults)
    entry = {**settings.TASKS[alias], "BACKEND": f"{kind.__module__}.{kind.__name__}"}
    with override_settings(TASKS={**settings.TASKS, alias: entry}):
        task = tasks.echo.using(backend=alias)
        result = task.using(run_after=timedelta(days=1)).enqueue(1)
        refreshes = [result.refresh, async_to_sync(result.arefresh)]
        gets = [*ways_to(task), *ways_to(task.get_backend())]
        for call in [*refreshes, *(lambda get=get: get(result.id) for get in gets)]:
            with pytest.raises(NotImplementedError):
                call()
