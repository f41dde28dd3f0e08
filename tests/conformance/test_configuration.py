"""What TASKS says, and the backend objects made from it."""

import pytest
from django.conf import settings
from django.tasks import default_task_backend, task_backends
from django.tasks.exceptions import InvalidTaskBackend
from django.test import override_settings

from django_taskq.backends.base import TaskqBackend
from tests.app import tasks


def entry(alias: str) -> dict[str, object]:
    return settings.TASKS[alias]


def test_the_default_backend_is_the_one_under_the_default_alias(alias: str) -> None:
    wanted = {**entry(alias), "OPTIONS": {**entry(alias).get("OPTIONS", {}), "MAX_TRIES": 7}}
    with override_settings(TASKS={"default": wanted}):
        found = task_backends["default"]
        assert default_task_backend == found
        assert isinstance(found, TaskqBackend)
        assert f"{type(found).__module__}.{type(found).__qualname__}".endswith(
            str(wanted["BACKEND"]).rpartition(".")[2]
        )
        assert found.alias == "default"
        assert found.options == wanted["OPTIONS"]
        assert found.settings.max_tries == 7


def test_changed_settings_give_other_backends(alias: str) -> None:
    before = task_backends[alias]
    with override_settings(TASKS={alias: {**entry(alias), "QUEUES": ["mail"]}}):
        changed = task_backends[alias]
        assert changed is not before
        assert changed.queues == {"mail"}
    after = task_backends[alias]
    assert after is not changed
    assert after.queues == set()


def test_without_tasks_in_the_settings_enqueue_names_the_missing_backend(alias: str) -> None:
    echo = tasks.echo.using(backend=alias)
    with override_settings(TASKS={}), pytest.raises(InvalidTaskBackend):
        echo.enqueue(1)


def test_using_refuses_an_unknown_alias(alias: str) -> None:
    with pytest.raises(InvalidTaskBackend):
        tasks.echo.using(backend=f"{alias}-of-nobody")


def test_using_refuses_a_backend_that_cannot_be_imported(alias: str) -> None:
    with (
        override_settings(TASKS={**settings.TASKS, alias: {"BACKEND": "nobody.knows.Backend"}}),
        pytest.raises(InvalidTaskBackend),
    ):
        tasks.nothing.using(backend=alias)


def test_a_backend_without_a_store_cannot_be_made(alias: str, backend: TaskqBackend) -> None:
    class Unfinished(TaskqBackend):
        readers = type(backend).readers
        needs_worker = False

    with pytest.raises(TypeError, match="abstract"):
        Unfinished(alias=alias, params={})


def test_a_healthy_backend_passes_the_system_checks(backend: TaskqBackend) -> None:
    assert list(backend.check()) == []
